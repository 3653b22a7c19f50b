"""PostgreSQL 15 with a table of members: the unique keys that memberbase has, and a number for its id.

The number also gives the order of pages. The table has no status, times or revision, and keeps no history.
Single statements are made by pgbench (prepared, over TCP); batches by `clients/batches.c`, as binary arrays.
"""

import re
import struct
import subprocess
import time

import packages
import ports
import postgres
from members import FIELDS, FIRST_NEW, NEW, SQL, row, write

SETTINGS = {"shared_buffers": "1GB", "max_wal_size": "4GB", "max_connections": "300"}
UNIQUE = ("ref", "email", "worker_id")
SET = ", ".join(f"{name} = excluded.{name}" for name in FIELDS)
OLD, PROPOSED = (", ".join(f"{table}.{name}" for name in FIELDS) for table in ("m", "excluded"))
# Rows that are what they were are not written again.
CONFLICT = f"ON CONFLICT (ref) DO UPDATE SET {SET} WHERE ({OLD}) IS DISTINCT FROM ({PROPOSED})"
ARRAYS = ", ".join(f"${n}" for n in range(1, len(FIELDS) + 1))
ROWS_OF_BATCH = 1_000
GET = "\\set number random(0, :members - 1)\nSELECT * FROM member WHERE ref = {ref};\n"
CREATE = (
    "\\set number random({least}, {most})\n"
    "INSERT INTO member AS m ({names}) VALUES ({values}) {conflict};\n"
)
PAGE = (
    "\\set after random(0, :members / 500 - 1) * 500\n"
    "SELECT {names} FROM member WHERE number > :after ORDER BY number LIMIT 500;\n"
)
COUNT = "SELECT count(*) FROM member WHERE tier = 'Gold';\n"


class Postgres:
    name = "PostgreSQL"

    def start(self, folder, members):
        self.folder, self.members, self.port = folder, members, ports.free()
        self.batches = None
        settings = SETTINGS | {"listen_addresses": "127.0.0.1", "port": self.port}
        self.data = postgres.start(folder, settings)

    def load(self):
        self.fresh()
        # memberbase has sets of tiers; this index is made after the load, and not measured.
        postgres.sql(self.data, "CREATE INDEX ON member (tier);")
        postgres.sql(self.data, "VACUUM ANALYZE member; CHECKPOINT;")

    def fresh(self):
        columns = ", ".join(f"{name} text" for name in FIELDS)
        keys = ", ".join(f"UNIQUE ({name})" for name in UNIQUE)
        number = "number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
        postgres.sql(self.data, f"DROP TABLE IF EXISTS member; CREATE TABLE member ({number}, {columns}, {keys});")
        postgres.sql(self.data, "CHECKPOINT;")
        measured = self.send_batches()
        if measured["written"] != self.members:
            raise SystemExit(f"PostgreSQL wrote {measured['written']} rows instead of {self.members}")
        return measured

    def unchanged(self):
        measured = self.send_batches()
        if measured["written"] != 0:
            raise SystemExit(f"PostgreSQL wrote {measured['written']} unchanged rows")
        return measured

    def send_batches(self, connections=2):
        # A part that loads members itself begins without a load.
        self.batches = self.batches or batches(self.folder / "batches", self.members)
        where = f"host=127.0.0.1 port={self.port} user=postgres dbname=postgres sslmode=disable"
        statement = f"INSERT INTO member AS m ({', '.join(FIELDS)}) SELECT * FROM unnest({ARRAYS}) {CONFLICT}"
        measured = packages.run("batches", where, statement, self.batches, "--connections", connections)
        return measured | {"count": self.members, "written": measured["reply_bytes"]}

    def get(self, seconds, in_flight, begin):
        return self.bench(GET.format(ref=SQL["ref"]), seconds, in_flight)

    def create(self, seconds, in_flight, numbers):
        before = self.count_all()
        values = ", ".join(SQL[name] for name in FIELDS)
        numbers = {"least": FIRST_NEW, "most": FIRST_NEW + NEW - 1}
        script = CREATE.format(**numbers, names=", ".join(FIELDS), values=values, conflict=CONFLICT)
        measured = self.bench(script, seconds, in_flight)
        # A number that was drawn twice is one member.
        if self.count_all() - before < measured["count"] * 0.999:
            raise SystemExit("PostgreSQL has fewer new members than calls")
        return measured

    def page(self, seconds):
        return self.bench(PAGE.format(names=", ".join(FIELDS)), seconds, 1)

    def count(self, seconds, in_flight):
        return self.bench(COUNT, seconds, in_flight)

    def count_all(self):
        return int(postgres.sql(self.data, "SELECT count(*) FROM member;"))

    def bench(self, script, seconds, clients):
        path = self.folder / "script"
        path.write_text(script)
        for log in self.folder.glob("log.*"):
            log.unlink()
        # Its time begins before it connects, which takes 256 clients more than a second.
        limit = seconds + clients // 64
        command = ["pgbench", "-n", "-M", "prepared", "-c", clients, "-j", 1, "-T", limit, "-f", path]
        command += ["-D", f"members={self.members}", "-h", "127.0.0.1", "-p", self.port, "-U", "postgres"]
        command += ["-l", "--log-prefix", self.folder / "log", "--sampling-rate", 0.1, "postgres"]
        ran = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if ran.returncode != 0 or not re.search(r"failed transactions: 0 ", ran.stdout):
            raise SystemExit(f"pgbench: {ran.stdout} {ran.stderr}")
        made = int(re.search(r"actually processed: (\d+)", ran.stdout).group(1))
        rate = float(re.search(r"tps = ([\d.]+)", ran.stdout).group(1))
        logged = (line.split()[2] for log in self.folder.glob("log.*") for line in open(log))
        times = sorted(int(micros) / 1e3 for micros in logged)
        at = lambda share: times[min(len(times) - 1, int(len(times) * share))]
        # Let the main process count what the ended ones took.
        time.sleep(0.3)
        return {"count": made, "seconds": made / rate, "p50": at(0.5), "p99": at(0.99), "max": at(1)}

    def cpu_seconds(self):
        return postgres.cpu_seconds(self.data)

    def stop(self):
        postgres.stop(self.data, "fast")


def batches(path, members):
    """A file of the parameters of all batches: one array of text a column."""
    if not path.exists():
        write(path, (array for first in range(0, members, ROWS_OF_BATCH) for array in arrays(first, members)))
    return path


def arrays(first, members):
    rows = [row(number) for number in range(first, min(first + ROWS_OF_BATCH, members))]
    for name in FIELDS:
        cells = [member[name].encode() for member in rows]
        # One dimension, no nulls, text; its length, and the first index.
        head = struct.pack(">iiIii", 1, 0, 25, len(cells), 1)
        yield head + b"".join(struct.pack(">i", len(cell)) + cell for cell in cells)
