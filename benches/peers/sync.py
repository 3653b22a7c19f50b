#!/usr/bin/env python3
"""Compares the plan of a full list with what PostgreSQL 15 takes to find the same differences.

    python3 benches/peers/sync.py PROGRAM [--members 1000000] [--rounds 3] [--lists DAY1.csv DAY2.csv]

Both hold the members of day 1. In each round, one after the other and in alternating order, memberbase plans
the list of day 2 as a dry run, and PostgreSQL loads the same file into an unlogged table (`COPY`), runs
`ANALYZE`, and joins it with its table of members by a full outer join that counts the members that were
added, updated, left as they are, and left out. The table of members has the same unique keys. The counts must
be equal. `conflicts` is what PostgreSQL takes besides to find rows with a key of another member and keys that
the list has twice, which the plan of memberbase finds too. Then memberbase applies day 2 and, to go back,
day 1, in turn.

The client of memberbase sends the file over gRPC, while PostgreSQL reads it itself; `plan, whole` counts from
the first byte that is sent to the plan. CPU is that of the server, or of all processes of the cluster.
PostgreSQL is installed from the packages of the distribution if it is not there. It has a cluster in a
temporary folder for each of two sets of settings.
"""

import argparse
import contextlib
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import client
import days
import postgres
import server


def added_and_so_on(counts):
    """The counts of a sync under the names that PostgreSQL's have."""
    added = counts["created"] + counts["reactivated"]
    return dict(added=added, updated=counts["updated"], unchanged=counts["unchanged"], gone=counts["removed"])


def measured(process, channel, base, path, dry_run):
    """A sync, and what it took: seconds, and the growth of the server's memory in MB."""
    server.forget_highest(process.pid)
    before, cpu = server.memory(process.pid, "VmRSS"), server.cpu_seconds(process.pid)
    sync = client.sync(channel, base, path, dry_run)
    cpu, highest = server.cpu_seconds(process.pid) - cpu, server.memory(process.pid, "VmHWM")
    values = {
        "sending the list": sync.stored - sync.began,
        "first progress after that": sync.first_progress - sync.stored,
        "plan": sync.plan_seconds,
        "plan, whole": sync.planned - sync.began,
        "CPU": cpu,
        "memory before, MB": before,
        "highest memory, MB": highest,
    }
    return sync, values


def show(title, rounds):
    """Prints the least, median and greatest value over the rounds."""
    print(f"{title:<44}{'min':>9}{'median':>9}{'max':>9}")
    for name in rounds[0]:
        values = [values[name] for values in rounds]
        print(f"{name:<44}{min(values):>9.2f}{statistics.median(values):>9.2f}{max(values):>9.2f}")
    print(flush=True)


def compare(process, channel, base, clusters, paths, rounds):
    """Measures rounds of plans, of memberbase and of each cluster. Returns the counts."""
    ours, theirs, counted = [], {name: [] for name in clusters}, []
    peers = ["memberbase", *clusters]
    for turn in range(rounds):
        for peer in peers if turn % 2 == 0 else reversed(peers):
            if peer == "memberbase":
                sync, values = measured(process, channel, base, paths[1], dry_run=True)
                counts = added_and_so_on(sync.counts)
                ours.append(values)
            else:
                counts, values = postgres.compare(clusters[peer], clusters[peer].parent / "day2.csv")
                theirs[peer].append(values)
            counted.append(counts)
    if any(counts != counted[0] for counts in counted):
        raise SystemExit(f"the counts differ: {counted}")
    print(f"{rounds} rounds; equal counts in each: {counted[0]}\n")
    show("memberbase, s", ours)
    for name, values in theirs.items():
        print(f"PostgreSQL with {name}")
        show("s", values)
        show("memberbase / PostgreSQL, same round", list(map(ratios, ours, values)))
    return counted[0]


def ratios(ours, theirs):
    three = theirs["COPY, ANALYZE and join"]
    return {
        "plan, whole": ours["plan, whole"] / three,
        "plan": ours["plan"] / three,
        "CPU": ours["CPU"] / theirs["CPU of these"],
        "plan, whole / conflicts included": ours["plan, whole"] / (three + theirs["conflicts"]),
    }


def apply(process, channel, base, paths, rounds, counts):
    """Applies day 2 and day 1 in turn, and checks the counts."""
    back = counts | {"added": counts["gone"], "gone": counts["added"]}
    applied = []
    for turn in range(rounds):
        for path, expected in ((paths[1], counts), (paths[0], back)):
            sync, values = measured(process, channel, base, path, dry_run=False)
            if added_and_so_on(sync.counts) != expected:
                raise SystemExit(f"{path}: applied {sync.counts}, expected {expected}")
            applied.append(values | {"apply": sync.apply_seconds, "apply, whole": sync.ended - sync.planned})
    show("memberbase, plan and apply, s", applied)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--members", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--applied", type=int, default=2, help="how often both lists are applied")
    parser.add_argument("--lists", nargs=2, metavar=("DAY1", "DAY2"), help="instead of generated ones")
    options = parser.parse_args()
    client.with_packages()
    postgres.install()
    program = str(pathlib.Path(options.program).resolve())
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        paths = options.lists or days.make(folder, options.members)
        clusters = {name: cluster(stack, settings, paths) for name, settings in postgres.SETTINGS.items()}
        process, url = server.start(program, str(pathlib.Path(folder, "data")))
        stack.callback(server.stop, process)
        channel = stack.enter_context(client.connect(url))
        base = client.create_base(channel, "peers")
        load = [program, "import", paths[0], "--base", base, "--server", url, "--quiet"]
        subprocess.run(load, check=True, stdout=subprocess.DEVNULL)
        time.sleep(3)
        counts = compare(process, channel, base, clusters, paths, options.rounds)
        apply(process, channel, base, paths, options.applied, counts)


def cluster(stack, settings, paths):
    """Starts a cluster that holds the members of day 1, and has both lists beside its data directory."""
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    for name, path in zip(("day1.csv", "day2.csv"), paths):
        copied = pathlib.Path(folder, name)
        shutil.copy(path, copied)
        copied.chmod(0o644)
    data = postgres.start(folder, settings)
    stack.callback(postgres.stop, data)
    postgres.load(data, data.parent / "day1.csv")
    return data


if __name__ == "__main__":
    main()
