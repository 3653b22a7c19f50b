"""Several servers on one PostgreSQL, any of them lost: started by cluster.sh.

    cluster.py PROGRAM BINARIES WORK        PYTHONPATH has the generated code

PROGRAM is memberbase, BINARIES the folder with postgres and initdb, WORK an empty folder that the user of the
database may use. Servers are started again when they end, as a supervisor would do it. Writers and readers go
through all of them, of which the standbys pass calls on, while the active server and the database are killed and
paused. After each of that every server makes every kind of call (cluster_tour.py). In the end every acknowledged row
is there, nothing was read that was older than an acknowledged write, every request with a request id was done
once, and the counters are those of `memberbase check`.

CLUSTER_SERVERS, CLUSTER_KILLS, CLUSTER_DATABASE_KILLS and CLUSTER_PAUSES say how many servers there are and how often
each is done; CLUSTER_SEED begins the same choices again.
"""
import collections
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

os.environ["PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"] = "python"  # why: see power_cut.py

import grpc
from cluster_tour import Again, Tour
from publisher.v1 import api_token_service_pb2 as token_messages, api_token_service_pb2_grpc
from publisher.v1 import member_base_service_pb2 as base_messages, member_base_service_pb2_grpc, member_pb2
from publisher.v1 import member_service_pb2 as messages, member_service_pb2_grpc
from publisher.v1 import record_service_pb2 as record_messages, record_service_pb2_grpc

PROGRAM, BINARIES, WORK = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
SERVERS = int(os.environ.get("CLUSTER_SERVERS", "3"))
KILLS = int(os.environ.get("CLUSTER_KILLS", "4"))
DATABASE_KILLS = int(os.environ.get("CLUSTER_DATABASE_KILLS", "2"))
PAUSES = int(os.environ.get("CLUSTER_PAUSES", "2"))
SEED = int(os.environ.get("CLUSTER_SEED", str(random.randrange(1 << 32))))
WRITERS, READERS = 3, 2
REFS = 200
# Longer than the term of an owner, and longer than a standby waits before it takes over.
PAUSE_SECONDS = 15
PATIENCE = 90
GUARD_OFF = {kind: {"percent": 100} for kind in ("removals", "identities", "clears", "reactivations", "tiers")}
LOST = 75
OPTIONS = [
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
]
begun = time.monotonic()
failures = []


def say(text):
    print(f"cluster: {time.monotonic() - begun:6.1f} s  {text}", flush=True)


def fail(text):
    failures.append(text)
    print(f"cluster: FAILED: {text}", file=sys.stderr, flush=True)
    # The threads of writers are no longer waited for.
    dump()
    os._exit(1)


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def as_database_user(*command):
    # Servers of PostgreSQL refuse to run as root.
    if os.geteuid() != 0:
        return list(command)
    return ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups", *command]


class Database:
    def __init__(self):
        self.port, self.folder = free_port(), WORK / "database"
        self.log = open(WORK / "database.log", "ab")
        made = as_database_user(
            str(BINARIES / "initdb"), "-D", str(self.folder), "-U", "memberbase", "-A", "trust", "-E", "UTF8", "--locale=C"
        )
        subprocess.run(made, check=True, stdout=self.log, stderr=self.log, cwd="/")
        self.start()

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
        end = time.monotonic() + PATIENCE
        while subprocess.run(ready).returncode != 0:
            if time.monotonic() > end or self.process.poll() is not None:
                fail("the database does not start")
            time.sleep(0.05)

    def kill(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    @property
    def url(self):
        return f"postgres://memberbase@127.0.0.1:{self.port}/postgres?target_session_attrs=read-write"


class Server:
    """A server, which is started again whenever it ends."""

    def __init__(self, number, url):
        self.number, self.url = number, url
        self.port, self.admin, self.ended, self.stopping = free_port(), free_port(), [], False
        self.address = f"127.0.0.1:{self.port}"
        self.log = open(WORK / f"server{number}.log", "ab")
        self.started = threading.Event()
        self.process = None
        self.keeper = threading.Thread(target=self.keep, daemon=True)
        self.keeper.start()
        self.started.wait()

    def keep(self):
        while not self.stopping:
            command = [
                PROGRAM, "serve", "--listen", self.address, "--admin-listen", f"127.0.0.1:{self.admin}", "--drain-pause",
                "0s", "--memory", "128MiB", "--advertise", f"http://{self.address}",
            ]
            environment = dict(os.environ, MEMBERBASE_STORE=self.url, MEMBERBASE_DATA="")
            self.process = subprocess.Popen(command, env=environment, stdout=self.log, stderr=self.log)
            self.started.set()
            code = self.process.wait()
            self.ended.append(code)
            if code not in (0, -signal.SIGKILL, LOST):
                fail(f"server {self.number} ended with {code}")
            time.sleep(0.2)

    def signal(self, number):
        self.process.send_signal(number)

    def metric(self, name):
        try:
            page = urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/metrics", timeout=1).read().decode()
        except OSError:
            return None
        found = [line.rsplit(" ", 1)[1] for line in page.splitlines() if line.startswith(name + " ")]
        return float(found[0]) if found else None

    def ready(self, probe="readyz"):
        try:
            return urllib.request.urlopen(f"http://{self.address}/{probe}", timeout=1).status == 200, ""
        except urllib.error.HTTPError as error:
            return False, error.read().decode()
        except OSError as error:
            return False, str(error)


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
        while True:
            try:
                return getattr(self.stubs[at][service], method)(request, timeout=20, metadata=self.metadata)
            except grpc.RpcError as error:
                code = error.code()
                if code in codes:
                    raise
                # A request that is still running elsewhere, or was cut off, is sent again with its request id.
                transient = (
                    grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.ABORTED,
                    grpc.StatusCode.CANCELLED,
                )
                cut_off = code in (grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL) and "tream" in error.details()
                if not (code in transient or cut_off):
                    fail(f"{method}: {code} {error.details()}")
                if time.monotonic() > end:
                    fail(f"{method}: no server answers for {PATIENCE} s: {code} {error.details()}")
                self.retries[code.name] += 1
                at = (at + 1) % len(self.stubs)
                time.sleep(0.05)


class Load:
    def __init__(self, servers, seed):
        self.servers, self.stop = servers, threading.Event()
        self.chance = random.Random(seed)
        self.tours_again = 0
        client = self.client()
        # Made at a server that stands by; whoever calls needs a token from then on.
        with grpc.insecure_channel(servers[-1].address) as channel:
            self.token = api_token_service_pb2_grpc.ApiTokenServiceStub(channel).CreateApiToken(
                token_messages.CreateApiTokenRequest(access="admin", pii=True), timeout=PATIENCE).token
        Client.metadata = [("authorization", f"Bearer {self.token}")]
        self.base = client.call("bases", "CreateMemberBase", base_messages.CreateMemberBaseRequest(
            name="cluster", guard_limits=GUARD_OFF, request_id=f"base{seed}")).member_base.id
        # The version of each ref that was acknowledged last. A key has one writer.
        self.versions, self.stamps, self.writes, self.reads = {}, {}, 0, 0
        self.clients = []
        for writer in range(WRITERS):
            member = self.upsert(client, [f"stamps{writer}"], 0, f"stamps{writer}").results[0].id
            client.call("records", "CreateStampCollection", record_messages.CreateStampCollectionRequest(
                member_id=member, loyalty_program_id="coffee", external_id="card", request_id=f"card{writer}"))
            self.stamps[writer] = [member, 0]
        self.threads = [self.thread(self.write, writer) for writer in range(WRITERS)]
        self.threads += [self.thread(self.read, reader) for reader in range(READERS)]

    def client(self):
        client = Client(self.servers, random.Random(self.chance.random()))
        getattr(self, "clients", []).append(client)
        return client

    def thread(self, work, number):
        def run():
            try:
                work(self.client(), number)
            except Exception as error:
                fail(f"{work.__name__} {number}: {error!r}")

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    def upsert(self, client, refs, version, request_id):
        rows = [member_pb2.MemberInput(ref=ref, email=f"{ref}@example.com", role=f"version {version}") for ref in refs]
        reply = client.call("members", "BulkUpsertMembers", messages.BulkUpsertMembersRequest(
            member_base_id=self.base, members=rows, mode=messages.BULK_MODE_ATOMIC, request_id=request_id))
        if reply.counts.failed:
            fail(f"rows fail: {reply}")
        return reply

    def get(self, client, ref):
        found = client.call("members", "GetMember", messages.GetMemberRequest(member_base_id=self.base, ref=ref),
                            codes=(grpc.StatusCode.NOT_FOUND,)).member
        return int(found.role.removeprefix("version "))

    def write(self, client, writer):
        version = 0
        while not self.stop.is_set():
            version += 1
            first = client.chance.randrange(REFS)
            refs = [f"w{writer}-{ref}" for ref in range(first, min(REFS, first + client.chance.randint(1, 30)))]
            self.upsert(client, refs, version, f"w{writer}v{version}")
            for ref in refs:
                self.versions[ref] = version
            self.writes += len(refs)
            if version % 3 == 0:
                self.stamp(client, writer, version)
            # Its own write is read at once, wherever the read goes.
            found = self.get(client, refs[0])
            if found != version:
                fail(f"{refs[0]} was written as version {version} and read as {found}")

    def stamp(self, client, writer, version):
        member, before = self.stamps[writer]
        reply = client.call("records", "AddStamps", record_messages.AddStampsRequest(
            member_id=member, external_id="card", stamps=1, request_id=f"s{writer}v{version}"))
        self.stamps[writer] = [member, before + 1]
        if reply.stamp_collection.stamps != before + 1:
            fail(f"the {before + 1}th request for a stamp made {reply.stamp_collection.stamps}")

    def read(self, client, reader):
        while not self.stop.is_set():
            known = list(self.versions.items())
            if not known:
                time.sleep(0.01)
                continue
            ref, version = client.chance.choice(known)
            found = self.get(client, ref)
            if found < version:
                fail(f"{ref} was acknowledged as version {version} and is read as {found}")
            self.reads += 1

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join(PATIENCE + 30)
            if thread.is_alive():
                fail("a writer or reader does not end")


def active(servers):
    """The server that owns the store. There is never more than one."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        owners = [server for server in servers if server.metric('memberbase_store_role{role="owner"}') == 1]
        # Two pages are not made at the same moment, so two owners are looked at once more.
        if len(owners) == 1 and owners[0].ready()[0]:
            return owners[0]
        time.sleep(0.05)
    fail("no server owns the store")


def progress(load):
    """Waits until each kind of work goes on."""
    writes, reads, end = load.writes, load.reads, time.monotonic() + PATIENCE
    while load.writes <= writes or load.reads <= reads:
        if time.monotonic() > end:
            fail("the load does not go on")
        time.sleep(0.02)


def tour(servers, load, number):
    """Every kind of call through each server."""
    for server in servers:
        name, end = f"tour{number}-{server.number}", time.monotonic() + PATIENCE
        # At the server itself first, and then at the next ones until one is there.
        at = servers.index(server)
        while True:
            here, other = servers[at % len(servers)], servers[(at + 1) % len(servers)]
            try:
                refs = Tour(here.address, load.base, load.token, name, OPTIONS).run(other.address)
                break
            except Again as again:
                if time.monotonic() > end:
                    fail(f"no tour for {PATIENCE} s: {again}")
                load.tours_again += 1
                at += 1
                time.sleep(0.05)
            except Exception as error:
                fail(f"a tour of server {here.number}: {error!r}")
        load.versions.update({ref: 1 for ref in refs})


def kill_server(servers, load, chance):
    owner = active(servers)
    time.sleep(chance.random())
    at = time.monotonic()
    owner.signal(signal.SIGKILL)
    progress(load)
    say(f"killed server {owner.number}: the load went on after {time.monotonic() - at:.1f} s, at server {active(servers).number}")


def kill_database(database, servers, load, chance):
    active(servers)
    time.sleep(chance.random())
    at = time.monotonic()
    database.kill()
    time.sleep(chance.random() * 2)
    database.start()
    progress(load)
    say(f"killed the database: the load went on after {time.monotonic() - at:.1f} s, at server {active(servers).number}")


def pause_server(servers, load, number):
    owner = active(servers)
    others = [server for server in servers if server is not owner]
    # Both channels are connected and have been used before the pause.
    direct, ref = Client([owner], random.Random(1)), f"paused{number}"
    load.upsert(direct, [ref], 1, f"{ref}v1")
    load.get(direct, ref)
    ended = len(owner.ended)
    owner.signal(signal.SIGSTOP)
    paused = time.monotonic()
    load.upsert(Client(others, random.Random(2)), [ref], 2, f"{ref}v2")
    say(f"paused server {owner.number}: server {active(others).number} wrote after {time.monotonic() - paused:.1f} s")
    time.sleep(max(0, PAUSE_SECONDS - (time.monotonic() - paused)))
    # These reads begin after the write was acknowledged, and wait in the sockets of the paused process.
    stub = direct.stubs[0]["members"]
    request = messages.GetMemberRequest(member_base_id=load.base, ref=ref)
    waiting = [stub.GetMember.future(request, timeout=20, metadata=Client.metadata) for _ in range(20)]
    time.sleep(0.2)
    owner.signal(signal.SIGCONT)
    answers = collections.Counter()
    for call in waiting:
        try:
            answers[call.result().member.role] += 1
        except grpc.RpcError as error:
            answers[error.code().name] += 1
    if answers["version 1"]:
        fail(f"a paused server answered with what it remembered: {dict(answers)}")
    end = time.monotonic() + PATIENCE
    while owner.ended[ended:] != [LOST]:
        if time.monotonic() > end:
            fail(f"the paused server {owner.number} goes on; it ended with {owner.ended[ended:]}")
        time.sleep(0.05)
    say(f"server {owner.number} went on: it answered {dict(answers)}, and ended with {LOST}")
    progress(load)


def dump():
    for log in sorted(WORK.glob("*.log")):
        print(f"--- the end of {log.name}", file=sys.stderr)
        sys.stderr.write("".join(log.read_text(errors="replace").splitlines(keepends=True)[-25:]))
    sys.stderr.flush()


def checked(command, url):
    done = subprocess.run([PROGRAM, *command, "--store", url], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def main():
    say(f"{SERVERS} servers, CLUSTER_SEED={SEED}")
    chance = random.Random(SEED)
    database = Database()
    servers = []
    try:
        servers += [Server(number, database.url) for number in range(1, SERVERS + 1)]
        first = active(servers)
        standbys = [server for server in servers if server is not first]
        for server in standbys:
            end = time.monotonic() + PATIENCE
            while not server.ready()[0] or server.ready("activez")[0]:
                if time.monotonic() > end:
                    fail(f"server {server.number} stands by and does not pass calls on: {server.ready()}")
                time.sleep(0.05)
        code, text = checked(["check"], database.url)
        if code != 74 or "a running server owns it" not in text:
            fail(f"a check beside a running server: {code} {text}")
        load = Load([server for server in servers if server is not standbys[-1]] + [standbys[-1]], SEED)
        tour(servers, load, "first")
        rounds = ["kill"] * KILLS + ["database"] * DATABASE_KILLS + ["pause"] * PAUSES
        chance.shuffle(rounds)
        for number, kind in enumerate(rounds):
            progress(load)
            if kind == "kill":
                kill_server(servers, load, chance)
            elif kind == "database":
                kill_database(database, servers, load, chance)
            else:
                pause_server(servers, load, number)
            tour(servers, load, number)
        progress(load)
        load.end()
        conclude(database, servers, load)
    finally:
        for server in servers:
            server.stopping = True
            if server.process.poll() is None:
                server.signal(signal.SIGKILL)
        database.kill()


def conclude(database, servers, load):
    client = load.client()
    for ref, version in load.versions.items():
        found = load.get(client, ref)
        if found != version:
            fail(f"{ref} has version {found} in the end, and {version} was acknowledged")
    for member, made in load.stamps.values():
        cards = client.call("records", "ListStampCollections", record_messages.ListStampCollectionsRequest(member_id=member))
        has = [card.stamps for card in cards.stamp_collections]
        if has != [made]:
            fail(f"{made} requests for a stamp made {has}")
    counts = client.call("bases", "GetMemberBase", base_messages.GetMemberBaseRequest(id=load.base)).member_base.counts
    passed = [server.metric('memberbase_forwarded_calls_total{outcome="answered"}') or 0 for server in servers]
    if sum(passed) == 0:
        fail("no server passed a call on")
    owner = active(servers)
    figures = {name: owner.metric(f"memberbase_store_{name}_total") for name in ("proven_commits", "unknown_commits")}
    # An orderly stop hands the store over at once.
    for server in servers:
        server.stopping = True
    owner.signal(signal.SIGTERM)
    for server in [owner] + [server for server in servers if server is not owner]:
        if server.process.poll() is None:
            server.signal(signal.SIGTERM)
        server.keeper.join(PATIENCE)
        if server.keeper.is_alive():
            fail(f"server {server.number} does not stop")
    code, text = checked(["check"], database.url)
    if code != 0 or f"\nmembers {counts.total}\n" not in text:
        fail(f"members {counts.total}, but the check says: {text}")
    retries = sum((client.retries for client in load.clients), collections.Counter())
    ended = collections.Counter(code for server in servers for code in server.ended)
    say(f"{load.writes} rows in {len(load.versions)} members written, {load.reads} reads, {counts.total} members at the end")
    say(f"calls passed on by the servers that run in the end: {[int(calls) for calls in passed]}; tours begun again: "
        f"{load.tours_again}")
    say(f"calls that were sent again: {json.dumps(retries)}; exit codes {dict(ended)}; of the last owner {figures}")
    print(f"cluster: ok, {KILLS} servers killed, {PAUSES} paused, the database killed {DATABASE_KILLS} times, 0 rows lost, "
          f"0 old reads, {time.monotonic() - begun:.0f} s")


main()
# Threads that wait for servers that were killed need not end.
sys.stdout.flush()
os._exit(0)
