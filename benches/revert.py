#!/usr/bin/env python3
"""Measures the revert of a list that offboards 50,000 members: wall time, and CPU and memory of the server.

    python3 benches/revert.py PROGRAM [--members 1000000] [--offboarded 50000]

A new server imports the members. A list without some of them makes these inactive, and its job is taken back.
Then the revert is taken back too, so that they are inactive again. At the end `check --deep` reads the store,
whose findings must be none. Memory is the highest resident memory of the server's process during the command.
"""

import argparse
import pathlib
import subprocess
import tempfile
import time

import server
from sync import measure


def write(path, numbers):
    """Writes a list of members with these numbers."""
    with open(path, "w", encoding="utf-8") as file:
        file.write("ref,email,first_name,last_name,worker_id,tier\n")
        for n in numbers:
            file.write(f"user-{n},user{n}@example.com,First {n % 997},Last {n % 4999},W{n:08},Tier {n % 5}\n")


def newest(program, url):
    """The id of the newest job."""
    command = [program, "jobs", "list", "--base", "b", "--server", url]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--members", type=int, default=1_000_000)
    parser.add_argument("--offboarded", type=int, default=50_000)
    options = parser.parse_args()
    program = str(pathlib.Path(options.program).resolve())
    with tempfile.TemporaryDirectory() as folder:
        data, full, part = f"{folder}/data", f"{folder}/full.csv", f"{folder}/part.csv"
        every = options.members // options.offboarded
        write(full, range(options.members))
        process, url = server.start(program, data)
        pid = process.pid
        try:
            measure(pid, url, "import", [program, "import", full, "--base", "b", "--create-base"])
            # Members that are younger than a list stay. Those that are left out are spread over all.
            write(part, (n for n in range(options.members) if n % every or n // every >= options.offboarded))
            time.sleep(3)
            measure(pid, url, "offboarding", [program, "sync", part, "--base", "b", "--yes"])
            offboarding = newest(program, url)
            print(f"memory before the revert: {server.memory(pid, 'VmRSS')} MB\n")
            measure(pid, url, "revert", [program, "jobs", "revert", offboarding, "--yes"])
            measure(pid, url, "revert of the revert", [program, "jobs", "revert", newest(program, url), "--yes"])
        finally:
            server.stop(process)
        subprocess.run([program, "check", "--data", data, "--deep"], check=True)


if __name__ == "__main__":
    main()
