#!/usr/bin/env python3
"""Measures counts, and searches by the beginnings of words, over many members.

    python3 benches/search.py PROGRAM [--members 1000000] [--calls 300]

A new server imports the members: 1,000 first names and 5,000 last names, in no order. Each call is made by one
client after the other, with another text each time. Prints the percentiles of the wall time in milliseconds,
first while the moves of the last rows are in memory, then after a restart of the server.
"""

import argparse
import pathlib
import random
import subprocess
import tempfile
import time

import client

client.with_packages()

from google.protobuf.struct_pb2 import Value  # noqa: E402
from publisher.v1 import attribute_service_pb2, attribute_service_pb2_grpc  # noqa: E402
from publisher.v1 import filter_pb2, member_service_pb2, member_service_pb2_grpc, pagination_pb2  # noqa: E402

import server  # noqa: E402


def names(dice, count):
    """Names of two to four syllables."""
    syllable = lambda: dice.choice("bcdfghjklmnprstvwz") + dice.choice("aeiou") + dice.choice(["", "n", "r", "s"])
    found = set()
    while len(found) < count:
        found.add("".join(syllable() for _ in range(dice.randint(2, 4))).capitalize())
    return sorted(found)


def write(path, members, first, last, dice):
    with open(path, "w", encoding="utf-8") as file:
        file.write("ref,email,first name,last name,worker id,tier,attributes.team\n")
        for n in range(members):
            one, two = dice.choice(first), dice.choice(last)
            file.write(f"user-{n},{one}.{two}{n}@example.com,{one},{two},W{n:08},Tier {n % 5},team {n % 50}\n")


def percentiles(what, call, texts):
    took = []
    for text in texts:
        began = time.perf_counter()
        call(text)
        took.append((time.perf_counter() - began) * 1_000)
    took.sort()
    at = lambda share: took[min(len(took) - 1, int(len(took) * share))]
    print(f"{what:52} p50 {at(0.5):7.2f}  p99 {at(0.99):7.2f}  max {took[-1]:7.2f} ms", flush=True)


def measure(url, base, first, last, calls, dice):
    channel = client.connect(url)
    members = member_service_pb2_grpc.MemberServiceStub(channel)

    def search(text):
        page = pagination_pb2.Pagination(limit=30)
        members.ListMembers(
            member_service_pb2.ListMembersRequest(
                member_base_id=base, search=text, pagination=page, include_total=True
            )
        )

    def count(request):
        filters, group = request
        members.CountMembers(
            member_service_pb2.CountMembersRequest(member_base_id=base, filters=filters, group_by=group)
        )

    def some(names, length):
        return [dice.choice(names)[:length] for _ in range(calls)]

    search("a")
    for length in (1, 2, 3, 4, 6):
        percentiles(f"search, {length} letters of a last name", search, some(last, length))
    percentiles("search, 3 letters of a first name", search, some(first, 3))
    both = [f"{one} {two}" for one, two in zip(some(first, 3), some(last, 3))]
    percentiles("search, 3 letters of both names", search, both)
    both = [f"{one} {two}" for one, two in zip(some(first, 20), some(last, 20))]
    percentiles("search, both names", search, both)
    refs = [f"user-{dice.randrange(10**5, 10**6)}" for _ in range(calls)]
    percentiles("search, a whole ref", search, refs)
    is_tier = lambda n: filter_pb2.Filter(key="tier", eq=Value(string_value=f"Tier {n}"))
    is_team = lambda n: filter_pb2.Filter(key="attributes.team", eq=Value(string_value=f"team {n}"))
    tiers = [([is_tier(dice.randrange(5))], "") for _ in range(calls)]
    percentiles("count, a tier", count, tiers)
    teams = [([is_tier(dice.randrange(5)), is_team(dice.randrange(50))], "") for _ in range(calls)]
    percentiles("count, a tier and an attribute", count, teams)
    grouped = [([is_tier(dice.randrange(5))], "attributes.team") for _ in range(calls)]
    percentiles("count, a tier, by 50 values of an attribute", count, grouped)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--members", type=int, default=1_000_000)
    parser.add_argument("--calls", type=int, default=300)
    options = parser.parse_args()
    program = str(pathlib.Path(options.program).resolve())
    dice = random.Random(7)
    first, last = names(dice, 1_000), names(dice, 5_000)
    with tempfile.TemporaryDirectory() as folder:
        data, full = f"{folder}/data", f"{folder}/full.csv"
        write(full, options.members, first, last, dice)
        process, url = server.start(program, data)
        base = client.create_base(client.connect(url), "b")
        attributes = attribute_service_pb2_grpc.AttributeServiceStub(client.connect(url))
        team = attribute_service_pb2.AttributeDefinition(type="string", indexed=True)
        attributes.SetAttributeSchema(
            attribute_service_pb2.SetAttributeSchemaRequest(member_base_id=base, schema={"team": team})
        )
        try:
            subprocess.run([program, "import", full, "--base", "b", "--server", url], check=True)
            print(f"memory after the import: {server.memory(process.pid, 'VmRSS')} MB")
            measure(url, base, first, last, options.calls, dice)
            server.stop(process)
            process, url = server.start(program, data)
            print("after a restart:")
            measure(url, base, first, last, options.calls, dice)
        finally:
            server.stop(process)
        subprocess.run([program, "check", "--data", data, "--deep"], check=True)


if __name__ == "__main__":
    main()
