"""A row of PostgreSQL for each member, with the unique keys that memberbase has: for cluster.sh.

    cluster_upserts.py SOCKET-FOLDER MEMBERS

One connection, one prepared statement of 1,000 rows at a time; first into an empty table, and then the same again.
"""
import sys
import time

import psycopg

COLUMNS = ("ref", "email", "worker_id", "first_name", "last_name", "tier", "role", "company")
VALUES = COLUMNS[1:]


def row(n):
    return (f"ref-{n}", f"person{n}@example.com", f"w{n}", f"First{n % 100}", f"Last{n % 1000}", "gold", "Engineer", "Company")


def main():
    folder, members = sys.argv[1], int(sys.argv[2])
    database = psycopg.connect(f"host={folder} user=memberbase dbname=postgres", autocommit=True)
    columns = ", ".join(f"{name} text" for name in COLUMNS)
    database.execute("DROP TABLE IF EXISTS m")
    database.execute(f"CREATE TABLE m (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, base int NOT NULL, {columns}, "
                     "updated timestamptz DEFAULT now())")
    for key in COLUMNS[:3]:
        database.execute(f"CREATE UNIQUE INDEX ON m (base, {key})")
    now, new = ", ".join(f"m.{name}" for name in VALUES), ", ".join(f"excluded.{name}" for name in VALUES)
    upsert = (
        f"INSERT INTO m (base, {', '.join(COLUMNS)}) SELECT 1, * FROM unnest({', '.join(['%b::text[]'] * len(COLUMNS))}) "
        f"ON CONFLICT (base, ref) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in VALUES)} "
        f"WHERE ({now}) IS DISTINCT FROM ({new})"
    )
    batches = [
        [list(column) for column in zip(*map(row, range(first, min(first + 1000, members))))]
        for first in range(0, members, 1000)
    ]
    for what in ("fresh", "unchanged"):
        begun = time.monotonic()
        for batch in batches:
            database.execute(upsert, batch, prepare=True)
        print(f"PostgreSQL, rows, {what}: {members / (time.monotonic() - begun):,.0f}/s", flush=True)


main()
