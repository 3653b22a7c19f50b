"""The attacks: what one client can do to a server, on purpose or by accident, each for some seconds.

An attack is a function of the scene and of the time when it ends. It may report what it saw, but the probe
decides whether the server passed. The server may close, refuse or reset anything that an attack sends.
"""
import gzip
import http.client
import json
import struct
import time
from concurrent.futures import ThreadPoolExecutor

from frames import (
    CONTINUATION, DATA, END_HEADERS, FRAME_BYTES, GOAWAY, HEADERS, PING, RST_STREAM, SETTINGS, WINDOW,
    Connection, Gone, connect, field, frame, literal, message, varint,
)

SERVICE = "/publisher.v1.MemberService"
HEALTH = "/grpc.health.v1.Health/Check"
GZIP = (("grpc-encoding", "gzip"),)
# A page of 500 members.
PAGE = b"\x08" + varint(500)


def repeatedly(until, attempt):
    """Repeats an attack until its end, also after the server has ended a connection."""
    while time.monotonic() < until:
        try:
            attempt()
        except (Gone, OSError):
            time.sleep(0.01)


def hold(until, most, connect_one, fill):
    """Opens up to `most` connections, fills each, and holds them to the end."""
    held = []
    try:
        while time.monotonic() < until and len(held) < most:
            try:
                held.append(connect_one())
                fill(held[-1])
            except (Gone, OSError):
                pass
        time.sleep(max(0.0, until - time.monotonic()))
    finally:
        for connection in held:
            connection.close()


def json_call(scene, action, body, timeout=30):
    """Makes a JSON call and returns its status, or 0 if there was no reply."""
    kind = http.client.HTTPConnection
    how = {}
    if scene.server.tls:
        import ssl

        kind = http.client.HTTPSConnection
        how["context"] = ssl.create_default_context(cafile=scene.server.tls)
        how["context"].check_hostname = False
    connection = kind(scene.server.host, scene.server.port, timeout=timeout, **how)
    headers = {"Content-Type": "application/json"}
    if scene.token:
        headers["Authorization"] = f"Bearer {scene.token}"
    try:
        connection.request("POST", f"/publisher.v1/{action}", body, headers)
        reply = connection.getresponse()
        reply.read()
        return reply.status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def costly_regexes(scene, until):
    """A list over all ordinary members with 32 patterns that match none."""
    patterns = [{"key": "last_name", "regex": {"pattern": f"(x+x+)+[a-z]{{1,40}}y{n}$"}} for n in range(32)]
    body = json.dumps({"member_base_id": scene.base, "filters": [{"or": patterns}]})
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: repeatedly(until, lambda: json_call(scene, "member/list", body, 5)), range(4)))


def costly_regex_over_long_values(scene, until):
    """A bounded repetition, which the regex engine unrolls, over attributes of 4,000 bytes."""
    condition = {"key": "attributes.note", "regex": {"pattern": "a{1,500}!"}}
    body = json.dumps({"member_base_id": scene.base, "filters": [condition]})
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: repeatedly(until, lambda: json_call(scene, "member/list", body, 5)), range(4)))


def costly_regexes_of_callers_that_leave(scene, until):
    """The same with a client that disconnects after a tenth of a second, again and again."""
    patterns = [{"key": "last_name", "regex": {"pattern": f"(x|xx|x+){{1,30}}z{n}"}} for n in range(32)]
    body = json.dumps({"member_base_id": scene.base, "filters": [{"or": patterns}]})
    with ThreadPoolExecutor(4) as pool:
        call = lambda: json_call(scene, "member/list", body, 0.1)
        list(pool.map(lambda _: repeatedly(until, call), range(4)))


def many_values_in_a_filter(scene, until):
    """The maximum number of values of one `in`, in several conditions."""
    values = [f"nobody-{n}" for n in range(10_000)]
    conditions = [{"key": key, "in": values} for key in ("ref", "email", "worker_id", "last_name")]
    body = json.dumps({"member_base_id": scene.base, "filters": [{"or": conditions}]})
    repeatedly(until, lambda: json_call(scene, "member/list", body, 10))


def large_upserts(scene, until):
    """Well-formed upserts of 15 MiB whose rows are all refused."""
    row = field(1, b"") + field(2, b"x" * 200)
    body = field(1, scene.base.encode()) + field(2, row) * (15 * 1024 * 1024 // (len(row) + 4))

    def once():
        send_message(scene, f"{SERVICE}/BulkUpsertMembers", message(body), token=scene.token)

    repeatedly(until, once)


def empty_rows(scene, until):
    """Rows of two bytes, which take a hundred times as much memory when they are decoded."""
    body = field(1, scene.base.encode()) + field(2, b"") * 4_000_000
    packed = message(gzip.compress(body, 9), compressed=True)
    repeatedly(until, lambda: send_message(scene, f"{SERVICE}/BulkUpsertMembers", packed, scene.token, GZIP))


def empty_rows_in_json(scene, until):
    """The same through the JSON door."""
    body = b'{"member_base_id":"%s","members":[%s{}]}' % (scene.base.encode(), b"{}," * 2_600_000)
    repeatedly(until, lambda: json_call(scene, "member/bulk-upsert", body, 20))


def small_messages_with_many_rows(scene, until):
    """Messages of 4 KiB with rows of two or three bytes, on many calls of several connections, at both
    doors."""
    rows = message(field(1, scene.base.encode()) + field(2, b"") * 2_000)
    json_rows = b'{"member_base_id":"%s","members":[%s{}]}' % (scene.base.encode(), b"{}," * 1_300)
    calls = [
        (f"{SERVICE}/BulkUpsertMembers", "application/grpc", rows),
        ("/publisher.v1/member/bulk-upsert", "application/json", json_rows),
    ]

    def once(call):
        path, kind, body = call
        connection = Connection(scene.server)
        try:
            waiting = 0
            while time.monotonic() < until:
                while waiting < 200:
                    stream = connection.head(path, token=scene.token, kind=kind)
                    connection.data(stream, body, end=True)
                    waiting += 1
                got = connection.read(0.01)
                waiting -= bool(got and (got[0] == RST_STREAM or (got[0] in (HEADERS, DATA) and got[1] & 1)))
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: repeatedly(until, lambda: once(calls[n % 2])), range(8)))


def calls_without_a_message(scene, until):
    """Headers of 12 KiB without a body, on all calls of many connections. Needs no token."""
    extra = [(f"x-{n}", "z" * 3_000) for n in range(4)]

    def fill(connection):
        for _ in range(250):
            connection.head(HEALTH, extra=extra)
        while connection.read(0.001):
            pass

    hold(until, 200, lambda: Connection(scene.server, timeout=2), fill)


def compression_bombs_without_a_token(scene, until):
    """A small message that unpacks to the limit, from a caller without any rights."""
    packed = message(gzip.compress(bytes(30 * 1024 * 1024), 9), compressed=True)
    repeatedly(until, lambda: send_message(scene, f"{SERVICE}/BulkUpsertMembers", packed, None, GZIP))


def send_message(scene, path, packed, token=None, extra=()):
    """Sends a complete message as the windows allow, and waits for the end of the call."""
    connection = Connection(scene.server)
    try:
        stream = connection.head(path, token=token, extra=extra)
        windows = {0: WINDOW, stream: WINDOW}
        at, ended = 0, False
        while not ended:
            while at < len(packed) and min(windows[0], windows[stream]) > 0:
                size = min(FRAME_BYTES, len(packed) - at, windows[0], windows[stream])
                last = at + size == len(packed)
                connection.send(frame(DATA, 1 if last else 0, stream, packed[at : at + size]))
                at += size
                windows[0] -= size
                windows[stream] -= size
            got = connection.read(10)
            if got is None:
                return
            kind, flags, of, payload = got
            if kind == SETTINGS and not flags & 1:
                for place in range(0, len(payload), 6):
                    setting, value = struct.unpack_from(">HI", payload, place)
                    if setting == 4:
                        windows[stream] += value - WINDOW
            elif kind == 8 and of in windows:
                windows[of] += int.from_bytes(payload, "big") & 0x7FFFFFFF
            ended = kind in (RST_STREAM, GOAWAY) or (of == stream and kind in (HEADERS, DATA) and flags & 1)
    finally:
        connection.close()


def unfinished_messages(scene, until):
    """Health checks that announce long messages and never end, on many calls of few connections. Needs no
    token."""
    held = []
    size = 3_900_000

    def once():
        connection = Connection(scene.server)
        held.append(connection)
        connection.read(1)
        streams = [connection.head(HEALTH) for _ in range(100)]
        for stream in streams:
            connection.send(frame(DATA, 0, stream, struct.pack(">BI", 0, size)))
        while time.monotonic() < until:
            for stream in streams:
                connection.send(frame(DATA, 0, stream, bytes(FRAME_BYTES)))
            while connection.read(0.001):
                pass

    try:
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda _: repeatedly(until, once), range(3)))
    finally:
        for connection in held:
            connection.close()


def slow_messages(scene, until):
    """Large messages with a token that stop just before their end, on many calls of several connections."""
    packed = message(field(1, scene.base.encode()) + field(2, field(1, b"y" * 100)) * 30_000)[:-10]
    held = []

    def once():
        connection = Connection(scene.server)
        held.append(connection)
        connection.read(1)
        streams = [connection.head(f"{SERVICE}/BulkUpsertMembers", token=scene.token) for _ in range(30)]
        at = 0
        while time.monotonic() < until:
            if at < len(packed):
                for stream in streams:
                    connection.send(frame(DATA, 0, stream, packed[at : at + FRAME_BYTES]))
                at += FRAME_BYTES
            while connection.read(0.001):
                pass

    try:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: repeatedly(until, once), range(8)))
    finally:
        for connection in held:
            connection.close()


def pages_that_nobody_reads(scene, until):
    """Requests for large pages on many calls of connections whose windows stay closed."""
    request = message(field(1, scene.base.encode()) + field(2, PAGE))

    def fill(connection):
        for _ in range(100):
            stream = connection.head(f"{SERVICE}/ListMembers", token=scene.token)
            connection.data(stream, request, end=True)
        time.sleep(0.2)

    hold(until, 40, lambda: Connection(scene.server, window=0), fill)


def exports_that_nobody_reads(scene, until):
    """Two thousand exports whose windows stay closed."""
    request = message(field(1, scene.base.encode()))
    held = []

    def once():
        connection = Connection(scene.server, window=2**31 - 1)
        held.append(connection)
        # The window of the connection stays at 64 KiB.
        for _ in range(100):
            stream = connection.head(f"{SERVICE}/ExportMembers", token=scene.token)
            connection.data(stream, request, end=True)
        time.sleep(0.2)

    begun = 0
    try:
        while time.monotonic() < until and begun < 20:
            try:
                once()
            except (Gone, OSError):
                pass
            begun += 1
        time.sleep(max(0.0, until - time.monotonic()))
    finally:
        for connection in held:
            connection.close()


def import_replies_that_nobody_reads(scene, until):
    """Imports whose rows all fail, and whose replies stay unread."""
    options = field(1, field(1, scene.base.encode()))
    row = field(3, field(2, b"no ref " * 20))
    held = []

    def once():
        connection = Connection(scene.server, window=0)
        held.append(connection)
        connection.read(1)
        streams = [connection.head(f"{SERVICE}/ImportMembers", token=scene.token) for _ in range(50)]
        number = 0
        while time.monotonic() < until:
            for stream in streams:
                chunk = (options if number == 0 else b"") + b"\x10" + varint(number + 1) + row * 60
                connection.data(stream, message(chunk))
            number += 1
            while connection.read(0.001):
                pass

    try:
        repeatedly(until, once)
    finally:
        for connection in held:
            connection.close()


def idle_connections(scene, until):
    """More connections than a server at the usual limit has descriptors for."""
    held = []
    while time.monotonic() < until:
        try:
            while len(held) < 1_100:
                held.append(connect(scene.server, ["http/1.1"], 2))
            time.sleep(0.1)
        except OSError:
            time.sleep(0.1)
    for connection in held:
        connection.close()


def silent_http2_connections(scene, until):
    """Connections that send the HTTP/2 preface and then nothing."""
    held = []
    while time.monotonic() < until:
        try:
            while len(held) < 4_200 and time.monotonic() < until:
                held.append(Connection(scene.server, timeout=2))
            time.sleep(0.1)
        except (Gone, OSError):
            time.sleep(0.05)
    for connection in held:
        connection.close()


def heavy_body(scene):
    """A body of 240,000 rows, or the most for a server with little memory. Asserts that the server accepts
    it."""
    count = 120_000 if scene.settings == "small" else 240_000
    rows = ",".join(f'{{"ref":"heavy-{n}"}}' for n in range(count))
    body = f'{{"member_base_id":"{scene.base}","members":[{rows}]}}'.encode()
    status = json_call(scene, "member/bulk-upsert", body, 60)
    assert status == 200, f"a call of {count} rows got the status {status}"
    return body


def heavy_but_legal(scene, until):
    """Two clients that repeat the largest legal call."""
    body = heavy_body(scene)
    with ThreadPoolExecutor(2) as pool:
        call = lambda: json_call(scene, "member/bulk-upsert", body, 60)
        list(pool.map(lambda _: repeatedly(until, call), range(2)))


def rejected_calls(scene, until):
    """Calls without a valid token, as fast as one connection can make them."""
    def once():
        connection = Connection(scene.server)
        try:
            while time.monotonic() < until:
                for _ in range(50):
                    connection.head(f"{SERVICE}/GetMember", token="sk_nobody", end=True)
                answered = 0
                while answered < 50:
                    got = connection.read(5)
                    if got is None or got[0] == GOAWAY:
                        return
                    answered += got[0] == HEADERS and bool(got[1] & 1)
        finally:
            connection.close()

    repeatedly(until, once)


def resets(scene, until):
    """Calls that the client resets as soon as they have begun (rapid reset)."""
    def once():
        connection = Connection(scene.server)
        try:
            while time.monotonic() < until:
                for _ in range(100):
                    stream = connection.head(f"{SERVICE}/GetMember", token=scene.token)
                    connection.send(frame(RST_STREAM, 0, stream, struct.pack(">I", 8)))
                connection.read(0.001)
        finally:
            connection.close()

    repeatedly(until, once)


def endless_heads(scene, until):
    """Headers that continue in an endless row of CONTINUATION frames."""
    def once():
        connection = Connection(scene.server)
        try:
            stream = connection.head("/x", flags=0)
            piece = literal("x-filler", "y" * 8_000)
            while time.monotonic() < until:
                connection.send(frame(CONTINUATION, 0, stream, piece))
        finally:
            connection.close()

    repeatedly(until, once)


def pings_and_settings(scene, until):
    """Frames that require a response from the server, which stays unread."""
    def once():
        connection = Connection(scene.server)
        try:
            while time.monotonic() < until:
                connection.send(frame(PING, 0, 0, b"12345678") * 50 + frame(SETTINGS, 0, 0) * 50)
        finally:
            connection.close()

    repeatedly(until, once)


def huge_heads(scene, until):
    """Header fields that are larger than headers may be."""
    def once():
        connection = Connection(scene.server)
        try:
            extra = [(f"x-{n}", "z" * 3_000) for n in range(5)]
            for _ in range(50):
                connection.head("/x", extra=extra, end=True)
            connection.read(0.2)
        finally:
            connection.close()

    repeatedly(until, once)


def slow_heads(scene, until):
    """HTTP/1 requests that arrive byte by byte."""
    held = []
    while time.monotonic() < until:
        try:
            while len(held) < 300:
                connection = connect(scene.server, ["http/1.1"], 2)
                connection.sendall(b"POST /publisher.v1/member/get HTTP/1.1\r\nHost: x\r\n")
                held.append(connection)
            for connection in list(held):
                try:
                    connection.sendall(b"x")
                except OSError:
                    held.remove(connection)
        except OSError:
            pass
        time.sleep(0.2)
    for connection in held:
        connection.close()


def malformed_frames(scene, until):
    """Frames that break the protocol in various ways: too long, on stream 0, of unknown kinds, cut short."""
    bad = [
        frame(DATA, 0, 0, b"x"),
        frame(HEADERS, END_HEADERS, 2, literal(":path", "/")),
        frame(200, 255, 1, b"?" * 100),
        b"\xff\xff\xff" + bytes([DATA, 0]) + struct.pack(">I", 1),
        frame(8, 0, 0, struct.pack(">I", 0)),
        frame(HEADERS, END_HEADERS, 1, b"\x80"),
        b"\x00\x00",
    ]
    turn = iter(range(10**9))

    def once():
        connection = Connection(scene.server)
        try:
            connection.send(bad[next(turn) % len(bad)])
            connection.read(0.05)
        finally:
            connection.close()

    repeatedly(until, once)
