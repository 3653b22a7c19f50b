#!/usr/bin/env python3
"""Measures a store of many small memberbases: memory, opening, first calls, and what an idle server does.

    python3 benches/bases.py PROGRAM [--bases 10000] [--members 20]

Creates the memberbases and writes members to each with one call. Then looks at the idle server for a while, stops
it, starts it again, and gets members of memberbases that no call has used since; then of all. At the end it kills
the server and starts it again. Times of calls include the client, which is a Python program.
"""

import argparse
import concurrent.futures
import os
import pathlib
import random
import subprocess
import tempfile
import time

import client

client.with_packages()

from publisher.v1 import member_base_service_pb2 as bases_v1, member_base_service_pb2_grpc  # noqa: E402
from publisher.v1 import member_service_pb2 as v1, member_service_pb2_grpc  # noqa: E402

import server  # noqa: E402

IN_FLIGHT = 32


def disk_mb(folder):
    return int(subprocess.run(["du", "-sm", folder], stdout=subprocess.PIPE, text=True).stdout.split()[0])


def each(calls, work):
    """Does `work` for each, some at a time, and returns the results and the seconds that each took."""

    def timed(call):
        began = time.perf_counter()
        done = work(call)
        return done, time.perf_counter() - began

    with concurrent.futures.ThreadPoolExecutor(IN_FLIGHT) as pool:
        results = list(pool.map(timed, calls))
    return [done for done, _ in results], sorted(took for _, took in results)


def tell(what, process, began, times=None):
    line = f"{what:<44}{time.perf_counter() - began:>8.2f} s  memory {server.memory(process.pid, 'VmRSS'):>5} MB"
    line += f"  threads {len(os.listdir(f'/proc/{process.pid}/task')):>3}"
    if times:
        p50, p99 = (times[int(len(times) * part)] * 1e3 for part in (0.5, 0.99))
        line += f"  p50 {p50:.1f} ms, p99 {p99:.1f} ms, longest {times[-1] * 1e3:.1f} ms"
    print(line, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--bases", type=int, default=10_000)
    parser.add_argument("--members", type=int, default=20)
    parser.add_argument("--idle", type=int, default=30, help="seconds for which the idle server is looked at")
    options = parser.parse_args()
    program = str(pathlib.Path(options.program).resolve())
    with tempfile.TemporaryDirectory(dir=".") as folder:
        data, began = f"{folder}/data", time.perf_counter()
        process, url = server.start(program, data)
        tell("the empty server started", process, began)
        channel = client.connect(url)
        stub = member_base_service_pb2_grpc.MemberBaseServiceStub(channel)
        members = member_service_pb2_grpc.MemberServiceStub(channel)

        def create(number):
            return stub.CreateMemberBase(bases_v1.CreateMemberBaseRequest(name=f"b{number}")).member_base.id

        def write(base):
            request = v1.BulkUpsertMembersRequest(member_base_id=base)
            for number in range(options.members):
                request.members.add(ref=f"r-{number}", email=f"m{number}@example.com", first_name="Ada", tier="Gold")
            counts = members.BulkUpsertMembers(request).counts
            assert counts.created == options.members, counts

        def get(base):
            number = hash(base) % options.members
            got = members.GetMember(v1.GetMemberRequest(member_base_id=base, ref=f"r-{number}"))
            assert got.member.first_name == "Ada", got

        began = time.perf_counter()
        ids, times = each(range(options.bases), create)
        tell(f"{options.bases} memberbases created", process, began, times)
        began = time.perf_counter()
        _, times = each(ids, write)
        tell(f"{options.members} members written to each", process, began, times)
        print(f"disk: {disk_mb(data)} MB")
        cpu, began = server.cpu_seconds(process.pid), time.perf_counter()
        time.sleep(options.idle)
        tell("idle", process, began)
        print(f"CPU of the idle server: {(server.cpu_seconds(process.pid) - cpu) / options.idle * 100:.1f} % of a core")
        began = time.perf_counter()
        server.stop(process)
        print(f"stopped in {time.perf_counter() - began:.2f} s")
        for how in ("a clean stop", "kill -9"):
            began = time.perf_counter()
            process, url = server.start(program, data)
            tell(f"started after {how}", process, began)
            members = member_service_pb2_grpc.MemberServiceStub(client.connect(url))
            random.Random(7).shuffle(ids)
            began = time.perf_counter()
            _, times = each(ids[:500], get)
            tell("one get of each of 500 others", process, began, times)
            began = time.perf_counter()
            _, times = each(ids, get)
            tell("one get of each memberbase", process, began, times)
            process.kill()
            process.wait()


if __name__ == "__main__":
    main()
