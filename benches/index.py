#!/usr/bin/env python3
"""Measures how long writes wait while an attribute of many members gets an index, and while another one is
removed from the schema.

    python3 benches/index.py PROGRAM [--members 1000000]

A new server imports the members, with an attribute that is not indexed. Then one client creates members one by
one, while another sets the schema that indexes the attribute, and waits until counts by it are answered. Then
an attribute is removed that no member has, which only reading all of them shows. Prints the times in
milliseconds.
"""

import argparse
import pathlib
import random
import subprocess
import tempfile
import threading
import time

import client

client.with_packages()

import grpc  # noqa: E402
from publisher.v1 import attribute_service_pb2, attribute_service_pb2_grpc  # noqa: E402
from publisher.v1 import member_service_pb2, member_service_pb2_grpc  # noqa: E402

import search  # noqa: E402
import server  # noqa: E402


def set_schema(url, base, indexed, others):
    """Sets the schema: `team`, and attributes that no member has."""
    attributes = attribute_service_pb2_grpc.AttributeServiceStub(client.connect(url))
    schema = {key: attribute_service_pb2.AttributeDefinition(type="string") for key in others}
    schema["team"] = attribute_service_pb2.AttributeDefinition(type="string", indexed=indexed)
    request = attribute_service_pb2.SetAttributeSchemaRequest(member_base_id=base, schema=schema)
    attributes.SetAttributeSchema(request)


def write_on(url, base, took, is_over):
    members = member_service_pb2_grpc.MemberServiceStub(client.connect(url))
    number = 0
    while not is_over.is_set():
        began = time.perf_counter()
        request = member_service_pb2.BulkUpsertMembersRequest(member_base_id=base)
        request.members.add(ref=f"new-{number}")
        members.BulkUpsertMembers(request)
        took.append((began, time.perf_counter() - began))
        number += 1
        time.sleep(0.005)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--members", type=int, default=1_000_000)
    options = parser.parse_args()
    program = str(pathlib.Path(options.program).resolve())
    dice = random.Random(7)
    first, last = search.names(dice, 1_000), search.names(dice, 5_000)
    with tempfile.TemporaryDirectory() as folder:
        data, full = f"{folder}/data", f"{folder}/full.csv"
        search.write(full, options.members, first, last, dice)
        process, url = server.start(program, data)
        try:
            base = client.create_base(client.connect(url), "b")
            set_schema(url, base, False, ["spare"])
            command = [program, "import", full, "--base", "b", "--server", url]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            took, is_over = [], threading.Event()
            writer = threading.Thread(target=write_on, args=(url, base, took, is_over))
            writer.start()
            time.sleep(2)
            began = time.perf_counter()
            set_schema(url, base, True, ["spare"])
            answered = time.perf_counter()
            members = member_service_pb2_grpc.MemberServiceStub(client.connect(url))
            count = member_service_pb2.CountMembersRequest(member_base_id=base, group_by="attributes.team")
            while True:
                try:
                    groups = len(members.CountMembers(count).groups)
                    break
                except grpc.RpcError as error:
                    if error.code() != grpc.StatusCode.FAILED_PRECONDITION:
                        raise
                    time.sleep(0.01)
            complete = time.perf_counter()
            time.sleep(2)
            removal = time.perf_counter()
            set_schema(url, base, True, [])
            removed = time.perf_counter()
            time.sleep(1)
            is_over.set()
            writer.join()
            before = [length for at, length in took if at < began]
            during = [length for at, length in took if began <= at <= complete]
            # A write that began before may wait too.
            removing = [length for at, length in took if removal <= at + length and at <= removed]
            print(f"the schema is set after {(answered - began) * 1_000:.0f} ms")
            print(f"the index is complete after {(complete - began) * 1_000:.0f} ms, with {groups} groups")
            print(f"longest write before {max(before) * 1_000:.1f} ms, of {len(before)}")
            print(f"longest write meanwhile {max(during, default=0) * 1_000:.1f} ms, of {len(during)}")
            print(f"an attribute is removed after {(removed - removal) * 1_000:.0f} ms")
            print(f"longest write meanwhile {max(removing, default=0) * 1_000:.1f} ms, of {len(removing)}")
        finally:
            server.stop(process)


if __name__ == "__main__":
    main()
