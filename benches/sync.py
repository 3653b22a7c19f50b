#!/usr/bin/env python3
"""Measures a sync of a full list: wall time, and CPU and memory of the server.

    python3 benches/sync.py PROGRAM DAY1.csv DAY2.csv

A new server imports DAY1. Then DAY1 is planned again as a dry run, in which every row is unchanged; DAY2 is
planned and applied; and DAY2 is planned again. At the end `check --deep` reads the store, whose findings must
be none. Memory is the highest resident memory of the server's process during the command.
"""

import argparse
import os
import pathlib
import re
import subprocess
import tempfile
import time

TICKS = os.sysconf("SC_CLK_TCK")


def start(program, data):
    """Starts a server, and waits until it says where it listens."""
    arguments = [program, "serve", "--listen", "127.0.0.1:0", "--data", data]
    server = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    for line in server.stdout:
        if line.startswith("listening on "):
            return server, line.split()[-1]
    raise SystemExit(f"{program} did not start")


def cpu_seconds(pid):
    """User and system time of the process."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory(pid, which):
    """`VmRSS` or `VmHWM` of the process in MB."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"{which}:\s+(\d+)", status).group(1)) // 1024


def measure(server, url, name, command):
    """Runs one command of the command line, and prints what it took."""
    pathlib.Path(f"/proc/{server.pid}/clear_refs").write_text("5")
    before, began = cpu_seconds(server.pid), time.monotonic()
    ran = subprocess.run([*command, "--server", url, "--quiet"], stdout=subprocess.PIPE, text=True)
    wall, cpu = time.monotonic() - began, cpu_seconds(server.pid) - before
    print(f"{name}: wall {wall:.1f} s, server CPU {cpu:.1f} s, highest memory {memory(server.pid, 'VmHWM')} MB")
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
        server, url = start(program, data)
        try:
            load = [program, "import", options.day1, "--base", "b", "--create-base"]
            sync = [program, "sync", "--base", "b"]
            measure(server, url, "import of day 1", load)
            time.sleep(3)
            print(f"memory before the sync: {memory(server.pid, 'VmRSS')} MB\n")
            measure(server, url, "plan of day 1", [*sync, options.day1, "--dry-run"])
            measure(server, url, "plan and apply day 2", [*sync, options.day2, "--yes"])
            measure(server, url, "plan of day 2 again", [*sync, options.day2, "--dry-run"])
        finally:
            server.terminate()
            server.wait()
        subprocess.run([program, "check", "--data", data, "--deep"], check=True)


if __name__ == "__main__":
    main()
