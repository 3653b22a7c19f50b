#!/usr/bin/env python3
"""Compares the memory of a server with many audiences and without.

    python3 benches/audience_memory.py PROGRAM [--members 5000000] [--audiences 100] [--rounds 1]

Each server imports the same members into a memberbase that has the audiences of `audiences.py`, or none. In
each round the two take turns. The memory is taken when the server has had nothing to do for some seconds, so
that what the load needed is given back: after the import, and again after a restart, once the memberbase is
open. Prints it in MB, the highest beside it, and how much more the audiences take.
"""

import argparse
import json
import pathlib
import subprocess
import tempfile
import time

import client

client.with_packages()

from publisher.v1 import member_service_pb2, member_service_pb2_grpc  # noqa: E402

import audiences  # noqa: E402
import server  # noqa: E402

# A server that used less than this share of a core for so many seconds in a row is idle. It still has its own
# housekeeping.
IDLE_SHARE = 0.02
IDLE_SECONDS = 6


def write(path, members):
    """The members of `audiences.py`, one JSON object a line."""
    with open(path, "w", encoding="utf-8") as file:
        for n in range(members):
            file.write(json.dumps(audiences.row(n)) + "\n")


def settle(pid):
    """Waits until a server is idle."""
    quiet, before = 0, server.cpu_seconds(pid)
    while quiet < IDLE_SECONDS:
        time.sleep(1)
        now = server.cpu_seconds(pid)
        quiet = quiet + 1 if now - before < IDLE_SHARE else 0
        before = now


def measure(program, path, count):
    """The memory after the import and after a restart, each with the highest."""
    with tempfile.TemporaryDirectory() as folder:
        process, url = server.start(program, f"{folder}/data")
        try:
            base = audiences.make(url, "b", count)
            command = [program, "import", path, "--base", "b", "--server", url]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            settle(process.pid)
            taken = [memory(process.pid)]
            server.stop(process)
            process, url = server.start(program, f"{folder}/data")
            # The memberbase is opened by its first use.
            members = member_service_pb2_grpc.MemberServiceStub(client.connect(url))
            by_audience = member_service_pb2.CountMembersRequest(member_base_id=base, group_by="audience")
            groups = members.CountMembers(by_audience).groups
            rows = sorted(group.members for group in groups if group.HasField("value"))
            settle(process.pid)
            taken.append(memory(process.pid))
        finally:
            server.stop(process)
    after, again = [f"{now} MB ({highest} at most)" for now, highest in taken]
    print(f"{count} audiences: {after} after the import, {again} after a restart; rows in them: {spread(rows)}")
    return [now for now, _ in taken]


def memory(pid):
    return server.memory(pid, "VmRSS"), server.memory(pid, "VmHWM")


def spread(rows):
    return f"{rows[0]} to {rows[-1]}, {sum(rows)} in all" if rows else "none"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--members", type=int, default=5_000_000)
    parser.add_argument("--audiences", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    program = str(pathlib.Path(options.program).resolve())
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/members.ndjson"
        write(path, options.members)
        for _ in range(options.rounds):
            without, those = [measure(program, path, count) for count in (0, options.audiences)]
            more = [b - a for a, b in zip(without, those)]
            print(f"more: {more[0]} MB after the import, {more[1]} MB after a restart", flush=True)


if __name__ == "__main__":
    main()
