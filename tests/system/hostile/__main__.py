#!/usr/bin/env python3
"""Attacks a server, and checks whether other clients are still served.

    python3 tests/system/hostile PROGRAM [--seconds 3] [--settings open,tls,small] [--only NAME,…] [--patience S] [--report]

Needs `hpack` and `openssl`. Each attack of `attacks.py` runs for some seconds against servers with these
settings: `open` (the defaults, no token), `tls` (tokens and TLS), `small` (`--memory 256MiB`, with a memory
limit of 700 MB and 1,024 descriptors). Meanwhile a probe in another process gets a member every 100 ms, opens
a connection every second and writes a row every second. `LIMITS` has the limits; the script prints every
violation, and then exits with 1.

Times mean little on a machine that does other work. With `--patience` the only limit of time is that every
reply must come within that many seconds.
"""
import argparse
import inspect
import json
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

import attacks
import checks
from frames import Gone
from server import Server

ORDINARY_MEMBERS = 200_000
LONG_MEMBERS = 2_000
# The limits while an attack runs, in seconds, and the limits for memory and descriptors afterwards.
LIMITS = {"p99": 0.05, "slowest": 1.0, "connection": 1.0, "write": 1.0}
MEMORY_BACK_WITHIN = 60
# Memory may stay above its former value by a fifth, or by what an allocator retains.
MEMORY_SHARE, MEMORY_BYTES = 1.2, 30 * 1024 * 1024
# What a server may use at any moment besides `--memory`: for memory that it does not count, and for its
# members, including those that attacks create.
REST_BYTES = 150_000_000 + 40 * 500_000
SETTINGS = ("open", "tls", "small")


class Scene:
    """A server with members."""

    def __init__(self, program, work, settings):
        tls = certificate(work) if settings == "tls" else None
        data = work / f"data-{settings}"
        token = first_token(program, data) if settings == "tls" else None
        small = settings == "small"
        self.settings, self.token = settings, token
        self.server = Server(program, data, tls=tls, token=token, limited=small, arguments=("--memory", "256MiB") if small else ())
        self.bound = (256 if small else 512) * 1024 * 1024 + REST_BYTES
        self.base = fill(self)
        warm(self)
        # Its memory and descriptors when it is idle after ordinary work. No attack may leave much more
        # behind, after any number of attacks.
        self.memory, self.descriptors = settled(self.server)


def certificate(work):
    files = [str(work / "tls.crt"), str(work / "tls.key")]
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-out", files[0], "-keyout", files[1]]
    subprocess.run(command + subject, check=True, stderr=subprocess.DEVNULL)
    return files


def first_token(program, data):
    command = [program, "token", "create", "--access", "admin", "--new-store", "--data", str(data)]
    made = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return made.stdout.splitlines()[-1]


def fill(scene):
    """Creates a memberbase with ordinary members and some with long attributes, and returns its id."""
    import probe

    client = probe.Client(scene.server.host, scene.server.port, scene.server.tls, scene.token)

    def call(action, body):
        status, text = client.call(action, body)
        assert status == 200, f"{action}: {status} {text}"
        return text

    base = json.loads(call("member-base/create", {"name": "under attack"}))["id"]
    call("attribute.schema/set", {"member_base_id": base, "schema": {"note": {"type": "string"}}})
    for first in range(0, ORDINARY_MEMBERS, 5_000):
        rows = [ordinary(n) for n in range(first, first + 5_000)]
        call("member/bulk-upsert", {"member_base_id": base, "members": rows})
    for first in range(0, LONG_MEMBERS, 500):
        rows = [{"ref": f"long-{n}", "attributes": {"note": "a" * 4_000}} for n in range(first, first + 500)]
        call("member/bulk-upsert", {"member_base_id": base, "members": rows})
    return base


def warm(scene):
    """Fills caches with ordinary work, as on a server in use: creates the members that attacks create, reads
    every page of the list, and syncs."""
    import probe

    attacks.heavy_but_legal(scene, time.monotonic() + 1)

    client = probe.Client(scene.server.host, scene.server.port, scene.server.tls, scene.token)
    for round in range(2):
        for first in range(0, ORDINARY_MEMBERS, 20_000):
            rows = [ordinary(n) | {"role": f"role {round}"} for n in range(first, first + 20_000)]
            status, text = client.call("member/bulk-upsert", {"member_base_id": scene.base, "members": rows})
            assert status == 200, f"{status} {text}"
    cursor = {}
    while cursor is not None:
        status, page = client.page(scene.base, cursor)
        assert status == 200, f"{status} {page}"
        cursor = page["page"]["more"] and {"cursor": page["page"]["cursor"]} or None


def ordinary(n):
    return {"ref": f"crm-{n}", "email": f"m{n}@example.com", "last_name": "x" * 30 + str(n), "worker_id": f"w-{n}"}


def run(scene, attack, seconds):
    """Runs one attack beside the probe; returns the measurements and the violated limits."""
    server = scene.server
    memory, descriptors = scene.memory, scene.descriptors
    here = pathlib.Path(__file__).parent / "probe.py"
    arguments = [server.host, str(server.port), server.tls or "", scene.token or "", scene.base, "crm-7"]
    probe = subprocess.Popen(
        [sys.executable, str(here), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    probe.stdout.readline()
    peak, error = 0, None
    server.forget_peak()
    try:
        attack(scene, time.monotonic() + seconds)
    except (Gone, OSError) as gone:
        error = gone
    if server.is_running():
        peak = server.resident()
    out, _ = probe.communicate("\n", timeout=120)
    seen = json.loads(out)
    wrong = [f"the probe: {text}" for text in seen["wrong"][:3]]
    if not server.is_running():
        return {}, [f"the server ended with {server.process.returncode}"]
    gets = sorted(seen["gets"])
    figures = {
        "gets": len(gets),
        "p99": gets[int(len(gets) * 0.99)] if len(gets) < 100 else gets[-(len(gets) // 100) - 1],
        "slowest": gets[-1],
        "connection": max(seen["connections"], default=0.0),
        "write": max(seen["writes"], default=0.0),
        "peak": peak,
    }
    if (most := server.peak()) > scene.bound:
        wrong.append(f"peak memory {most // 1_000_000} MB, limit {scene.bound // 1_000_000}")
    wrong += [
        f"{name} {figures[name] * 1000:.0f} ms, limit {LIMITS[name] * 1000:.0f}"
        for name in ("p99", "slowest", "connection", "write")
        if figures[name] > LIMITS[name]
    ]
    begun = time.monotonic()
    allowed = max(memory * MEMORY_SHARE, memory + MEMORY_BYTES)
    while server.resident() > allowed or server.descriptors() > descriptors + 2:
        if time.monotonic() - begun > MEMORY_BACK_WITHIN:
            wrong.append(
                f"{server.resident() // 1_000_000} MB and {server.descriptors()} descriptors a minute after, "
                f"{memory // 1_000_000} MB and {descriptors} before"
            )
            break
        time.sleep(0.5)
    figures["back"] = time.monotonic() - begun
    if error:
        figures["ended"] = repr(error)[:80]
    return figures, wrong


def settled(server):
    """The memory and descriptors of an idle server, after the threads of a burst have ended."""
    time.sleep(15)
    return server.resident(), server.descriptors()


def all_attacks():
    functions = inspect.getmembers(attacks, inspect.isfunction)
    takes_scene = lambda f: list(inspect.signature(f).parameters) == ["scene", "until"]
    own = [(f.__code__.co_firstlineno, name, f) for name, f in functions if takes_scene(f)]
    return [(name, f) for _, name, f in sorted(own)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--settings", default=",".join(SETTINGS))
    parser.add_argument("--only", help="names of attacks")
    parser.add_argument("--patience", type=float, help="how long any reply may take, instead of the limits")
    parser.add_argument("--report", action="store_true", help="also print a table for docs/security.md")
    options = parser.parse_args()
    if options.patience:
        LIMITS.update(dict.fromkeys(LIMITS, options.patience))
        checks.FAIR_P99 = options.patience
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    program = str(pathlib.Path(options.program).resolve())
    chosen = options.only and options.only.split(",")
    failed, rows = 0, []
    for settings in options.settings.split(","):
        with tempfile.TemporaryDirectory() as work:
            scene = Scene(program, pathlib.Path(work), settings)
            try:
                for name, attack in all_attacks():
                    if chosen and name not in chosen:
                        continue
                    figures, wrong = run(scene, attack, options.seconds)
                    rows.append((settings, name, figures))
                    said = ", ".join(f"{k} {v * 1000:.0f} ms" for k, v in figures.items() if k in LIMITS)
                    memory = f", peak {figures.get('peak', 0) // 1_000_000} MB, back in {figures.get('back', 0):.0f} s"
                    print(f"{settings:6} {name:34} {said}{memory}", flush=True)
                    for text in wrong:
                        failed += 1
                        print(f"{settings:6} {name:34} FAILED: {text}", flush=True)
                    if not scene.server.is_running():
                        scene = Scene(program, pathlib.Path(tempfile.mkdtemp(dir=work)), settings)
                for name, check in () if chosen else checks.ALL:
                    said, wrong = check(scene, options.seconds)
                    print(f"{settings:6} {name:34} {said}", flush=True)
                    for text in wrong:
                        failed += 1
                        print(f"{settings:6} {name:34} FAILED: {text}", flush=True)
            except AssertionError as fault:
                failed += 1
                print(f"{settings:6} FAILED: {fault}", flush=True)
            finally:
                scene.server.kill()
                log = pathlib.Path(scene.server.log.name).read_text(errors="replace")
                internal = [line for line in log.splitlines() if " ERROR " in line or "panicked" in line]
                for line in internal[:5]:
                    failed += 1
                    print(f"{settings:6} FAILED: the log has: {line[:200]}", flush=True)
    if options.report:
        report(rows)
    print("hostile: all passed" if not failed else f"hostile: {failed} failed")
    return 1 if failed else 0


def report(rows):
    print("\n| settings | attack | get p99 | slowest | new connection | memory at the end of it | back after |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for settings, name, f in rows:
        if f:
            ms = [f"{f[key] * 1000:.0f} ms" for key in ("p99", "slowest", "connection")]
            cells = [settings, name.replace("_", " "), *ms, f"{f['peak'] // 1_000_000} MB", f"{f['back']:.0f} s"]
            print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    sys.exit(main())
