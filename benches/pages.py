#!/usr/bin/env python3
"""Measures the first pages and the counts of audiences of one in a hundred members.

    python3 benches/pages.py PROGRAM [--members 5000000] [--audiences 40] [--calls 400]

A new server gets audiences of members with one of fifty last names, so that they lie all over the memberbase,
and imports the members of `search.py`. Each call is made by one client after the other, for another
audience each time, first right after a restart of the server and then again. Prints the percentiles of the
wall time in milliseconds.
"""

import argparse
import pathlib
import random
import subprocess
import tempfile

import client

client.with_packages()

from google.protobuf.struct_pb2 import ListValue, Value  # noqa: E402
from publisher.v1 import attribute_service_pb2, attribute_service_pb2_grpc  # noqa: E402
from publisher.v1 import audience_pb2, audience_service_pb2, audience_service_pb2_grpc  # noqa: E402
from publisher.v1 import filter_pb2, member_service_pb2, member_service_pb2_grpc, pagination_pb2  # noqa: E402

import search  # noqa: E402
import server  # noqa: E402

NAMES = 5_000
NAMES_EACH = 50


def create(url, base, last, count):
    """Creates the audiences. Returns their ids."""
    service = audience_service_pb2_grpc.AudienceServiceStub(client.connect(url))
    made = []
    for n in range(count):
        names = [Value(string_value=name) for name in last[n * NAMES_EACH : (n + 1) * NAMES_EACH]]
        name_in = filter_pb2.Filter(key="last_name", **{"in": ListValue(values=names)})
        request = audience_service_pb2.CreateAudienceRequest(member_base_id=base, name=f"audience {n}")
        request.filters.append(name_in)
        made.append(service.CreateAudience(request).audience.id)
    return made


def sizes(url, made):
    """The smallest and the largest number of members of an audience."""
    service = audience_service_pb2_grpc.AudienceServiceStub(client.connect(url))
    gets = [audience_service_pb2.GetAudienceRequest(audience_id=id) for id in made]
    found = [service.GetAudience(get).audience for get in gets]
    assert all(audience.state == audience_pb2.AUDIENCE_STATE_READY for audience in found)
    counts = [audience.member_count for audience in found]
    return min(counts), max(counts)


def measure(url, base, audiences, calls, dice):
    members = member_service_pb2_grpc.MemberServiceStub(client.connect(url))
    of = lambda id: [filter_pb2.Filter(key="audience", eq=Value(string_value=id))]
    some = lambda: [dice.choice(audiences) for _ in range(calls)]

    def page(limit, total):
        pagination = pagination_pb2.Pagination(limit=limit)
        return lambda id: members.ListMembers(
            member_service_pb2.ListMembersRequest(
                member_base_id=base, filters=of(id), pagination=pagination, include_total=total
            )
        )

    def count(id):
        members.CountMembers(member_service_pb2.CountMembersRequest(member_base_id=base, filters=of(id)))

    def both(id):
        tier = filter_pb2.Filter(key="tier", eq=Value(string_value="Tier 3"))
        filters = of(id) + [tier]
        members.CountMembers(member_service_pb2.CountMembersRequest(member_base_id=base, filters=filters))

    # The memberbase is opened by its first use.
    count(audiences[0])
    search.percentiles("first page of 30, with the total", page(30, True), some())
    search.percentiles("first page of 500", page(500, False), some())
    search.percentiles("count of an audience", count, some())
    search.percentiles("count of an audience with a tier", both, some())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--members", type=int, default=5_000_000)
    parser.add_argument("--audiences", type=int, default=40)
    parser.add_argument("--calls", type=int, default=400)
    options = parser.parse_args()
    assert options.audiences * NAMES_EACH <= NAMES
    program = str(pathlib.Path(options.program).resolve())
    dice = random.Random(7)
    first, last = search.names(dice, 1_000), search.names(dice, NAMES)
    dice.shuffle(last)
    with tempfile.TemporaryDirectory() as folder:
        data, full = f"{folder}/data", f"{folder}/full.csv"
        search.write(full, options.members, first, last, dice)
        process, url = server.start(program, data)
        try:
            base = client.create_base(client.connect(url), "b")
            team = attribute_service_pb2.AttributeDefinition(type="string", indexed=True)
            attribute_service_pb2_grpc.AttributeServiceStub(client.connect(url)).SetAttributeSchema(
                attribute_service_pb2.SetAttributeSchemaRequest(member_base_id=base, schema={"team": team})
            )
            audiences = create(url, base, last, options.audiences)
            command = [program, "import", full, "--base", "b", "--server", url]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            least, most = sizes(url, audiences)
            print(f"audiences of {least} to {most} members", flush=True)
            server.stop(process)
            process, url = server.start(program, data)
            for when in ("after a restart", "again"):
                print(f"{when}:")
                measure(url, base, audiences, options.calls, dice)
        finally:
            server.stop(process)


if __name__ == "__main__":
    main()
