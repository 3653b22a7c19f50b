"""Checks besides the attacks, each with its own criteria.

A check is a function of the scene and of its duration in seconds. It returns what it measured and what
failed. The last check stops the server of the scene.
"""
import json
import subprocess
import threading
import time

import attacks
import probe
from server import Server

# How long a stop may take, in seconds: the time that container engines allow.
STOP_SECONDS = 10.0
# The limit for single writes beside the largest calls, in seconds.
FAIR_P99 = 0.1
OTHERS = 50
HEAVY_CLIENTS = 4


def fair_share(scene, seconds):
    """The largest legal calls to one memberbase do not make the server refuse single writes to others."""
    server, token = scene.server, scene.token
    client = probe.Client(server.host, server.port, server.tls, token)
    bases = []
    for number in range(OTHERS):
        status, text = client.call("member-base/create", {"name": f"other {number}"})
        assert status == 200, text
        bases.append(json.loads(text)["id"])
    body = attacks.heavy_body(scene)
    until = time.monotonic() + max(seconds, 3)
    heavy = lambda: attacks.repeatedly(until, lambda: attacks.json_call(scene, "member/bulk-upsert", body, 60))
    took, refused = [], []

    def single(ids):
        own = probe.Client(server.host, server.port, server.tls, token)
        number = 0
        while time.monotonic() < until:
            for base in ids:
                row = {"ref": f"single-{number}", "role": str(number)}
                begun = time.monotonic()
                status, text = own.call("member/bulk-upsert", {"member_base_id": base, "members": [row]})
                took.append(time.monotonic() - begun)
                if status != 200:
                    refused.append(f"{status} {text}")
            number += 1
            time.sleep(0.2)

    groups = [bases[at::5] for at in range(5)]
    threads = [threading.Thread(target=heavy) for _ in range(HEAVY_CLIENTS)]
    threads += [threading.Thread(target=single, args=(group,)) for group in groups]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took.sort()
    p99 = took[-(len(took) // 100) - 1]
    said = f"{len(took)} single writes, p99 {p99 * 1000:.0f} ms, slowest {took[-1] * 1000:.0f} ms"
    wrong = [f"a single write was refused: {text}" for text in refused[:3]]
    if p99 > FAIR_P99:
        wrong.append(f"p99 {p99 * 1000:.0f} ms, limit {FAIR_P99 * 1000:.0f}")
    return said, wrong


def unread_log(scene, seconds):
    """A server keeps working while it logs much and nothing reads its standard error."""
    server = Server(scene.server.program, scene.server.data.with_name("unread"), log=subprocess.PIPE)
    try:
        client = probe.Client(server.host, server.port, None, "nobody")
        begun = time.monotonic()
        for number in range(2_000):
            # Each with another path, so that the log does not combine two in one line.
            status, text = client.call(f"member/{number}", {"q": "x"})
            if status not in (401, 404):
                return "", [f"the reply to call {number}: {status} {text}"]
        return f"2,000 refused calls in {time.monotonic() - begun:.1f} s", []
    finally:
        server.kill()


def stop_with_stuck_calls(scene, seconds):
    """The server stops in time although one peer reads nothing and another one sends nothing."""
    held = []
    for _ in range(3):
        connection = attacks.Connection(scene.server, window=0)
        held.append(connection)
        request = attacks.message(attacks.field(1, scene.base.encode()))
        stream = connection.head(f"{attacks.SERVICE}/ExportMembers", token=scene.token)
        connection.data(stream, request, end=True)
        connection.head(f"{attacks.SERVICE}/ImportMembers", token=scene.token)
    time.sleep(0.5)
    try:
        took = scene.server.stop(STOP_SECONDS)
    finally:
        for connection in held:
            connection.close()
    return f"{took:.1f} s", []


ALL = (
    ("fair share", fair_share),
    ("an unread log", unread_log),
    ("stopping with stuck calls", stop_with_stuck_calls),
)
