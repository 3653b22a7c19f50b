"""Three nodes of PostgreSQL under Patroni, with three members of etcd, for cluster.py.

Each node is a place of its own, so that it can be cut off from the others, or from everybody. A write waits for both
standbys, or the one that is there. Patroni is started again by this file, as a supervisor would do it.
"""
import json
import os
import pathlib
import signal
import subprocess
import sys

import yaml
from cluster_parts import BINARIES, WORK, Host, Place, as_database_user, free_port, get, undo, until

PACKAGING = pathlib.Path(__file__).parents[2] / "packaging/cluster"

ETCD_VARIABLES = {"ETCD_UNSUPPORTED_ARCH": "arm64"}
# The shortest that Patroni accepts: a node that is lost keeps its lead for this long. It must not be less
# than `loop_wait` and twice `retry_timeout`.
TTL = 20


class Patroni:
    def __init__(self, network, count=3):
        self.network = network
        self.etcd = etcd(network.here if network else "127.0.0.1")
        places = [network.place() if network else Place() for _ in range(count)]
        self.nodes = [Node(number + 1, place, [member.client for member in self.etcd]) for number, place in enumerate(places)]
        # The first one makes the cluster, and the others copy it.
        self.nodes[0].start()
        until(self.leader, "Patroni makes no cluster")
        for node in self.nodes[1:]:
            node.start()
        self.wait()

    def lose_etcd(self, how, chance):
        """Without two of its three members nothing can be written to etcd. Returns what brings them back."""
        lost = chance.sample(self.etcd, 1 if how.startswith("one") else 2)
        for member in lost:
            member.stop() if how.endswith("stopped") else member.kill()
        return lambda: [member.go_on() if how.endswith("stopped") else member.start() for member in lost]

    @property
    def url(self):
        hosts = ",".join(f"{node.place.address}:{node.port}" for node in self.nodes)
        return f"postgres://memberbase@{hosts}/postgres?target_session_attrs=read-write"

    def leader(self):
        """The node that Patroni says is the primary, if it is the only one."""
        leaders = [node for node in self.nodes if node.says("primary")[0] == 200]
        return leaders[0] if len(leaders) == 1 else None

    def is_whole(self):
        """Whether all nodes are there, and a write waits for all standbys."""
        leader = self.leader()
        status, text = leader.says("cluster") if leader else (None, "")
        members = json.loads(text)["members"] if status == 200 else []
        roles = sorted((member["role"], member["state"]) for member in members)
        standbys = len(self.nodes) - 1
        is_there = roles == [("leader", "running")] + standbys * [("quorum_standby", "streaming")]
        return is_there and leader.waits_for().startswith(f"ANY {standbys} ") and leader

    def wait(self):
        """Waits until nothing is left of what was done to it. Returns the primary."""
        return until(self.is_whole, lambda: f"the database does not become whole: {[n.says('cluster') for n in self.nodes]}",
                     patience=180)

    def wait_for_nobody(self):
        """From now on a write is acknowledged before any standby has it."""
        text = json.dumps({"synchronous_mode": False, "synchronous_mode_strict": False})
        self.leader().says("config", text)

    def timeline(self):
        pages = [node.says("patroni") for node in self.nodes]
        return max(json.loads(text).get("timeline") or 0 for status, text in pages if status)


class Etcd:
    """A member of etcd."""

    def __init__(self, name, host):
        self.name = name
        self.client, self.peer = [f"{host}:{free_port()}" for _ in range(2)]
        self.log = open(WORK / f"{name}.log", "ab")
        self.process, self.cluster = None, []
        undo.callback(self.kill)

    def start(self):
        client, peer = f"http://{self.client}", f"http://{self.peer}"
        command = [
            "etcd", "--name", self.name, "--data-dir", str(WORK / self.name), "--listen-client-urls", client,
            "--advertise-client-urls", client, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
            "--initial-cluster", ",".join(f"{member.name}=http://{member.peer}" for member in self.cluster),
            # Those for slow networks; this machine does other work too.
            "--heartbeat-interval", "250", "--election-timeout", "2500", "--enable-v2=false",
        ]
        self.process = subprocess.Popen(
            as_database_user(*command), stdout=self.log, stderr=self.log, cwd="/", env=os.environ | ETCD_VARIABLES)

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)


def etcd(host):
    """Three members. They are not among what is cut off: only nodes and servers are."""
    members = [Etcd(f"etcd{number}", host) for number in (1, 2, 3)]
    for member in members:
        member.cluster = members
        member.start()
    for member in members:
        until(lambda: get(f"http://{member.client}/health")[0] == 200, "etcd does not start")
    return members


class Node(Host):
    def __init__(self, number, place, etcd):
        self.number, self.place = number, place
        self.port, self.rest = place.port(5432), place.port(8008)
        self.folder = WORK / f"node{number}"
        self.log = open(WORK / f"node{number}.log", "ab")
        self.process = None
        self.file = WORK / f"node{number}.yml"
        self.file.write_text(yaml.safe_dump(self.settings(etcd)))
        undo.callback(self.kill)

    def settings(self, etcd):
        """Those of the packaging, with the addresses of this node, and shorter times."""
        settings = yaml.safe_load((PACKAGING / "patroni.yml").read_text())
        address = self.place.address
        rest, database = f"{address}:{self.rest}", f"{address}:{self.port}"
        settings["name"] = f"node{self.number}"
        settings["restapi"] = {"listen": rest, "connect_address": rest}
        settings["etcd3"] = {"hosts": etcd}
        settings["bootstrap"]["dcs"] |= {"ttl": TTL, "loop_wait": 2, "retry_timeout": 9}
        settings["bootstrap"]["dcs"]["postgresql"]["parameters"] |= {
            "max_connections": 60, "shared_buffers": "32MB", "wal_keep_size": "256MB"}
        # Nobody but this machine reaches it.
        settings["postgresql"] |= {
            "listen": database, "connect_address": database, "data_dir": str(self.folder), "bin_dir": str(BINARIES),
            "pgpass": str(WORK / f"pgpass{self.number}"), "parameters": {"unix_socket_directories": ""},
            "authentication": {
                "superuser": {"username": "memberbase"}, "replication": {"username": "replicator"},
                "rewind": {"username": "memberbase"},
            },
            "pg_hba": ["host all all 0.0.0.0/0 trust", "host replication all 0.0.0.0/0 trust"],
        }
        # What the servers promise must not depend on it.
        settings["watchdog"] = {"mode": "off"}
        return settings

    def start(self):
        command = as_database_user(sys.executable, "-m", "patroni", str(self.file))
        environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        self.process = subprocess.Popen(
            self.place.command(command), stdout=self.log, stderr=self.log, cwd="/", start_new_session=True, env=environment)

    def says(self, page, change=None):
        return get(f"http://{self.place.address}:{self.rest}/{page}", change)

    def waits_for(self):
        """The standbys that a write waits for."""
        command = [
            str(BINARIES / "psql"), "-At", "-h", self.place.address, "-p", str(self.port), "-U", "memberbase", "-d", "postgres",
            "-c", "SHOW synchronous_standby_names",
        ]
        environment = os.environ | {"PGCONNECT_TIMEOUT": "2"}
        return subprocess.run(command, capture_output=True, text=True, env=environment).stdout

    def database(self):
        """The processes of PostgreSQL, which run on without Patroni."""
        try:
            first = int((self.folder / "postmaster.pid").read_text().split()[0])
        except (FileNotFoundError, IndexError, ValueError):
            return []
        return [first, *children(first)] if is_of(first, "postgres") else []

    def processes(self):
        ours = [self.process.pid] if self.process and self.process.poll() is None else []
        return [*ours, *children(*ours), *self.database()]

    def signal(self, number):
        for process in self.processes():
            send(process, number)

    def kill(self):
        """The whole node: Patroni and the database."""
        self.signal(signal.SIGKILL)
        # A process that was being made meanwhile.
        self.signal(signal.SIGKILL)
        if self.process:
            self.process.wait()

    def kill_database(self):
        """PostgreSQL alone, which Patroni starts again."""
        for process in self.database():
            send(process, signal.SIGKILL)

    def kill_patroni(self):
        self.process.kill()
        self.process.wait()

    def stop_patroni(self):
        self.process.send_signal(signal.SIGSTOP)

    def continue_patroni(self):
        self.process.send_signal(signal.SIGCONT)


def send(process, number):
    try:
        os.kill(process, number)
    except ProcessLookupError:
        pass


def is_of(process, name):
    try:
        return name in pathlib.Path(f"/proc/{process}/comm").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def children(*parents):
    """The processes that these have made, and those that they have."""
    parent_of = {}
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            parent_of[int(stat.parent.name)] = int(stat.read_text().rsplit(")", 1)[1].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    found, more = [], set(parents)
    while more:
        more = {process for process, parent in parent_of.items() if parent in more}
        found += more
    return found
