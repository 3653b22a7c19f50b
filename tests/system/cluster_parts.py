"""What all parts of cluster.py stand on: places in a network, and how a run says what it does, fails and is undone.

A place is a host of its own: where network namespaces can be made (as root, with `ip` and `iptables`), each has an
address and can be cut off from others. Elsewhere all are on the loopback, and cutting off is SIGSTOP.
"""
import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

# Before anything of protobuf is imported. Why: see power_cut.py.
os.environ["PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"] = "python"

PROGRAM, BINARIES, WORK = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
# The long form runs beside other work, which may starve the database of CPU until it has no primary for
# minutes.
PATIENCE = 300 if os.environ.get("CLUSTER_LONG") else 90
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


def until(holds, what, patience=PATIENCE, every=0.05):
    """Waits until `holds()` is true. `what` says what is wrong if it never is."""
    end = time.monotonic() + patience
    while not (found := holds()):
        if time.monotonic() > end:
            fail(what() if callable(what) else what)
        time.sleep(every)
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


class Host:
    """What runs at a place, and can be cut off from others. It has a `place` and a `signal`."""

    def cut(self, addresses):
        if self.place.namespace:
            self.place.cut(addresses)
        else:
            self.signal(signal.SIGSTOP)

    def heal(self):
        if self.place.namespace:
            self.place.heal()
        else:
            self.signal(signal.SIGCONT)
