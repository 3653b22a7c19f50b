#!/usr/bin/env python3
"""Compares the rates at which members are loaded over gRPC into a memberbase without audiences and into one
with many.

    python3 benches/audiences.py PROGRAM [--members 200000] [--audiences 100] [--rounds 3]

Requests are made before the time is taken, as bytes, a thousand rows each, and eight wait for their replies
at a time. The two memberbases of one server take turns: a fresh load, and three times the same rows, which
change nothing. Prints rows in a second of wall time, server CPU a row, and the shares of the rounds.
"""

import argparse
import concurrent.futures
import pathlib
import tempfile
import time

import client

client.with_packages()

from google.protobuf import json_format  # noqa: E402
from google.protobuf.struct_pb2 import ListValue, Value  # noqa: E402
from publisher.v1 import attribute_service_pb2, attribute_service_pb2_grpc  # noqa: E402
from publisher.v1 import audience_service_pb2, audience_service_pb2_grpc  # noqa: E402
from publisher.v1 import filter_pb2, member_service_pb2  # noqa: E402

import server  # noqa: E402

ROWS = 1_000
WAITING = 8
UPSERT = "/publisher.v1.MemberService/BulkUpsertMembers"
TYPES = {"city": "string", "level": "number", "remote": "boolean", "joined": "date", "tags": "array"}
TYPES["note"] = "string"
ROLES = ["cook", "driver", "head cook", "pilot", "clerk"]


def text(value):
    return Value(string_value=value)


def words(values):
    return ListValue(values=[text(value) for value in values])


def filters(n, made):
    """The filter of the nth audience. Of ten, one names another, one has a regular expression, and one has
    parts in parts."""
    condition = filter_pb2.Filter
    number = lambda value: Value(number_value=value)
    city = condition(key="attributes.city", eq=text(f"city {n * 7 % 50}"))
    tens = n // 10
    match n % 10:
        case 0 if made:
            return [condition(key="audience", eq=text(made[(n * 7) % len(made)])), city]
        case 1:
            return [condition(key="tier", eq=text(f"tier {tens % 4}")), city]
        case 2:
            level, low = "attributes.level", tens * 9
            return [condition(key=level, gte=number(low)), condition(key=level, lt=number(low + 40))]
        case 3:
            cities = {"in": words(f"city {c % 50}" for c in range(n, n + 20))}
            return [condition(key="attributes.city", **cities), condition(key="status", eq=text("active"))]
        case 4:
            return [condition(key="attributes.remote", eq=Value(bool_value=tens % 2 == 0)), city]
        case 5:
            field = ["email", "company", "attributes.note", "last_name", "role"][tens % 5]
            pattern = filter_pb2.Regex(pattern=f"(a|e|i)[a-z ]*{tens}", case_insensitive=tens % 2 == 0)
            return [condition(key=field, regex=pattern)]
        case 6:
            return [condition(key="attributes.joined", gt=text(f"202{tens % 6}-0{tens % 9 + 1}-01"))]
        case 7:
            lead = [condition(key="role", eq=text(ROLES[n % 5])), condition(key="tier", eq=text("tier 1"))]
            other = [condition(key="company", prefix=f"company {tens}"), condition(key="phone", exists=True)]
            return [condition(**{"or": [condition(**{"and": lead}), condition(**{"and": other})]})]
        case 8:
            tag = condition(key="attributes.tags", eq=text("tag 1"))
            return [condition(key="first_name", prefix=f"Fi{tens}"), tag]
        case _:
            tag = condition(key="attributes.tags", eq=text(f"tag {n % 30}"))
            return [tag, condition(key="attributes.note", exists=tens % 2 == 0)]


def mixed(n, salt):
    """A number that looks random."""
    x = ((n + 1) * 0x9E3779B97F4A7C15 ^ salt * 0xD6E8FEB86659FD93) & (2**64 - 1)
    x = ((x ^ x >> 32) * 0xD6E8FEB86659FD93) & (2**64 - 1)
    return x ^ x >> 32


def row(n):
    """The nth member, as JSON has it."""
    a, b = mixed(n, 1), mixed(n, 2)
    attributes = {
        "city": f"city {b % 50}",
        "level": a % 100,
        "remote": a % 2 == 0,
        "joined": f"202{a % 6}-0{b % 9 + 1}-11",
        "tags": [f"tag {a % 30}", f"tag {b % 30}"],
    }
    if a % 3:
        attributes["note"] = f"paid {a % 20} late {b % 10}"
    return {
        "ref": f"r{n}",
        "email": f"mail{a % 10**7}.{n}@example.com",
        "first_name": f"Fi{a % 40}",
        "last_name": f"La{b % 90}son",
        "tier": f"tier {a % 4}",
        "role": ROLES[b % 5],
        "company": f"company {b % 70}",
        "attributes": attributes,
    }


def make(url, name, audiences):
    channel = client.connect(url)
    base = client.create_base(channel, name)
    definition = attribute_service_pb2.AttributeDefinition
    schema = {key: definition(type=kind, indexed=key == "city") for key, kind in TYPES.items()}
    request = attribute_service_pb2.SetAttributeSchemaRequest(member_base_id=base, schema=schema)
    attribute_service_pb2_grpc.AttributeServiceStub(channel).SetAttributeSchema(request)
    service, made = audience_service_pb2_grpc.AudienceServiceStub(channel), []
    for n in range(audiences):
        request = audience_service_pb2.CreateAudienceRequest(member_base_id=base, name=f"audience {n}")
        request.filters.extend(filters(n, made))
        made.append(service.CreateAudience(request).audience.id)
    return base


def requests(base, members):
    """The bytes of all requests."""
    made = []
    for first in range(0, members, ROWS):
        request = member_service_pb2.BulkUpsertMembersRequest(member_base_id=base)
        for n in range(first, min(members, first + ROWS)):
            json_format.ParseDict(row(n), request.members.add())
        made.append(request.SerializeToString())
    return made


def load(url, bodies, outcome):
    """Sends requests; asserts of some that every row had this outcome."""
    plain = lambda body: body
    call = client.connect(url).unary_unary(UPSERT, request_serializer=plain, response_deserializer=plain)
    with concurrent.futures.ThreadPoolExecutor(WAITING) as pool:
        replies = list(pool.map(call, bodies))
    some = replies[:: max(1, len(replies) // 5)]
    counts = [member_service_pb2.BulkUpsertMembersResponse.FromString(reply).counts for reply in some]
    assert all(getattr(count, outcome) == ROWS for count in counts), counts


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--members", type=int, default=200_000)
    parser.add_argument("--audiences", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    assert options.members % ROWS == 0
    program = str(pathlib.Path(options.program).resolve())
    shares = {}
    for turn in range(options.rounds):
        with tempfile.TemporaryDirectory() as folder:
            process, url = server.start(program, f"{folder}/data")
            try:
                bases = {name: make(url, name, count) for name, count in (("without", 0), ("with", options.audiences))}
                bodies = {name: requests(base, options.members) for name, base in bases.items()}
                for what, outcome, times in (("fresh", "created", 1), ("unchanged", "unchanged", 3)):
                    took, cpu = {}, {}
                    for name in ("without", "with") if turn % 2 == 0 else ("with", "without"):
                        used, began = server.cpu_seconds(process.pid), time.perf_counter()
                        for _ in range(times):
                            load(url, bodies[name], outcome)
                        took[name] = time.perf_counter() - began
                        # What the rows left to be done belongs to them.
                        time.sleep(2)
                        cpu[name] = server.cpu_seconds(process.pid) - used
                    rows = options.members * times
                    share = took["without"] / took["with"] * 100
                    shares.setdefault(what, []).append(share)
                    rates = " and ".join(f"{rows / took[name]:.0f} {name}" for name in took)
                    micros = " and ".join(f"{cpu[name] / rows * 1e6:.2f} {name}" for name in cpu)
                    print(f"{what}, rows/s: {rates} ({share:.0f} %); server CPU us a row: {micros}", flush=True)
            finally:
                server.stop(process)
    for what, found in shares.items():
        print(f"{what}: " + ", ".join(f"{share:.0f} %" for share in sorted(found)))


if __name__ == "__main__":
    main()
