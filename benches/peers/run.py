#!/usr/bin/env python3
"""Compares memberbase with PostgreSQL 15, etcd, Redis and OpenLDAP, and with what nothing can be faster than.

    python3 benches/peers/run.py PROGRAM [--members 1000000] [--rounds 3] [--seconds 5] [--only get,load]
                                 [--against OTHER] [--dir FOLDER] [--without slapd,Redis]

All systems hold the same members on the same disk, every write is durable before it is answered, and the
clients are programs in C that send requests prepared beforehand and check that each reply is a success. In each
round of a part all systems do the same work, one after the other, the next round in the opposite order. The
tables have the least, the median and the greatest value, and the ratios of memberbase to the others in the same
round. CPU is user and system time of all processes of a server for each operation, without the client's.

Not equal: etcd and Redis have one key and one value, and no unique keys besides. PostgreSQL, Redis and slapd
have a connection for each call in flight, gRPC shares four. pgbench computes the members that it creates and
reads rows into its own memory, redis-benchmark sends one value again and again; the other clients send what was
prepared, and count replies without decoding them. memberbase keeps a history, times and a status of each member.

Nothing is installed by hand: as root, this installs the missing packages of the distribution (Debian 12), and
compiles the clients with gcc and the limit with cargo. The packages of `requirements.txt` come from PyPI. Each server listens on a free port of the loopback
address, and keeps its data in a folder of its own.

With --dir the folder stays: the next command with it begins with the loaded systems, and adds its rounds to the
table. So each part can run alone. --against adds another build of memberbase, with the same requests.
"""

import argparse
import contextlib
import json
import pathlib
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import client
import packages
import report
from memberbase import Memberbase
from parts import MOST_CHANGES, PARTS, READS, Turn

# Seconds of reads that are not measured before those that are.
WARM = 2


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--members", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5, help="of each measurement of small calls")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, with commas: %(default)s")
    parser.add_argument("--against", metavar="OTHER", help="another build of memberbase")
    parser.add_argument("--without", default="", help="names of systems, with commas")
    parser.add_argument("--dir", help="where data and results stay; by default a folder that is removed")
    options = parser.parse_args()
    if options.members % 1_000:
        raise SystemExit("--members must be a multiple of 1,000")
    packages.install()
    client.with_packages()
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(options.dir or stack.enter_context(tempfile.TemporaryDirectory())).resolve()
        folder.mkdir(exist_ok=True)
        # PostgreSQL has another user, who must find its folder.
        folder.chmod(0o755)
        results = folder / "results"
        for part in options.only.split(","):
            with contextlib.ExitStack() as running:
                measure(running, options, folder / "data", results, part)
        report.show(map(json.loads, results.read_text().splitlines()))


def measure(running, options, folder, results, part):
    """Measures the rounds of a part, and appends what it measured to the results."""
    folder.mkdir(exist_ok=True)
    rows = PARTS[part]
    systems, began = started(running, options, folder, rows), time.time()
    if part in READS:
        for row, system, name, call in turns(systems, rows, reverse=False):
            call(system, Turn(WARM, 0, options.members, 0))
    for turn in range(options.rounds):
        for row, system, name, call in turns(systems, rows, reverse=turn % 2 == 1):
            told = Turn(options.seconds, turn, options.members, created(folder))
            before = system.cpu_seconds()
            measured = call(system, told)
            if measured is None:
                print(f"{name} cannot do this: {row.name}", file=sys.stderr, flush=True)
                continue
            cpu = None if before is None else measured.get("cpu_seconds", system.cpu_seconds() - before)
            line = {"row": row.name, "system": name, "members": options.members}
            line["round"] = f"{began} {turn}"
            line |= {"rate": measured["count"] * row.units / measured["seconds"]}
            line |= {"cpu": cpu and cpu / measured["count"] / row.units * 1e6}
            line |= {key: measured[key] for key in ("p50", "p99", "max", "count", "seconds")}
            line |= {"ours": isinstance(system, Memberbase) and name == "memberbase"}
            print(json.dumps(line), file=sys.stderr, flush=True)
            with open(results, "a") as file:
                print(json.dumps(line), file=file)


def turns(systems, rows, reverse):
    """The measurements of a round. What one system does for several rows is done one after the other."""
    entries = [(row, *entry) for row in rows for entry in row.entries]
    for system in reversed(systems) if reverse else systems:
        for row, kind, call, *name in entries:
            if isinstance(system, kind):
                # Another build has the entries of memberbase, but is compared in the first one only.
                other = isinstance(system, Memberbase) and system.name != "memberbase"
                if not (other and name):
                    yield row, system, name[0] if name else system.name, call


def started(running, options, folder, rows):
    """The systems of the rows, loaded and listening."""
    kinds = list(dict.fromkeys(entry[0] for row in rows for entry in row.entries))
    systems = []
    for kind in kinds:
        if kind is Memberbase:
            systems.append(Memberbase(options.program))
            if options.against:
                systems.append(Memberbase(options.against, "the other build"))
        else:
            systems.append(kind())
    systems = [system for system in systems if system.name not in options.without.split(",")]
    for system in systems:
        home = folder / system.name.replace(" ", "-")
        home.mkdir(exist_ok=True)
        system.start(home, options.members)
        running.callback(system.stop)
        loaded = home / "loaded"
        if not loaded.exists():
            print(f"loading {system.name}", file=sys.stderr, flush=True)
            system.load()
            # A load leaves traces: right after it, a read of etcd took ten times its CPU.
            system.stop()
            system.start(home, options.members)
            loaded.write_text(str(options.members))
        elif int(loaded.read_text()) != options.members:
            raise SystemExit(f"{folder} has {loaded.read_text()} members: choose another --dir")
    time.sleep(2)
    return systems


def created(folder):
    """How many new members earlier measurements were given; remembers that there is one more."""
    path = folder / "created"
    before = int(path.read_text()) if path.exists() else 0
    path.write_text(str(before + 60 * MOST_CHANGES))
    return before


if __name__ == "__main__":
    main()
