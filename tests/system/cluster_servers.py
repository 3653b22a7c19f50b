"""For cluster.py: servers that a supervisor keeps, a balancer in front of them, and clients that do not give up."""
import collections
import itertools
import os
import pathlib
import re
import signal
import subprocess
import threading
import time

import grpc
from cluster_parts import PATIENCE, PROGRAM, WORK, Host, fail, free_port, get, undo, until
from publisher.v1 import job_service_pb2_grpc, member_base_service_pb2_grpc
from publisher.v1 import member_service_pb2_grpc, record_service_pb2_grpc

REPOSITORY = pathlib.Path(__file__).parents[2]
# The exit code of a server that found another one to be the owner.
LOST = 75
OPTIONS = [
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
]
TRANSIENT = (
    grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.ABORTED, grpc.StatusCode.CANCELLED,
)


class Server(Host):
    """A server, which is started again whenever it ends."""

    def __init__(self, number, url, place):
        self.number, self.url, self.place = number, url, place
        self.ended, self.stopping = [], False
        self.address = f"{place.address}:{place.port(50051)}"
        self.admin = f"{place.address}:{place.port(50052)}"
        self.log = open(WORK / f"server{number}.log", "ab")
        self.started = threading.Event()
        self.process = None
        self.keeper = threading.Thread(target=self.keep, daemon=True)
        self.keeper.start()
        self.started.wait()
        undo.callback(self.end)

    def end(self):
        self.stopping = True
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def keep(self):
        while not self.stopping:
            command = [
                PROGRAM, "serve", "--listen", self.address, "--admin-listen", self.admin, "--drain-pause", "0s",
                "--memory", "128MiB", "--advertise", f"http://{self.address}", "--lease-memberbases",
                *(["--insecure-plaintext"] if self.place.namespace else []),
            ]
            environment = dict(os.environ, MEMBERBASE_STORE=self.url, MEMBERBASE_DATA="")
            self.process = subprocess.Popen(self.place.command(command), env=environment, stdout=self.log, stderr=self.log)
            self.started.set()
            code = self.process.wait()
            self.ended.append(code)
            if code not in (0, -signal.SIGKILL, LOST):
                fail(f"server {self.number} ended with {code}")
            time.sleep(0.2)

    def signal(self, number):
        self.process.send_signal(number)

    def metric(self, name):
        lines = (get(f"http://{self.admin}/metrics")[1] or "").splitlines()
        found = [line.rsplit(" ", 1)[1] for line in lines if line.startswith(name + " ")]
        return float(found[0]) if found else None

    def ready(self, probe="readyz"):
        status, text = get(f"http://{self.address}/{probe}")
        return status == 200, text


class Balancer:
    """HAProxy with the part that docs/cluster.md prints, and the rest of packaging/proxies."""

    def __init__(self, servers, host):
        self.address = f"{host}:{free_port()}"
        lines = (REPOSITORY / "docs/cluster.md").read_text().splitlines()
        first = lines.index("    frontend members")
        printed = "\n".join(itertools.takewhile(lambda line: not line or line.startswith("    "), lines[first:]))
        settings = (REPOSITORY / "packaging/proxies/haproxy.cfg").read_text().partition("frontend")[0]
        printed, binds = re.subn(r"bind :50051", f"bind {self.address}", printed)
        ours = "".join(f"        server mb{server.number} {server.address}\n" for server in servers)
        printed, groups = re.subn(r"(?: +server mb\d .*\n?)+", ours, printed)
        if (binds, groups) != (1, 2):
            fail(f"docs/cluster.md prints another part of a balancer than this test knows:\n{printed}")
        file = WORK / "haproxy.cfg"
        file.write_text(settings + printed)
        log = open(WORK / "haproxy.log", "ab")
        self.process = subprocess.Popen(["haproxy", "-db", "-f", str(file)], stdout=log, stderr=log)
        undo.callback(lambda: (self.process.kill(), self.process.wait()))


class Client:
    """Calls any of the servers, and goes on to the next while one cannot answer."""

    # Of the token that all clients use.
    metadata = None

    def __init__(self, servers, chance):
        self.stubs, self.chance, self.retries = [], chance, collections.Counter()
        for server in servers:
            channel = grpc.insecure_channel(server.address, options=OPTIONS)
            self.stubs.append({
                "bases": member_base_service_pb2_grpc.MemberBaseServiceStub(channel),
                "members": member_service_pb2_grpc.MemberServiceStub(channel),
                "records": record_service_pb2_grpc.RecordServiceStub(channel),
                "jobs": job_service_pb2_grpc.JobServiceStub(channel),
            })

    def call(self, service, method, request, codes=(), take=lambda reply: reply):
        """What `take` makes of the reply. A request that is a stream is a function that begins it."""
        at, end = self.chance.randrange(len(self.stubs)), time.monotonic() + PATIENCE
        self.is_repeat = False
        while True:
            try:
                sent = request() if callable(request) else request
                return take(getattr(self.stubs[at][service], method)(sent, timeout=20, metadata=self.metadata))
            except grpc.RpcError as error:
                code = error.code()
                if code in codes:
                    raise
                # A request that is still running elsewhere, or was cut off, is sent again with its request
                # id.
                cut_off = code in (grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL) and "tream" in error.details()
                if not (code in TRANSIENT or cut_off):
                    fail(f"{method}: {code} {error.details()}")
                if time.monotonic() > end:
                    fail(f"{method}: no server answers for {PATIENCE} s: {code} {error.details()}")
                self.retries[code.name] += 1
                # Its first try may have been done.
                self.is_repeat = True
                at = (at + 1) % len(self.stubs)
                time.sleep(0.05)
