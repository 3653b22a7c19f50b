"""PostgreSQL 15 as a peer: clusters of its own, and how long it takes to compare a list with a table."""

import os
import pathlib
import shutil
import subprocess
import time

PROGRAMS = pathlib.Path("/usr/lib/postgresql/15/bin")
# Beyond the defaults. With the second set the tables and the hash table of the join fit into memory.
SETTINGS = {
    "default settings": {},
    "1 GB shared_buffers, 512 MB work_mem": {"shared_buffers": "1GB", "work_mem": "512MB", "max_wal_size": "4GB"},
}
COLUMNS = "ref,email,first_name,last_name,phone,tier,worker_id,role,company,dob".split(",")
LIST = ", ".join(f"{name} text" for name in COLUMNS)
SAME = " OR ".join(f"l.{name} IS DISTINCT FROM m.{name}" for name in COLUMNS)
COMPARE = f"""
SELECT count(*) FILTER (WHERE m.ref IS NULL),
       count(*) FILTER (WHERE l.ref IS NOT NULL AND m.ref IS NOT NULL AND ({SAME})),
       count(*) FILTER (WHERE l.ref IS NOT NULL AND m.ref IS NOT NULL AND NOT ({SAME})),
       count(*) FILTER (WHERE l.ref IS NULL)
FROM list l FULL OUTER JOIN member m ON l.ref = m.ref
"""
COUNTED = ("added", "updated", "unchanged", "gone")
# What the plan of memberbase answers as well: rows with an e-mail address or worker id of another member, and
# keys that the list has twice.
TAKEN = [f"SELECT count(*) FROM list l JOIN member m USING ({key}) WHERE l.ref <> m.ref" for key in ("email", "worker_id")]
REPEATED = [
    f"SELECT count(*) FROM (SELECT 1 FROM list WHERE {key} IS NOT NULL GROUP BY {key} HAVING count(*) > 1) AS keys"
    for key in ("ref", "email", "worker_id")
]
CONFLICTS = " UNION ALL ".join(TAKEN + REPEATED)


def install():
    """Installs PostgreSQL from the packages of the distribution, if it is not there."""
    if not (PROGRAMS / "postgres").exists():
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "postgresql-15"]
        subprocess.run(command, env=environment, check=True)


def run(command, text=None):
    """Runs a program of PostgreSQL, as `postgres` if this is root, as which it refuses to run."""
    user = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.getuid() == 0 else {}
    program, *arguments = command
    done = subprocess.run(
        [PROGRAMS / program, *arguments], **user, cwd="/", input=text, text=True, capture_output=True
    )
    if done.returncode != 0:
        raise SystemExit(f"{program}: {done.stderr or done.stdout}")
    return done.stdout


def start(folder, settings):
    """Starts the cluster in the folder, which gets another owner if this is root; a new one if there is none.
    Returns its data directory. By default it listens on no address."""
    if os.getuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    data = pathlib.Path(folder, "data")
    if not data.exists():
        new = ["initdb", "--pgdata", data, "--username", "postgres", "--encoding", "UTF8", "--no-locale"]
        run([*new, "--auth", "trust"])
    settings = {"listen_addresses": ""} | settings | {"unix_socket_directories": folder}
    with open(data / "postgresql.conf", "a") as file:
        file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
    run(["pg_ctl", "start", "--pgdata", data, "--wait", "--log", data / "log", "--silent"])
    return data


def stop(data, mode="immediate"):
    """Stops the cluster."""
    run(["pg_ctl", "stop", "--pgdata", data, "--mode", mode, "--silent"])


def sql(data, text):
    """Runs statements, and returns what they print."""
    command = ["psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--username", "postgres"]
    port = (data / "postmaster.pid").read_text().splitlines()[3]
    command += ["--set", "ON_ERROR_STOP=1", "--host", data.parent, "--port", port, "--file", "-"]
    return run(command, text).strip()


def copy(path):
    """Loads a list that the server reads itself. An empty cell becomes NULL."""
    return f"COPY list FROM '{path}' WITH (FORMAT csv, HEADER true);"


def load(data, path):
    """Makes the table of members, with the unique keys that memberbase has, of a list."""
    create_list(data)
    keys = ", ".join(f"UNIQUE ({key})" for key in ("ref", "email", "worker_id"))
    sql(data, f"{copy(path)} CREATE TABLE member ({LIST}, {keys}); INSERT INTO member SELECT * FROM list;")
    sql(data, "VACUUM ANALYZE member; CHECKPOINT;")


def create_list(data):
    sql(data, f"DROP TABLE IF EXISTS list; CREATE UNLOGGED TABLE list ({LIST}); CHECKPOINT;")


def compare(data, path):
    """Loads a list, and compares it with the table. Returns the counts, the seconds of each step, and the CPU
    seconds of the cluster in the first three. The last step finds conflicts, of which there must be none."""
    create_list(data)
    before = cpu_seconds(data)
    times, printed = {}, {}
    for name, text in (("COPY", copy(path)), ("ANALYZE", "ANALYZE list;"), ("join", COMPARE), ("conflicts", CONFLICTS)):
        began = time.monotonic()
        printed[name] = sql(data, text)
        times[name] = time.monotonic() - began
        if name == "join":
            times["COPY, ANALYZE and join"] = sum(times.values())
            times["CPU of these"] = cpu_seconds(data) - before
    if set(printed["conflicts"].split()) != {"0"}:
        raise SystemExit(f"the list has conflicts: {printed['conflicts'].split()}")
    return dict(zip(COUNTED, map(int, printed["join"].split("|")))), times


def cpu_seconds(data):
    """User and system time of all processes of the cluster, ended ones included."""
    first = int((data / "postmaster.pid").read_text().split()[0])
    ticks = 0
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(stat.parent.name) == first:
            ticks += sum(map(int, fields[11:15]))
        elif int(fields[1]) == first:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")
