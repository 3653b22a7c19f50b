#!/usr/bin/env python3
"""Measures a sync of a full list: wall time, and CPU and memory of the server.

    python3 benches/sync.py PROGRAM DAY1.csv DAY2.csv

`benches/days.py` makes such lists. A new server imports DAY1. Then DAY1 is planned again as a dry run, in
which every row is unchanged; DAY2 is planned and applied; and DAY2 is planned again. At the end `check
--deep` reads the store, whose findings must be none. Memory is the highest resident memory of the server's
process during the command.
"""

import argparse
import pathlib
import subprocess
import tempfile
import time

import server


def measure(pid, url, name, command):
    """Runs one command of the command line, and prints what it took."""
    server.forget_highest(pid)
    before, began = server.cpu_seconds(pid), time.monotonic()
    ran = subprocess.run([*command, "--server", url, "--quiet"], stdout=subprocess.PIPE, text=True)
    wall, cpu = time.monotonic() - began, server.cpu_seconds(pid) - before
    highest = server.memory(pid, "VmHWM")
    print(f"{name}: wall {wall:.1f} s, server CPU {cpu:.1f} s, highest memory {highest} MB")
    print(ran.stdout)
    if ran.returncode != 0:
        raise SystemExit(f"{name} ended with {ran.returncode}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("day1")
    parser.add_argument("day2")
    options = parser.parse_args()
    program = str(pathlib.Path(options.program).resolve())
    with tempfile.TemporaryDirectory() as data:
        process, url = server.start(program, data)
        pid = process.pid
        try:
            load = [program, "import", options.day1, "--base", "b", "--create-base"]
            measure(pid, url, "import of day 1", load)
            time.sleep(3)
            # The files are older than the members that were just loaded.
            now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            sync = [program, "sync", "--base", "b", "--as-of", now]
            print(f"memory before the sync: {server.memory(pid, 'VmRSS')} MB\n")
            measure(pid, url, "plan of day 1", [*sync, options.day1, "--dry-run"])
            measure(pid, url, "plan and apply day 2", [*sync, options.day2, "--yes"])
            measure(pid, url, "plan of day 2 again", [*sync, options.day2, "--dry-run"])
        finally:
            server.stop(process)
        subprocess.run([program, "check", "--data", data, "--deep"], check=True)


if __name__ == "__main__":
    main()
