#!/usr/bin/env bash
# HAProxy passes half of a list as a whole one, if its client speaks HTTP/2 and the server is slow.
#
# Versions: HAProxy 2.6.12-1+deb12u4 (of Debian 12, where alone the script runs); httpx 0.28.1 with h2 4.4.1,
# and grpcio 1.85.3.
#
# A list of members is sent in pieces. If the server stops for longer than `timeout server`, HAProxy gives up.
# HTTP/1.1 tells the end of such a response from a broken connection by a last piece without content. HTTP/2
# has the mark END_STREAM for the end, and RST_STREAM for a response that ends early.
#
# Guess: the client gets an error, with each version of HTTP.
#
# Seen: that is so with HTTP/1.1. With HTTP/2, HAProxy sends END_STREAM after the pieces that it has, and the
# client has a response with the status 200 that is whole and three members long. gRPC has a second mark, the
# status at the end: grpcio says UNKNOWN, because it is missing, after it has handed out the members.
#
# Why it matters: CSV and NDJSON of three lines are valid, so a sync of this list removes everybody else, and
# whether it does depends on the version of HTTP.
# memberbase's streams are gRPC, where the missing status is an error, and a list for its HTTP doors has its
# length in a header (docs/onsi.md, `x-expected-rows`).
set -euo pipefail
dir=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check httpx==0.28.1 h2==4.4.1 grpcio==1.85.3
apt-get -o APT::Sandbox::User=root download --quiet=2 haproxy=2.6.12-1+deb12u4 liblua5.3-0=5.3.6-2 >/dev/null
for package in *.deb; do dpkg-deb --extract "$package" haproxy; done

cat >lists.py <<'PY'
"""A list of members by HTTP/1.1 and by gRPC, which stops after three for longer than HAProxy waits."""
import concurrent.futures
import http.server
import threading
import time

import grpc

PAUSE = 5


class List(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for at in range(3):
            self.wfile.write(f"3\r\nA{at}\n\r\n".encode())
        time.sleep(PAUSE)

    def log_message(self, *_):
        pass


def members(_request, _context):
    yield from (b"A0", b"A1", b"A2")
    time.sleep(PAUSE)


pages = http.server.ThreadingHTTPServer(("127.0.0.1", 0), List)
threading.Thread(target=pages.serve_forever, daemon=True).start()
calls = grpc.server(concurrent.futures.ThreadPoolExecutor())
method = grpc.unary_stream_rpc_method_handler(members)
calls.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("Members", {"List": method})])
port = calls.add_insecure_port("127.0.0.1:0")
calls.start()
print(pages.server_port, port, flush=True)
calls.wait_for_termination()
PY
mkfifo ports
venv/bin/python lists.py >ports &
read -r http1 grpc <ports
free() { python3 -c 'import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])'; }
by_http1=$(free) by_http2=$(free) by_grpc=$(free)

cat >haproxy.cfg <<CFG
defaults
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 1s
listen by_http1
    bind 127.0.0.1:$by_http1
    server list 127.0.0.1:$http1
listen by_http2
    bind 127.0.0.1:$by_http2 proto h2
    server list 127.0.0.1:$http1
listen by_grpc
    bind 127.0.0.1:$by_grpc proto h2
    server list 127.0.0.1:$grpc proto h2
CFG
LD_LIBRARY_PATH=haproxy/usr/lib/$(uname -m)-linux-gnu haproxy/usr/sbin/haproxy -q -f haproxy.cfg -db &

cat >read.py <<'PY'
import sys
import time

import grpc
import httpx

by_http1, by_http2, by_grpc = sys.argv[1:]


def get(**versions):
    port = by_http1 if versions["http1"] else by_http2
    with httpx.Client(**versions, timeout=20) as client:
        for _ in range(50):
            try:
                return client.get(f"http://127.0.0.1:{port}/")
            except httpx.ConnectError:
                time.sleep(0.1)


try:
    print("HTTP/1.1:", get(http1=True, http2=False).text.split())
except httpx.HTTPError as error:
    print("HTTP/1.1:", type(error).__name__)
response = get(http1=False, http2=True)
print(f"{response.http_version}:", response.status_code, response.text.split())

seen = []
try:
    for member in grpc.insecure_channel(f"127.0.0.1:{by_grpc}").unary_stream("/Members/List")(b""):
        seen.append(member.decode())
    print("gRPC:", seen)
except grpc.RpcError as error:
    print("gRPC:", seen, error.code().name)
PY
venv/bin/python read.py "$by_http1" "$by_http2" "$by_grpc" | tee seen

diff - seen <<'EXPECTED'
HTTP/1.1: RemoteProtocolError
HTTP/2: 200 ['A0', 'A1', 'A2']
gRPC: ['A0', 'A1', 'A2'] UNKNOWN
EXPECTED
