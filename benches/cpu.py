#!/usr/bin/env python3
"""Compares two builds by the server CPU that one operation takes.

    python3 benches/cpu.py OLD NEW [--rounds 5] [--members 300000] [--seconds 8] [--load NEW]

Each round starts a server of each build on a free port with a new data directory, in alternating order, and
loads it with the same load generator (`memberbase bench` of NEW, unless --load names another), so that only
the servers differ. CPU is user and system time of the server's process, divided by the operations of the
phase. The table has the median over the rounds, and the ratio of the medians: wall time on a shared machine
is too noisy for a comparison of a few per cent.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

import server

PHASES = "fresh,unchanged,get,single"


def measure(program, load, options):
    """Microseconds of server CPU an operation, by phase."""
    with tempfile.TemporaryDirectory(dir=options.dir) as data:
        process, url = server.start(program, data)
        try:
            command = [load, "bench", "--server", url, "--pid", str(process.pid), "--members", str(options.members)]
            command += ["--seconds", str(options.seconds), "--phases", PHASES, "--json"]
            report = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
        finally:
            server.stop(process)
    phases = report["phases"]
    return {p["name"]: p["server"]["cpu_seconds"] / p["count"] * 1e6 for p in phases if "server" in p and p["count"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--members", type=int, default=300_000)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--load", help="the build whose load generator is used")
    parser.add_argument("--dir", help="where the data directories go")
    options = parser.parse_args()
    programs = {"old": str(pathlib.Path(options.old).resolve()), "new": str(pathlib.Path(options.new).resolve())}
    load = options.load or programs["new"]
    measured = {"old": [], "new": []}
    for turn in range(options.rounds):
        for name in ("old", "new") if turn % 2 == 0 else ("new", "old"):
            measured[name].append(measure(programs[name], load, options))
            print(f"round {turn + 1} {name}: {measured[name][-1]}", file=sys.stderr)
    print(f"{'server CPU, us':<24}{'old':>10}{'new':>10}{'ratio':>8}   old range, new range")
    for phase in measured["old"][0]:
        values = {name: [run[phase] for run in runs] for name, runs in measured.items()}
        old, new = (statistics.median(values[name]) for name in ("old", "new"))
        ranges = ", ".join(f"{min(values[name]):.1f}-{max(values[name]):.1f}" for name in ("old", "new"))
        print(f"{phase:<24}{old:>10.2f}{new:>10.2f}{new / old:>8.3f}   {ranges}")


if __name__ == "__main__":
    main()
