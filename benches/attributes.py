#!/usr/bin/env python3
"""Measures members with many attributes: what a load, a repeat of it and gets take of the server.

    python3 benches/attributes.py PROGRAM [--members 20000] [--attributes 0,10,100]

For each number of attributes a new server gets a schema (half of them texts, a quarter numbers, a quarter booleans;
two of them are indexed), and members with a value for each. CPU is user and system time of the server. The client is a
Python program, so the rates say little.
"""

import argparse
import pathlib
import subprocess
import tempfile

import client

client.with_packages()

from publisher.v1 import attribute_service_pb2, attribute_service_pb2_grpc  # noqa: E402
from publisher.v1 import member_service_pb2 as v1, member_service_pb2_grpc  # noqa: E402

import server  # noqa: E402

ROWS_OF_CALL = 500
GETS = 3_000
TYPES = ("string", "number", "string", "boolean")


def value(member, number):
    kind = TYPES[number % 4]
    if kind == "string":
        return f"value-{(member * 31 + number) % 9973}"
    return (member + number) % 1000 if kind == "number" else (member + number) % 2 == 0


def calls(base, members, attributes):
    for first in range(0, members, ROWS_OF_CALL):
        request = v1.BulkUpsertMembersRequest(member_base_id=base)
        for member in range(first, min(first + ROWS_OF_CALL, members)):
            row = request.members.add(ref=f"r-{member}", email=f"m{member}@example.com", first_name="Ada")
            for number in range(attributes):
                row.attributes[f"attribute_{number}"] = value(member, number)
        yield request


def measure(program, members, attributes):
    with tempfile.TemporaryDirectory(dir=".") as folder:
        process, url = server.start(program, f"{folder}/data")
        try:
            channel = client.connect(url)
            base = client.create_base(channel, "b")
            define = attribute_service_pb2.AttributeDefinition
            schema = {f"attribute_{n}": define(type=TYPES[n % 4], indexed=n in (3, 7)) for n in range(attributes)}
            if schema:
                stub = attribute_service_pb2_grpc.AttributeServiceStub(channel)
                request = attribute_service_pb2.SetAttributeSchemaRequest(member_base_id=base, schema=schema)
                stub.SetAttributeSchema(request)
            stub = member_service_pb2_grpc.MemberServiceStub(channel)
            requests, took = list(calls(base, members, attributes)), []
            for expected in ("created", "unchanged"):
                before = server.cpu_seconds(process.pid)
                for request in requests:
                    counts = stub.BulkUpsertMembers(request).counts
                    assert getattr(counts, expected) == len(request.members), counts
                took.append((server.cpu_seconds(process.pid) - before) / members * 1e6)
            before = server.cpu_seconds(process.pid)
            for number in range(GETS):
                member = number * 7919 % members
                got = stub.GetMember(v1.GetMemberRequest(member_base_id=base, ref=f"r-{member}")).member
                assert len(got.attributes) == attributes, got
            took.append((server.cpu_seconds(process.pid) - before) / GETS * 1e6)
            memory = server.memory(process.pid, "VmHWM")
        finally:
            server.stop(process)
        disk = int(subprocess.run(["du", "-sk", folder], stdout=subprocess.PIPE, text=True).stdout.split()[0])
        sent = sum(request.ByteSize() for request in requests) / members
        print(f"| {attributes} | {sent:,.0f} | " + " | ".join(f"{us:.1f}" for us in took), end=" | ")
        print(f"{disk * 1024 / members:,.0f} | {memory} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--members", type=int, default=20_000)
    parser.add_argument("--attributes", default="0,10,100")
    options = parser.parse_args()
    program = str(pathlib.Path(options.program).resolve())
    print("| attributes | bytes of a row | fresh, CPU us | unchanged, CPU us | get, CPU us | disk, bytes | memory, MB |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for attributes in map(int, options.attributes.split(",")):
        measure(program, options.members, attributes)


if __name__ == "__main__":
    main()
