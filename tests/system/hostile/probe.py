"""Uses a server as an ordinary client while others attack it. Runs as a separate process.

    probe.py HOST PORT CERTIFICATE-or-empty TOKEN-or-empty MEMBERBASE REF

Makes a get by ref every 100 ms on one connection, and a new connection and one small write every second,
until standard input ends. Then prints what it measured as one JSON object.
"""
import http.client
import json
import select
import ssl
import sys
import time

EVERY = 0.1


class Client:
    def __init__(self, host, port, certificate, token):
        self.where = (host, port)
        self.context = None
        if certificate:
            self.context = ssl.create_default_context(cafile=certificate)
            self.context.check_hostname = False
        self.headers = {"Content-Type": "application/json"}
        if token:
            self.headers["Authorization"] = f"Bearer {token}"
        self.connection = None

    def connect(self):
        kind = http.client.HTTPSConnection if self.context else http.client.HTTPConnection
        how = {"context": self.context} if self.context else {}
        connection = kind(*self.where, timeout=60, **how)
        connection.connect()
        return connection

    def page(self, base, cursor):
        """A page of the list of members, as the server returns it."""
        if self.connection is None:
            self.connection = self.connect()
        body = {"member_base_id": base, "pagination": {"limit": 1_000} | cursor}
        self.connection.request("POST", "/publisher.v1/member/list", json.dumps(body), self.headers)
        reply = self.connection.getresponse()
        return reply.status, json.loads(reply.read())

    def call(self, action, body, connection=None):
        """Returns status and text. Connects once more if the connection was closed meanwhile."""
        for attempt in (0, 1):
            try:
                if connection is None and self.connection is None:
                    self.connection = self.connect()
                used = connection or self.connection
                used.request("POST", f"/publisher.v1/{action}", json.dumps(body), self.headers)
                reply = used.getresponse()
                return reply.status, reply.read()[:4_000].decode(errors="replace")
            except (http.client.HTTPException, OSError) as error:
                if connection is not None or attempt:
                    return 0, repr(error)
                self.connection = None


def main():
    host, port, certificate, token, base, ref = sys.argv[1:7]
    client = Client(host, int(port), certificate, token)
    seen = {"gets": [], "connections": [], "writes": [], "wrong": []}

    def timed(into, call):
        begun = time.monotonic()
        status, text = call()
        seen[into].append(time.monotonic() - begun)
        if status != 200:
            seen["wrong"].append(f"{into}: {status} {text}")

    def fresh():
        connection = client.connect()
        try:
            return client.call("member/get", {"member_base_id": base, "ref": ref}, connection)
        finally:
            connection.close()

    number = 0
    print("ready", flush=True)
    while not select.select([sys.stdin], [], [], 0)[0]:
        due = time.monotonic() + EVERY
        timed("gets", lambda: client.call("member/get", {"member_base_id": base, "ref": ref}))
        if number % 10 == 5:
            try:
                timed("connections", fresh)
            except OSError as error:
                seen["wrong"].append(f"connection: {error!r}")
        if number % 10 == 0:
            row = {"ref": f"probe-{number % 100}", "role": str(number)}
            timed("writes", lambda: client.call("member/bulk-upsert", {"member_base_id": base, "members": [row]}))
        number += 1
        time.sleep(max(0.0, due - time.monotonic()))
    json.dump(seen, sys.stdout)


if __name__ == "__main__":
    main()
