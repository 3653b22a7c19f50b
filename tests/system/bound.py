#!/usr/bin/env python3
"""Loads members, runs several kinds of clients at the same time, and compares the server's peak memory with
its bound: `--memory`, 40 bytes for each member, and 150 MB.

    python3 tests/system/bound.py target/release/memberbase --members 1000000 --memory 256MiB --seconds 60

Needs only Python's standard library. The exit code is 1 if the server used more, or if a call failed that
must not fail.
"""

import argparse
import http.client
import json
import multiprocessing
import pathlib
import random
import subprocess
import sys
import tempfile
import time
import urllib.parse

from json_bulk import call, row

# What a server may use besides `--memory` and the bytes for its members.
REST_BYTES = 150_000_000
MEMBER_BYTES = 40
ROWS = 5_000
SIZES = {"MiB": 2**20, "GiB": 2**30}


def connect(address):
    return http.client.HTTPConnection(address, timeout=120)


def load(address, base, first, last):
    connection = connect(address)
    for start in range(first, last, ROWS):
        rows = [row(n) for n in range(start, min(last, start + ROWS))]
        call(connection, "member/bulk-upsert", json.dumps({"member_base_id": base, "members": rows}), None)


def repeat(address, until, make):
    """Makes one call after another: a POST at the Publisher door, or a GET if there is no body. A call refused
    for lack of room is tried again; any other error ends the test."""
    connection, made = connect(address), 0
    while time.monotonic() < until:
        action, body = make()
        if body is None:
            connection.request("GET", action)
        else:
            json_body = {"Content-Type": "application/json"}
            connection.request("POST", f"/publisher.v1/{action}", json.dumps(body), json_body)
        reply = connection.getresponse()
        text = reply.read()
        if reply.status not in (200, 503):
            raise SystemExit(f"{action}: {reply.status} {text[:300]!r}")
        made += reply.status == 200
    return made


def upserts(base, members, rows):
    """Bodies of `rows` rows, of which half change nothing."""

    def make():
        first = random.randrange(max(1, members - rows))
        changed = [row(n) | ({"role": f"role {random.random()}"} if n % 2 else {}) for n in range(first, first + rows)]
        return "member/bulk-upsert", {"member_base_id": base, "members": changed}

    return make


def gets(base, members):
    return lambda: ("member/get", {"member_base_id": base, "ref": row(random.randrange(members))["ref"]})


def pages(base, members):
    """Pages of a thousand members from random places of the list."""

    def make():
        pagination = {"limit": 1_000, "skip": random.randrange(max(1, members - 1_000))}
        return "member/list", {"member_base_id": base, "pagination": pagination}

    return make


def filters(base, members):
    """Conditions that sets evaluate, and some that read every member."""
    kinds = [
        {"key": "tier", "eq": "Gold"},
        {"key": "last_name", "regex": {"pattern": "(x+x+)+y$"}},
        {"key": "ref", "in": [f"nobody-{n}" for n in range(10_000)]},
        {"or": [{"key": key, "regex": {"pattern": "zz"}} for key in ("company", "role")]},
    ]
    return lambda: ("member/list", {"member_base_id": base, "filters": [random.choice(kinds)], "include_total": True})


def searches(base, members):
    """Beginnings of words, which search sets know: those of all members, of some, and of one, alone and
    together."""

    def make():
        one = row(random.randrange(members))
        words = [one["ref"], one["email"].split("@")[0], one["last_name"], one["worker_id"], one["first_name"], "role"]
        chosen = [word[: random.randint(1, len(word))] for word in random.sample(words, random.randint(1, 3))]
        query = urllib.parse.urlencode({"search": " ".join(chosen), "limit": 30})
        return f"/v0/workspaces/{base}/members?{query}", None

    return make


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--members", type=int, default=1_000_000)
    parser.add_argument("--memory", default="256MiB")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--only", help="kinds of clients, with commas between them")
    options = parser.parse_args()
    number, unit = options.memory[:-3], options.memory[-3:]
    bound = int(number) * SIZES[unit] + MEMBER_BYTES * options.members + REST_BYTES
    with tempfile.TemporaryDirectory() as data:
        command = [options.program, "serve", "--listen", "127.0.0.1:0", "--data", data, "--memory", options.memory]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            address = next(line for line in server.stdout if line.startswith("listening")).split("//")[-1].strip()
            return measure(server.pid, address, options, bound)
        finally:
            server.kill()
            server.wait()


def memory(pid):
    """The server's current memory and its peak, in bytes."""
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    sizes = dict(line.split(":", 1) for line in lines if line.startswith("Vm"))
    return [int(sizes[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM")]


def say(what, pid, bound):
    now, peak = memory(pid)
    print(f"{what:20} {now / 1e6:5.0f} MB now, {peak / 1e6:5.0f} MB peak, bound {bound / 1e6:.0f} MB", flush=True)


def measure(pid, address, options, bound):
    base = call(connect(address), "member-base/create", json.dumps({"name": "bound"}), None)["id"]
    count = options.members
    halves = [(address, base, n * count // 2, (n + 1) * count // 2) for n in range(2)]
    with multiprocessing.Pool(2) as pool:
        pool.starmap(load, halves)
    say("loaded", pid, bound)
    until = time.monotonic() + options.seconds
    kinds = {
        "upserts of 5,000": upserts(base, count, ROWS),
        "upserts of 60,000": upserts(base, count, min(60_000, count // 2)),
        "single upserts": upserts(base, count, 1),
        "gets": gets(base, count),
        "more gets": gets(base, count),
        "pages": pages(base, count),
        "more pages": pages(base, count),
        "filters": filters(base, count),
        "more filters": filters(base, count),
        "searches": searches(base, count),
        "more searches": searches(base, count),
    }
    chosen = options.only.split(",") if options.only else kinds
    kinds = {name: make for name, make in kinds.items() if name in chosen}
    results = multiprocessing.Queue()
    work = lambda name, make: results.put((name, repeat(address, until, make)))
    clients = [multiprocessing.Process(target=work, args=each) for each in kinds.items()]
    for client in clients:
        client.start()
    while any(client.is_alive() for client in clients):
        time.sleep(10)
        say("under load", pid, bound)
    failed = any(client.exitcode for client in clients)
    for _ in range(sum(not client.exitcode for client in clients)):
        name, made = results.get()
        print(f"{name:20} {made} calls")
    _, peak = memory(pid)
    say("at the end", pid, bound)
    print("passed" if peak <= bound and not failed else "FAILED")
    return 0 if peak <= bound and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
