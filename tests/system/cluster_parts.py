"""What cluster.py is made of: places in a network, one PostgreSQL, servers that a supervisor keeps, and clients.

A place is a host of its own: where network namespaces can be made (as root, with `ip` and `iptables`), each has an
address and can be cut off from others. Elsewhere all are on the loopback, and cutting off is SIGSTOP.
"""
import collections
import contextlib
import functools
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

os.environ["PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"] = "python"  # why: see power_cut.py

import grpc
from publisher.v1 import member_base_service_pb2_grpc, member_service_pb2_grpc, record_service_pb2_grpc

PROGRAM, BINARIES, WORK = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
PATIENCE = 90
LOST = 75
OPTIONS = [
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
]
TRANSIENT = (
    grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.ABORTED, grpc.StatusCode.CANCELLED,
)
begun = time.monotonic()


def say(text):
    print(f"cluster: {time.monotonic() - begun:6.1f} s  {text}", flush=True)


# What must be undone before the process ends, however it ends.
undo = contextlib.ExitStack()


# Held from the first failure on.
failing = threading.Lock()


def fail(text):
    if not failing.acquire(blocking=False):
        threading.Event().wait()
    print(f"cluster: FAILED: {text}", file=sys.stderr, flush=True)
    dump()
    # The threads of writers are no longer waited for.
    try:
        undo.close()
    finally:
        os._exit(1)


def dump():
    for log in sorted(WORK.glob("*.log")):
        print(f"--- the end of {log.name}", file=sys.stderr)
        sys.stderr.write("".join(log.read_text(errors="replace").splitlines(keepends=True)[-25:]))
    sys.stderr.flush()


def until(holds, what, patience=PATIENCE):
    """Waits until `holds()` is true. `what` says what is wrong if it never is."""
    end = time.monotonic() + patience
    while not (found := holds()):
        if time.monotonic() > end:
            fail(what() if callable(what) else what)
        time.sleep(0.05)
    return found


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def as_database_user(*command):
    # Servers of PostgreSQL refuse to run as root.
    if os.geteuid() != 0:
        return list(command)
    # Programs of this run may be in a folder that only root can read.
    may_read = ["--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search"]
    return ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups", *may_read, *command]


def get(url, change=None):
    """The status and the text that a page has, or `None` and the reason. `change` is sent to it with PATCH."""
    request = urllib.request.Request(url, change and change.encode(), method="PATCH" if change else "GET")
    try:
        page = urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=1)
        return page.status, page.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return None, str(error)


class Network:
    """Hosts on this machine, with a bridge between them."""

    def __init__(self):
        number = os.getpid() % 250
        self.bridge, self.prefix, self.places = f"mbc{number}", f"10.77.{number}", 0
        ip("link", "add", self.bridge, "type", "bridge")
        undo.callback(ip, "link", "del", self.bridge)
        ip("addr", "add", f"{self.prefix}.254/24", "dev", self.bridge)
        ip("link", "set", self.bridge, "up")

    @staticmethod
    def is_possible():
        if os.geteuid() != 0 or not (shutil.which("ip") and shutil.which("iptables")):
            return False
        probe = f"mbp{os.getpid() % 250}"
        made = subprocess.run(["ip", "netns", "add", probe], stderr=subprocess.DEVNULL).returncode == 0
        works = made and subprocess.run(
            ["ip", "netns", "exec", probe, "iptables", "-S"], capture_output=True).returncode == 0
        if made:
            ip("netns", "del", probe)
        return works

    @property
    def here(self):
        return f"{self.prefix}.254"

    def place(self):
        self.places += 1
        name, end = f"{self.bridge}n{self.places}", f"{self.bridge}v{self.places}"
        address = f"{self.prefix}.{self.places}"
        ip("netns", "add", name)
        undo.callback(ip, "netns", "del", name)
        ip("link", "add", end, "type", "veth", "peer", "name", "eth0", "netns", name)
        ip("link", "set", end, "master", self.bridge)
        ip("link", "set", end, "up")
        ip("-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
        for link in ("eth0", "lo"):
            ip("-n", name, "link", "set", link, "up")
        return Place(address, name)


def ip(*command):
    subprocess.run(["ip", *command], check=True)


class Place:
    """A host, or the loopback of this machine if it has no namespace."""

    def __init__(self, address="127.0.0.1", namespace=None):
        self.address, self.namespace = address, namespace

    def port(self, usual):
        return usual if self.namespace else free_port()

    def command(self, command):
        return ["ip", "netns", "exec", self.namespace, *command] if self.namespace else list(command)

    def rules(self, *rule):
        subprocess.run(self.command(["iptables", "-w", *rule]), check=True)

    def cut(self, addresses):
        """Loses all packets from and to these, without a word to either side."""
        for address in addresses:
            self.rules("-A", "INPUT", "-s", address, "-j", "DROP")
            self.rules("-A", "OUTPUT", "-d", address, "-j", "DROP")

    def heal(self):
        self.rules("-F")


class Database:
    """One server of PostgreSQL on the loopback. As root, its tables are on a disk of their own, which can be filled;
    its log is not, because a database whose log finds no room is down."""

    def __init__(self):
        self.port, self.disk = free_port(), None
        self.folder = WORK / "database"
        self.log = open(WORK / "database.log", "ab")
        if os.geteuid() == 0:
            self.mount()
        made = as_database_user(
            str(BINARIES / "initdb"), "-D", str(self.folder), "-U", "memberbase", "-A", "trust", "-E", "UTF8", "--locale=C",
            "--waldir", str(WORK / "database-log"),
        )
        subprocess.run(made, check=True, stdout=self.log, stderr=self.log, cwd="/")
        self.start()
        undo.callback(self.kill)

    def mount(self):
        image, self.disk = WORK / "disk.img", WORK / "disk"
        self.disk.mkdir()
        run = functools.partial(subprocess.run, check=True, stdout=subprocess.DEVNULL)
        run(["truncate", "-s", "1G", str(image)])
        run(["mkfs.ext4", "-q", "-m", "0", str(image)])
        run(["mount", "-o", "loop", str(image), str(self.disk)])
        undo.callback(run, ["umount", "--lazy", str(self.disk)])
        shutil.chown(self.disk, "postgres")
        self.folder = self.disk / "database"

    def fill(self):
        """Leaves no room for tables to grow."""
        with open(self.disk / "filler", "wb") as filler:
            at, size = 0, 1 << 30
            while size >= 4096:
                try:
                    os.posix_fallocate(filler.fileno(), at, size)
                    at += size
                except OSError:
                    size //= 2

    def free(self):
        (self.disk / "filler").unlink()

    def start(self):
        settings = {
            "listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": "", "max_connections": 60,
            "synchronous_commit": "on", "shared_buffers": "32MB",
        }
        settings = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        started = as_database_user(str(BINARIES / "postgres"), "-D", str(self.folder), *settings)
        # A group of its own, so that one signal reaches all its processes.
        self.process = subprocess.Popen(started, stdout=self.log, stderr=self.log, cwd="/", start_new_session=True)
        ready = [str(BINARIES / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        until(lambda: self.process.poll() is None and subprocess.run(ready).returncode == 0, "the database does not start")

    def kill(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    @property
    def url(self):
        return f"postgres://memberbase@127.0.0.1:{self.port}/postgres?target_session_attrs=read-write"


class Server:
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
                "--memory", "128MiB", "--advertise", f"http://{self.address}",
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

    def cut(self, peers):
        if self.place.namespace:
            self.place.cut(peers)
        else:
            self.signal(signal.SIGSTOP)

    def heal(self):
        if self.place.namespace:
            self.place.heal()
        else:
            self.signal(signal.SIGCONT)

    def metric(self, name):
        lines = (get(f"http://{self.admin}/metrics")[1] or "").splitlines()
        found = [line.rsplit(" ", 1)[1] for line in lines if line.startswith(name + " ")]
        return float(found[0]) if found else None

    def ready(self, probe="readyz"):
        status, text = get(f"http://{self.address}/{probe}")
        return status == 200, text


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
            })

    def call(self, service, method, request, codes=()):
        at, end = self.chance.randrange(len(self.stubs)), time.monotonic() + PATIENCE
        self.is_repeat = False
        while True:
            try:
                return getattr(self.stubs[at][service], method)(request, timeout=20, metadata=self.metadata)
            except grpc.RpcError as error:
                code = error.code()
                if code in codes:
                    raise
                # A request that is still running elsewhere, or was cut off, is sent again with its request id.
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
