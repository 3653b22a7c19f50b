#!/usr/bin/env python3
"""Measures a store in PostgreSQL that is written to for long: rates, bloat and log, minute by minute.

    python3 benches/database.py PROGRAM [--members 5000000] [--minutes 20] [--rows 500]

One PostgreSQL of the distribution with its defaults (autovacuum is on, `synchronous_commit` too) but for 256 MB of
`shared_buffers` and 4 GB of `max_wal_size`, one server, and the clients on this machine. The server is loaded by
`memberbase bench`. Then one client changes members chosen at random, `--rows` in each call, one call after the other,
and at the end of each minute another one gets random members for three seconds. The table has for each minute the
changed rows, the gets, the size of both tables, the rows that autovacuum has still to remove, and how much log the
database wrote.
"""

import argparse
import json
import os
import pathlib
import random
import subprocess
import tempfile
import threading
import time

import client

client.with_packages()

from publisher.v1 import member_service_pb2 as v1, member_service_pb2_grpc  # noqa: E402

import server  # noqa: E402
from scale import ref  # noqa: E402

BINARIES = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
AS = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups"] if os.geteuid() == 0 else []
SETTINGS = "-c listen_addresses= -c unix_socket_directories={0} -c shared_buffers=256MB -c max_wal_size=4GB"
SIZES = "select pg_total_relation_size(relid) from pg_stat_user_tables where relname = '{}'"
DEAD = "select coalesce(sum(n_dead_tup), 0) from pg_stat_user_tables"
CLEANED = "select coalesce(sum(autovacuum_count), 0) from pg_stat_user_tables"
LOG = "select pg_current_wal_lsn() - '0/0'"

HEADING = """\
| minute | changed rows/s | longest call, s | gets/s, p99 ms | hot, kv, GB | dead rows, autovacuums | log, MB | RSS, MB |
| --- | --- | --- | --- | --- | --- | --- | --- |"""


class Database:
    def __init__(self, folder):
        self.folder = folder
        if AS:
            subprocess.run(["chown", "postgres", folder], check=True)
        init = [BINARIES / "initdb", "-D", f"{folder}/data", "-U", "memberbase", "-A", "trust"]
        subprocess.run([*AS, *init, "-E", "UTF8", "--locale=C"], check=True, stdout=subprocess.DEVNULL, cwd=folder)
        self.control("start", "-w", "-l", f"{folder}/log", "-o", SETTINGS.format(folder))
        self.url = f"postgres://memberbase@/postgres?host={folder}"

    def control(self, *command):
        command = [BINARIES / "pg_ctl", *command, "-D", f"{self.folder}/data"]
        subprocess.run([*AS, *command], check=True, stdout=subprocess.DEVNULL, cwd=self.folder)

    def ask(self, query):
        command = [BINARIES / "psql", "-h", self.folder, "-U", "memberbase", "-At", "-c", query, "postgres"]
        return int(float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout or 0))


class Writer(threading.Thread):
    """Changes members until it is told to stop."""

    def __init__(self, url, base, options):
        super().__init__(daemon=True)
        self.members = member_service_pb2_grpc.MemberServiceStub(client.connect(url))
        self.base, self.options, self.dice = base, options, random.Random(7)
        self.changed, self.longest, self.is_over = 0, 0.0, False

    def run(self):
        while not self.is_over:
            request = v1.BulkUpsertMembersRequest(member_base_id=self.base)
            for number in self.dice.sample(range(self.options.members), self.options.rows):
                request.members.add(ref=ref(number), tier=f"Tier {self.dice.randrange(1000)}")
            began = time.monotonic()
            counts = self.members.BulkUpsertMembers(request).counts
            assert counts.updated + counts.unchanged == self.options.rows, counts
            self.longest = max(self.longest, time.monotonic() - began)
            self.changed += counts.updated


def bench(program, url, base, members, phase, seconds):
    command = [program, "bench", "--server", url, "--base", base, "--members", str(members), "--phases", phase]
    command += ["--seconds", str(seconds), "--json"]
    ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(ran.stdout)["phases"][0]


def tell(minute, database, before, rows, longest, got, process):
    sizes = [database.ask(SIZES.format(table)) / 1e9 for table in ("hot", "kv")]
    log = database.ask(LOG)
    written = "" if before is None else f"{(log - before) / 1e6:,.0f}"
    p99 = got["latency"]["p99_us"] / 1e3
    print(
        f"| {minute} | {rows} | {longest} | {got['per_second']:,.0f}, {p99:.1f} | {sizes[0]:.2f}, {sizes[1]:.2f} "
        f"| {database.ask(DEAD):,}, {database.ask(CLEANED)} | {written} | {server.memory(process.pid, 'VmRSS')} |",
        flush=True,
    )
    return log


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--members", type=int, default=5_000_000)
    parser.add_argument("--minutes", type=int, default=20)
    parser.add_argument("--rows", type=int, default=500, help="of each call")
    options = parser.parse_args()
    program = str(pathlib.Path(options.program).resolve())
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        os.mkdir(f"{folder}/pg")
        database = Database(f"{folder}/pg")
        process = None
        try:
            command = [program, "serve", "--store", database.url, "--listen", "127.0.0.1:0", "--advertise"]
            process, url = server.listening([*command, "http://127.0.0.1:1"])
            channel = client.connect(url)
            base = client.create_base(channel, "database")
            client.allow_everything(channel, base)
            loaded = bench(program, url, base, options.members, "fresh", 1)
            print(f"loaded with {loaded['per_second']:,.0f}/s")
            print(HEADING)
            got = bench(program, url, base, options.members, "get", 3)
            before = tell(0, database, None, "", "", got, process)
            writer = Writer(url, base, options)
            writer.start()
            for minute in range(1, options.minutes + 1):
                began, changed, writer.longest = time.monotonic(), writer.changed, 0.0
                time.sleep(57)
                if not writer.is_alive():
                    raise SystemExit("the changes failed")
                got = bench(program, url, base, options.members, "get", 3)
                rate = (writer.changed - changed) / (time.monotonic() - began)
                before = tell(minute, database, before, f"{rate:,.0f}", f"{writer.longest:.2f}", got, process)
            writer.is_over = True
            writer.join()
        finally:
            if process is not None:
                server.stop(process)
            database.control("stop", "-m", "immediate")


if __name__ == "__main__":
    main()
