#!/usr/bin/env python3
"""Compares two builds by warm gets of random members of a large memberbase.

    python3 benches/warm.py OLD NEW [--members 5000000] [--warm 60] [--rounds 3] [--seconds 10] [--dir FOLDER]

Each build is loaded by `memberbase bench` of NEW, and both servers stay. Once one has nothing more to do after its
load, it is asked for random members for `--warm` seconds, which are not measured. Then both are asked in turn, the
other one first in every second round: while one is asked, the other one is idle. CPU is user and system time of the
server's process for each get. The table has the least, the median and the greatest value, and the ratios of NEW to
OLD in the same round.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

import server


class Build:
    def __init__(self, name, program, load, data):
        self.name, self.load, self.rounds = name, load, []
        self.process, self.url = server.start(program, data)

    def bench(self, members, phase, seconds):
        command = [self.load, "bench", "--server", self.url, "--pid", str(self.process.pid), "--base", "warm"]
        command += ["--members", str(members), "--phases", phase, "--seconds", str(seconds), "--json"]
        ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        return json.loads(ran.stdout)["phases"][0]

    def warm(self, options):
        loaded = self.bench(options.members, "fresh", 1)
        settled = server.settle(self.process.pid)
        self.bench(options.members, "get", options.warm)
        rate = f"{loaded['per_second']:,.0f}/s"
        print(f"{self.name}: loaded with {rate}, then {settled:.0f} s of work", file=sys.stderr)

    def measure(self, options):
        measured = self.bench(options.members, "get", options.seconds)
        cpu = measured["server"]["cpu_seconds"] / measured["count"] * 1e6
        self.rounds.append((measured["per_second"], cpu, measured["latency"]["p99_us"] / 1e3))


def spread(values, digits):
    return ", ".join(f"{value:,.{digits}f}" for value in (min(values), statistics.median(values), max(values)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("--members", type=int, default=5_000_000)
    parser.add_argument("--warm", type=int, default=60, help="seconds of gets before those that are measured")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=10, help="of each measurement")
    parser.add_argument("--dir", help="where the data directories go")
    options = parser.parse_args()
    programs = {name: str(pathlib.Path(getattr(options, name)).resolve()) for name in ("old", "new")}
    builds = []
    with tempfile.TemporaryDirectory(dir=options.dir) as folder:
        try:
            for name, program in programs.items():
                builds.append(Build(name, program, programs["new"], f"{folder}/{name}"))
                builds[-1].warm(options)
            for turn in range(options.rounds):
                for build in builds if turn % 2 == 0 else reversed(builds):
                    build.measure(options)
            memory = {build.name: server.memory(build.process.pid, "VmHWM") for build in builds}
        finally:
            for build in builds:
                build.process.kill()
                build.process.wait()
    print("| gets | per second | server CPU, us | p99, ms | highest memory, MB |\n| --- | --- | --- | --- | --- |")
    for build in builds:
        rate, cpu, p99 = zip(*build.rounds)
        print(f"| {build.name} | {spread(rate, 0)} | {spread(cpu, 1)} | {spread(p99, 1)} | {memory[build.name]} |")
    old, new = (build.rounds for build in builds)
    rate, cpu, p99 = ([new[i][which] / old[i][which] for i in range(options.rounds)] for which in range(3))
    print(f"| new / old | {spread(rate, 2)} | {spread(cpu, 2)} | {spread(p99, 2)} | |")


if __name__ == "__main__":
    main()
