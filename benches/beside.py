#!/usr/bin/env python3
"""Measures single writes and point reads of a memberbase while a full list is planned and applied to it.

    python3 benches/beside.py PROGRAM [--members 1000000] [--lists DAY1.csv DAY2.csv]

Two gRPC clients, each a process of its own, call at a steady rate: one changes a random member 50 times a
second, the other gets a random member by ref 100 times a second. First they call alone; then they go on while
day 2 and day 1 are synced in turn. Each call counts for the phase in which it began: alone, or while a list is
sent, planned or applied. A call that is due before the last one has returned counts from when it was due.
"""

import argparse
import csv
import multiprocessing
import pathlib
import random
import subprocess
import tempfile
import time

import client
import days
import server

RATES = {"write": 50, "read": 100}
PHASES = ("alone", "sending", "planning", "applying")


def call_steadily(kind, url, base, refs, is_over, results):
    """Calls until it is over, and hands back when each call began and how many seconds it took."""
    from publisher.v1 import member_pb2, member_service_pb2, member_service_pb2_grpc

    rng, samples = random.Random(1), []
    with client.connect(url) as channel:
        members = member_service_pb2_grpc.MemberServiceStub(channel)

        def read(ref):
            members.GetMember(member_service_pb2.GetMemberRequest(member_base_id=base, ref=ref))

        def write(ref):
            changed = member_pb2.MemberInput(role=f"role {rng.random()}")
            key = member_service_pb2.MemberKey(ref=ref)
            request = member_service_pb2.UpdateMemberRequest(member_base_id=base, key=key, member=changed)
            members.UpdateMember(request)

        call = {"read": read, "write": write}[kind]
        call(rng.choice(refs))
        due = time.monotonic()
        while not is_over.is_set():
            early = due - time.monotonic()
            if early > 0:
                time.sleep(early)
            # That the client woke up late is not the server's delay.
            began = time.monotonic() if early > 0 else due
            call(rng.choice(refs))
            samples.append((began, time.monotonic() - began))
            due += 1 / RATES[kind]
    results.put((kind, samples))


def phase_of(moment, syncs):
    for sync in syncs:
        for name, end in (("sending", sync.stored), ("planning", sync.planned), ("applying", sync.ended)):
            if sync.began <= moment < end:
                return name
    return "alone"


def show(kind, samples, syncs):
    taken = {phase: [] for phase in PHASES}
    for began, seconds in samples:
        taken[phase_of(began, syncs)].append(seconds * 1e3)
    taken["sending, planning or applying"] = sum((taken[phase] for phase in PHASES[1:]), [])
    print(f"{kind + ', ms':<34}{'calls':>8}{'median':>9}{'p99':>9}{'max':>9}")
    for phase, values in taken.items():
        values.sort()
        if values:
            at = [values[min(len(values) - 1, int(len(values) * share))] for share in (0.5, 0.99, 1)]
            print(f"{phase:<34}{len(values):>8}" + "".join(f"{value:>9.2f}" for value in at))
    print(flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--members", type=int, default=1_000_000)
    parser.add_argument("--alone", type=float, default=20, help="seconds before the first sync")
    parser.add_argument("--syncs", type=int, default=4)
    parser.add_argument("--lists", nargs=2, metavar=("DAY1", "DAY2"), help="instead of generated ones")
    options = parser.parse_args()
    client.with_packages()
    program = str(pathlib.Path(options.program).resolve())
    with tempfile.TemporaryDirectory() as folder:
        paths = options.lists or days.make(folder, options.members)
        with open(paths[0], newline="") as file:
            refs = [row["ref"] for row in csv.DictReader(file)]
        process, url = server.start(program, str(pathlib.Path(folder, "data")))
        try:
            with client.connect(url) as channel:
                base = client.create_base(channel, "beside")
                load = [program, "import", paths[0], "--base", base, "--server", url, "--quiet"]
                subprocess.run(load, check=True, stdout=subprocess.DEVNULL)
                time.sleep(3)
                # New processes, because gRPC does not survive a fork.
                context = multiprocessing.get_context("spawn")
                is_over, results = context.Event(), context.Queue()
                work = [(kind, url, base, refs, is_over, results) for kind in RATES]
                clients = [context.Process(target=call_steadily, args=each, daemon=True) for each in work]
                for each in clients:
                    each.start()
                time.sleep(options.alone)
                syncs = [client.sync(channel, base, paths[1 - n % 2], dry_run=False) for n in range(options.syncs)]
                is_over.set()
                for _ in clients:
                    show(*results.get(timeout=60), syncs)
        finally:
            server.stop(process)


if __name__ == "__main__":
    main()
