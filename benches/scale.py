#!/usr/bin/env python3
"""Measures what depends on the number of members: rates, p99, memory, disk, and how long a start takes.

    python3 benches/scale.py PROGRAM [--members 100000,1000000] [--seconds 5] [--changes 10]

For each number a new server is loaded by `memberbase bench`, gets the same load again, is asked for random members,
and gets changes of random members on streams. It is asked for members twice: right after the loads, while it still
makes a snapshot of them, and once it has nothing more to do after the loads, or a minute later. One in a hundred members gets a value of an indexed attribute, and first pages
of these are asked for by one client. Then the server is started again after a clean stop, after kill -9, and as
after a power cut: killed, and without the note of the running kernel (`wal/BOOT`), so that the working copy is not
trusted and is rebuilt. The page cache stays warm, so reading from the disk is not in these times. A start lasts until
the first get, and until the first filtered list.
"""

import argparse
import json
import pathlib
import subprocess
import tempfile
import time

import client

client.with_packages()

import grpc  # noqa: E402
from google.protobuf import struct_pb2  # noqa: E402
from publisher.v1 import attribute_service_pb2, attribute_service_pb2_grpc  # noqa: E402
from publisher.v1 import filter_pb2  # noqa: E402
from publisher.v1 import member_service_pb2 as v1, member_service_pb2_grpc, pagination_pb2  # noqa: E402

import server  # noqa: E402


U64 = (1 << 64) - 1


def ref(number, seed=1):
    """The ref that `memberbase bench` gives this member."""
    x = (seed + number + 0x9E3779B97F4A7C15) & U64
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & U64
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & U64
    return f"crm-{x ^ (x >> 31):016x}"


def disk(folder):
    return int(subprocess.run(["du", "-sk", folder], stdout=subprocess.PIPE, text=True).stdout.split()[0]) * 1024


class Store:
    def __init__(self, program, data):
        self.program, self.data = program, data

    def start(self):
        self.process, self.url = server.start(self.program, self.data)
        self.channel = client.connect(self.url)
        self.members = member_service_pb2_grpc.MemberServiceStub(self.channel)

    def create(self):
        """A memberbase in which the guard allows everything."""
        self.base = client.create_base(self.channel, "scale")
        client.allow_everything(self.channel, self.base)

    def bench(self, members, phase, seconds=1):
        command = [self.program, "bench", "--server", self.url, "--pid", str(self.process.pid), "--base", self.base]
        command += ["--data", self.data, "--members", str(members), "--phases", phase, "--seconds", str(seconds), "--json"]
        ran = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        measured = json.loads(ran.stdout)["phases"][0]
        # Changes are the same each time, so later ones change little.
        if any(phase != "stream" or "changed nothing" not in wrong for wrong in measured["wrong"]):
            raise SystemExit(f"{phase}: {measured}")
        return measured

    def remember(self):
        pagination = pagination_pb2.Pagination(limit=1)
        request = v1.ListMembersRequest(member_base_id=self.base, pagination=pagination)
        self.one = self.members.ListMembers(request).members[0]

    def first_pages(self, members):
        """Gives every hundredth member a value of an indexed attribute, and returns how many milliseconds first pages
        of these take, in order."""
        schema = {"sample": attribute_service_pb2.AttributeDefinition(type="string", indexed=True)}
        request = attribute_service_pb2.SetAttributeSchemaRequest(member_base_id=self.base, schema=schema)
        attribute_service_pb2_grpc.AttributeServiceStub(self.channel).SetAttributeSchema(request)
        numbers = range(0, members, 100)
        for begin in range(0, len(numbers), 1000):
            request = v1.BulkUpsertMembersRequest(member_base_id=self.base)
            for number in numbers[begin : begin + 1000]:
                request.members.add(ref=ref(number)).attributes["sample"] = "one"
            replied = self.members.BulkUpsertMembers(request)
            assert replied.counts.updated == len(request.members), replied.counts
        one = filter_pb2.Filter(key="attributes.sample", eq=struct_pb2.Value(string_value="one"))
        pagination = pagination_pb2.Pagination(limit=50)
        request = v1.ListMembersRequest(member_base_id=self.base, filters=[one], pagination=pagination)
        took = []
        for _ in range(300):
            began = time.perf_counter()
            assert len(self.members.ListMembers(request).members) == min(50, len(numbers))
            took.append((time.perf_counter() - began) * 1e3)
        return sorted(took)

    def reopen(self):
        """Seconds until the first get and until the first filtered list."""
        began = time.perf_counter()
        self.start()
        while True:
            try:
                self.members.GetMember(v1.GetMemberRequest(member_base_id=self.base, ref=self.one.ref))
                break
            except grpc.RpcError as error:
                if error.code() != grpc.StatusCode.UNAVAILABLE:
                    raise
                time.sleep(0.02)
        got = time.perf_counter() - began
        tier = filter_pb2.Filter(key="tier", eq=struct_pb2.Value(string_value=self.one.tier))
        pagination = pagination_pb2.Pagination(limit=50)
        request = v1.ListMembersRequest(member_base_id=self.base, filters=[tier], pagination=pagination)
        assert len(self.members.ListMembers(request).members) == 50
        return got, time.perf_counter() - began

    def kill(self, is_power_cut=False):
        self.process.kill()
        self.process.wait()
        if is_power_cut:
            (pathlib.Path(self.data) / "wal" / "BOOT").unlink(missing_ok=True)

    def change(self, members, seconds):
        """Changes members on streams, unless for no time."""
        return self.bench(members, "stream", seconds) if seconds else None


def measure(program, members, options):
    with tempfile.TemporaryDirectory(dir=".") as folder:
        store = Store(program, f"{folder}/data")
        store.start()
        store.create()
        told = {"members": f"{members:,}"}
        try:
            for phase in ("fresh", "unchanged"):
                measured = store.bench(members, phase)
                taken = measured["server"]
                told[f"{phase}, rows/s"] = f"{measured['per_second']:,.0f}"
                told[f"{phase}, CPU us"] = f"{taken['cpu_seconds'] / measured['count'] * 1e6:.1f}"
                told[f"{phase}, longest call, ms"] = f"{measured['latency']['max_us'] / 1e3:.0f}"
                told[f"memory after {phase}, MB"] = f"{taken['rss_bytes'] / 1e6:.0f}"
                told[f"disk a member after {phase}, bytes"] = f"{disk(store.data) / members:,.0f}"
            store.remember()
            for what in ("get, first seconds", "get, warm"):
                if what == "get, warm":
                    told["work after the loads, s"] = f"{server.settle(store.process.pid):.0f}"
                measured = store.bench(members, "get", options.seconds)
                taken = measured["server"]
                told[f"{what}: gets/s"] = f"{measured['per_second']:,.0f}"
                told[f"{what}: CPU us"] = f"{taken['cpu_seconds'] / measured['count'] * 1e6:.1f}"
                told[f"{what}: p99, ms"] = f"{measured['latency']['p99_us'] / 1e3:.1f}"
            pages = store.first_pages(members)
            told["first page of 50 of a hundredth, ms: p50, p99"] = f"{pages[150]:.1f}, {pages[297]:.1f}"
            if changed := store.change(members, options.changes):
                told["changes on streams, rows/s"] = f"{changed['per_second']:,.0f}"
                cpu = changed["server"]["cpu_seconds"] / changed["count"] * 1e6
                told["changes on streams, CPU us"] = f"{cpu:.1f}"
            told["highest memory, MB"] = server.memory(store.process.pid, "VmHWM")
            began = time.perf_counter()
            server.stop(store.process)
            told["clean stop, s"] = f"{time.perf_counter() - began:.2f}"
            told["after a clean stop, s to the first get, list"] = "{:.2f}, {:.2f}".format(*store.reopen())
            store.change(members, options.changes)
            store.kill()
            told["after kill -9, s"] = "{:.2f}, {:.2f}".format(*store.reopen())
            store.change(members, options.changes)
            log = disk(f"{store.data}/wal")
            store.kill(is_power_cut=True)
            told["as after a power cut, s"] = "{:.2f}, {:.2f}".format(*store.reopen())
            told["log then, MB"] = f"{log / 1e6:.0f}"
        finally:
            store.kill()
        for what, value in told.items():
            print(f"| {what} | {value} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--members", default="100000,1000000")
    parser.add_argument("--seconds", type=int, default=5, help="of each measurement of gets")
    about_changes = "seconds of changes on streams, three times; 0 for a program without these"
    parser.add_argument("--changes", type=int, default=10, help=about_changes)
    options = parser.parse_args()
    program = str(pathlib.Path(options.program).resolve())
    for members in map(int, options.members.split(",")):
        measure(program, members, options)


if __name__ == "__main__":
    main()
