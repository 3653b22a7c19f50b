"""What has to hold besides the attacks: each check has its own way to see whether it did.

A check is a function of the scene and of how many seconds it may take; it answers what it saw, and what did not hold. The
last one stops the server of the scene.
"""
import json
import subprocess
import threading
import time

import attacks
import probe
from server import Server

# How long a stop may take: what container engines give.
STOP_SECONDS = 10.0
# Of single writes beside the largest calls, in seconds.
FAIR_P99 = 0.1
OTHERS = 50
HEAVY_CLIENTS = 4


def fair_share(scene, seconds):
    """One memberbase under the largest legal calls, others with single writes: none of these is refused."""
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
    """A server whose standard error nobody reads goes on when it has much to say."""
    server = Server(scene.server.program, scene.server.data.with_name("unread"), log=subprocess.PIPE)
    try:
        client = probe.Client(server.host, server.port, None, "nobody")
        begun = time.monotonic()
        for number in range(2_000):
            # Each in a path of its own, so that no two are one line of the log.
            status, text = client.call(f"member/{number}", {"q": "x"})
            if status not in (401, 404):
                return "", [f"the answer to call {number}: {status} {text}"]
        return f"2,000 refused calls in {time.monotonic() - begun:.1f} s", []
    finally:
        server.kill()


def stop_with_stuck_calls(scene, seconds):
    """The server stops in time although a peer reads nothing and another says nothing."""
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
    ("a log that nobody reads", unread_log),
    ("stopping with stuck calls", stop_with_stuck_calls),
)
