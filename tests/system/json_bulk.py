#!/usr/bin/env python3
"""Loads members through the Publisher door's `member/bulk-upsert`, and prints the speed and the memory used.

    memberbase serve --data DIR --listen 127.0.0.1:50051 &
    python3 tests/system/json_bulk.py 127.0.0.1:50051 --pid $! --members 1000000 --rows 5000
    python3 tests/system/json_bulk.py 127.0.0.1:50051 --pid $! --members 200000 --rows 200000 --connections 1

Creates the bodies before the clock starts. Checks every reply for one id for each row, and no id twice. At
the end it checks the number of members. Needs only Python's standard library.
"""

import argparse
import http.client
import json
import os
import queue
import threading
import time


def row(number):
    """Ten fields, about 200 bytes in the store."""
    ref = number * 2654435761 % 2**32
    return {
        "ref": f"crm-{ref:010}",
        "email": f"member.{number}@mail.example.com",
        "first_name": "Alexandra",
        "last_name": f"Montgomery-{number % 9973}",
        "phone": f"+4420{number % 10**8:08}",
        "worker_id": f"w-{number}",
        "tier": ("Bronze", "Silver", "Gold")[number % 3],
        "dob": f"19{50 + number % 50}-0{1 + number % 9}-1{number % 9}",
        "role": "Driver on the night shift",
        "company": "Northern Logistics Limited",
    }


def call(connection, action, body, token):
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    connection.request("POST", f"/publisher.v1/{action}", body, headers)
    reply = connection.getresponse()
    text = reply.read()
    if reply.status != 200:
        raise SystemExit(f"{action}: {reply.status} {text[:500]!r}")
    return json.loads(text)


def memory(pid):
    """The server's current memory and its peak, in MB."""
    with open(f"/proc/{pid}/status") as status:
        sizes = dict(line.split(":") for line in status if line.startswith("Vm"))
    return [int(sizes[name].split()[0]) * 1024 / 1e6 for name in ("VmRSS", "VmHWM")]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address", help="host:port of the server")
    parser.add_argument("--members", type=int, default=1_000_000)
    parser.add_argument("--rows", type=int, default=5_000, help="rows of a call")
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--pid", type=int, help="the server's process id, to report its memory")
    arguments = parser.parse_args()
    token = os.environ.get("MEMBERBASE_TOKEN")

    def connect():
        return http.client.HTTPConnection(arguments.address, timeout=600)

    base = call(connect(), "member-base/create", json.dumps({"name": f"json {time.time_ns()}"}), token)["id"]
    bodies = queue.Queue()
    for first in range(0, arguments.members, arguments.rows):
        rows = [row(number) for number in range(first, min(first + arguments.rows, arguments.members))]
        bodies.put((len(rows), json.dumps({"member_base_id": base, "members": rows}).encode()))
    largest = max(len(body) for _, body in bodies.queue)
    before = memory(arguments.pid) if arguments.pid else None
    took, failed = [], []

    def work():
        connection = connect()
        while True:
            try:
                count, body = bodies.get_nowait()
            except queue.Empty:
                return
            begun = time.perf_counter()
            ids = call(connection, "member/bulk-upsert", body, token)
            took.append(time.perf_counter() - begun)
            if len(ids) != count or len(set(ids)) != count:
                failed.append(f"{len(ids)} ids for {count} rows")

    threads = [threading.Thread(target=work) for _ in range(arguments.connections)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - begun
    if failed or not bodies.empty():
        raise SystemExit(f"failed: {failed or 'not all calls were made'}")
    page = {"member_base_id": base, "include_total": True, "pagination": {"limit": 1}}
    total = call(connect(), "member/list", json.dumps(page), token)["total"]
    if total != arguments.members:
        raise SystemExit(f"{total} members instead of {arguments.members}")
    took.sort()
    print(f"{arguments.members} members in calls of {arguments.rows} rows, {arguments.connections} connections: "
          f"{seconds:.2f} s, {arguments.members / seconds:.0f} members/s, "
          f"a call {took[len(took) // 2]:.2f} s at the median and {took[-1]:.2f} s at most, "
          f"bodies of up to {largest / 1e6:.1f} MB")
    if before:
        now, most = memory(arguments.pid)
        print(f"server memory: {before[0]:.0f} MB before, {now:.0f} MB after, {most:.0f} MB peak")


if __name__ == "__main__":
    main()
