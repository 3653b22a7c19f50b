#!/usr/bin/env python3
"""Measures the disk a store takes after an hour of single writes, for one build or several at the same time.

    python3 benches/hour.py PROGRAM [PROGRAM…] [--members 5000000] [--minutes 60] [--rate 100]

Each program gets a store of its own with the same members. So that old log is gone and two snapshots are there, as in
a store that is used, the log may grow by 256 MiB before the next snapshot (`--snapshot-after`). Then one client for each
changes random members, one a call, at a steady rate; how long calls take says little, since all run at once.
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

from publisher.v1 import member_service_pb2 as v1, member_service_pb2_grpc, pagination_pb2  # noqa: E402

import server  # noqa: E402

KNOWN = 200_000
"""So many members are changed, spread over the whole memberbase."""
PAGE = 500


def sizes(data):
    """Bytes of each folder of a store, as the disk counts them."""
    taken = {}
    for path in pathlib.Path(data).rglob("*"):
        try:
            status = path.stat()
        except FileNotFoundError:
            continue
        if path.is_file():
            part = path.relative_to(data).parts
            name = part[0] if len(part) > 1 else "other"
            taken[name] = taken.get(name, 0) + status.st_blocks * 512
    return taken


class Store:
    def __init__(self, program, data, options):
        self.program, self.data, self.options = program, data, options
        command = [program, "serve", "--listen", "127.0.0.1:0", "--data", data, "--snapshot-after", "256MiB"]
        self.process, self.url = server.listening(command)
        self.channel = client.connect(self.url)
        self.members = member_service_pb2_grpc.MemberServiceStub(self.channel)
        self.base = client.create_base(self.channel, "hour")
        self.written = 0

    def load(self):
        bench = [self.program, "bench", "--server", self.url, "--base", self.base, "--members", str(self.options.members)]
        subprocess.run([*bench, "--phases", "fresh", "--json"], check=True, stdout=subprocess.DEVNULL)

    def know(self):
        """Refs of members from all parts of the memberbase: a page of every so many."""
        self.refs = []
        step = max(1, self.options.members * PAGE // KNOWN)
        for offset in range(0, self.options.members, step):
            pagination = pagination_pb2.Pagination(limit=PAGE, skip=offset or None)
            request = v1.ListMembersRequest(member_base_id=self.base, pagination=pagination)
            self.refs += [member.ref for member in self.members.ListMembers(request).members]

    def write(self, until):
        dice, due = random.Random(5), time.monotonic()
        while due < until:
            time.sleep(max(0.0, due - time.monotonic()))
            request = v1.BulkUpsertMembersRequest(member_base_id=self.base)
            request.members.add(ref=dice.choice(self.refs), tier=f"Tier {dice.randrange(1000)}")
            self.members.BulkUpsertMembers(request)
            self.written += 1
            due += 1 / self.options.rate

    def tell(self, when):
        taken = sizes(self.data)
        each = {name: round(size / self.options.members) for name, size in sorted(taken.items())}
        rss = server.memory(self.process.pid, "VmRSS")
        total = sum(taken.values()) / self.options.members
        print(f"{self.program}: {when}: {total:.0f} bytes a member, {each}, {rss} MB, {self.written} writes", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("programs", nargs="+", metavar="PROGRAM")
    parser.add_argument("--members", type=int, default=5_000_000)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=float, default=100, help="writes a second, for each program")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=".") as folder:
        stores = []
        try:
            for number, program in enumerate(options.programs):
                store = Store(str(pathlib.Path(program).resolve()), f"{folder}/{number}", options)
                stores.append(store)
                store.load()
                store.tell("loaded")
                store.know()
            until = time.monotonic() + options.minutes * 60
            writers = [threading.Thread(target=store.write, args=(until,)) for store in stores]
            for writer in writers:
                writer.start()
            while any(writer.is_alive() for writer in writers):
                time.sleep(min(600.0, max(1.0, until - time.monotonic())))
                for store in stores:
                    store.tell("writing")
            for store in stores:
                store.tell("at the end")
        finally:
            for store in stores:
                server.stop(store.process)


if __name__ == "__main__":
    main()
