"""Several servers on one PostgreSQL, any of them lost: started by cluster.sh.

    cluster.py PROGRAM BINARIES WORK        PYTHONPATH has the generated code

PROGRAM is memberbase, BINARIES the folder with postgres and initdb, WORK an empty folder that the user of the
database may use. Servers are started again when they end, as a supervisor would do it. Writers and readers go
through all of them, of which the standbys pass calls on (cluster_load.py), while servers and the database are killed,
paused and cut off. After that every server makes every kind of call (cluster_tour.py). In the end every acknowledged
row is there, nothing was read that was older than an acknowledged write, every request with a request id was done
once, no address is held twice, and the counters are those of `memberbase check`.

CLUSTER_NODES=3 puts the store into three nodes under Patroni (cluster_patroni.py) instead of one PostgreSQL.

CLUSTER_SERVERS, CLUSTER_KILLS, CLUSTER_DATABASE_KILLS, CLUSTER_PAUSES, with one node CLUSTER_FULL_DISKS, and with
three CLUSTER_CUTS and CLUSTER_PATRONI_KILLS, say how many servers there are and how often each is done; CLUSTER_PAUSE_SECONDS for how long a
server is paused, CLUSTER_TOURS after how many of these every kind of call is made, CLUSTER_PACE how many seconds a
client rests after each call, CLUSTER_SEED begins the same choices again.
"""
import collections
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time

from cluster_parts import LOST, OPTIONS, PATIENCE, PROGRAM, Client, Database, Network, Place, Server, begun, fail, say, undo, until

import grpc
from cluster_load import Load
from cluster_patroni import Patroni
from cluster_tour import Again, Tour
from publisher.v1 import member_service_pb2 as messages


def setting(name, default, kind=int):
    return kind(os.environ.get(f"CLUSTER_{name}", default))


NODES = setting("NODES", 1)
HAS_NODES = NODES > 1
SERVERS = setting("SERVERS", 3)
ROUNDS = {
    "kill": setting("KILLS", 2 if HAS_NODES else 4),
    "database": setting("DATABASE_KILLS", 1 if HAS_NODES else 2),
    "pause": setting("PAUSES", 0 if HAS_NODES else 2),
    "full": setting("FULL_DISKS", 1) if os.geteuid() == 0 and not HAS_NODES else 0,
    "cut": setting("CUTS", 2) if HAS_NODES else 0,
    "patroni": setting("PATRONI_KILLS", 1) if HAS_NODES else 0,
}
SEED = setting("SEED", random.randrange(1 << 32))
TOURS = setting("TOURS", 2 if HAS_NODES else 1)
PACE = setting("PACE", 0.02 if HAS_NODES else 0, float)
# Longer than the term of an owner, and longer than a standby waits before it takes over.
PAUSE_SECONDS = setting("PAUSE_SECONDS", 15)
# Longer than a primary that is cut off keeps its lead.
CUT_SECONDS = 30


def active(servers):
    """The server that owns the store. There is never more than one."""

    def owner():
        owners = [server for server in servers if server.metric('memberbase_store_role{role="owner"}') == 1]
        # Two pages are not made at the same moment, so two owners are looked at once more.
        return owners[0] if len(owners) == 1 and owners[0].ready()[0] else None

    return until(owner, "no server owns the store")


def progress(load):
    """Waits until each kind of work goes on."""
    writes, reads = load.writes, load.reads
    until(lambda: load.writes > writes and load.reads > reads, "the load does not go on")


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


class Rounds:
    """What is done to servers and databases, each with a number."""

    def __init__(self, database, servers, load, chance):
        self.database, self.servers, self.load, self.chance = database, servers, load, chance
        # Kinds of one thing take turns, and begin with another one in each run.
        self.turns = {kind: itertools.count(chance.randrange(12)) for kind in ("database", "cut", "patroni")}
        self.without_answers = collections.defaultdict(list)

    def turn(self, kind, of):
        return of[next(self.turns[kind]) % len(of)]

    def went_on(self, kind, what, since):
        progress(self.load)
        took = time.monotonic() - since
        self.without_answers[kind].append(took)
        say(f"{what}: the load went on after {took:.1f} s, at server {active(self.servers).number}")

    def kill(self, _):
        owner = active(self.servers)
        # Of three servers, any; of the one database, what matters is its owner.
        server = self.chance.choice(self.servers) if HAS_NODES else owner
        time.sleep(self.chance.random())
        at = time.monotonic()
        server.signal(signal.SIGKILL)
        role = "owner" if server is owner else "standby"
        self.went_on(f"{role} killed", f"killed server {server.number}, the {role}", at)

    def database_(self, number):
        if HAS_NODES:
            return self.primary(number)
        active(self.servers)
        time.sleep(self.chance.random())
        at = time.monotonic()
        self.database.kill()
        time.sleep(self.chance.random() * 2)
        self.database.start()
        self.went_on("database killed", "killed the database", at)

    def full(self, number):
        """The disk of the database is full for a while: nothing new is written, and everything is read."""
        load, database = self.load, self.database
        client = load.client()
        refs = [f"full{number}-{n}" for n in range(400_000)]
        stub = client.stubs[0]["members"]
        database.fill()
        at, sent = time.monotonic(), 0
        try:
            # Until the pages that the tables have are full too.
            for sent in range(0, len(refs), 2_000):
                stub.BulkUpsertMembers(load.request(refs[sent:sent + 2_000], 1, f"{refs[sent]}v1"), timeout=10,
                                       metadata=Client.metadata)
            fail("a full disk accepts everything")
        except grpc.RpcError as error:
            code = error.code()
            if code not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.DEADLINE_EXCEEDED):
                fail(f"a full disk: {code} {error.details()}")
        reads = load.reads
        until(lambda: load.reads > reads + 50, "nothing is read while the disk is full")
        database.free()
        load.upsert(client, refs[sent:sent + 2_000], 1, f"{refs[sent]}v1")
        load.versions.update({ref: 1 for ref in refs[:sent + 2_000]})
        self.went_on("disk full", f"filled the disk of the database, {code.name} after {sent} rows", at)

    def primary(self, _):
        """The primary, killed with its Patroni, is started again after another one leads, or at once in its place."""
        node = self.database.wait()
        how = self.turn("database", ["for long", "for long", "for a moment"])
        time.sleep(self.chance.random())
        at = time.monotonic()
        node.kill()
        if how == "for a moment":
            time.sleep(self.chance.random() * 3)
            node.start()
        self.went_on(f"primary killed {how}", f"killed node {node.number}, the primary, {how}", at)
        if how == "for long":
            node.start()
        self.whole(at)

    def patroni(self, _):
        """The primary goes on without its Patroni, which another node's Patroni takes for a lost node."""
        node = self.database.wait()
        how = self.turn("patroni", ["killed", "stopped"])
        at, timeline = time.monotonic(), self.database.timeline()
        node.kill_patroni() if how == "killed" else node.stop_patroni()
        # Another node leads, and the load goes on there, while the former primary still runs.
        others = [other for other in self.database.nodes if other is not node]
        new = until(lambda: next((other for other in others if other.says("primary")[0] == 200), None),
                    "no other node leads after Patroni was lost")
        say(f"Patroni of node {node.number} {how}: node {new.number} leads after {time.monotonic() - at:.1f} s")
        self.went_on(f"Patroni {how}", f"Patroni of node {node.number} {how}", at)
        if not node.database():
            fail(f"the database of node {node.number} ended with its Patroni")
        node.start() if how == "killed" else node.continue_patroni()
        self.whole(at)
        if self.database.timeline() <= timeline:
            fail("no node was promoted")

    def cut(self, number):
        """One loses all its packets to some others, for a time."""
        network = self.database.network
        how = self.turn("cut", ["primary from its peers", "owner", "primary", "standby", "node"])
        primary, owner = self.database.wait(), active(self.servers)
        nodes, servers = self.database.nodes, self.servers
        addresses = {one: one.place.address for one in [*nodes, *servers]}
        if how in ("owner", "standby"):
            # From the database and the other servers; clients still reach it.
            one = owner if how == "owner" else next(server for server in servers if server is not owner)
            peers = addresses.values()
        else:
            one = primary if how != "node" else next(node for node in nodes if node is not primary)
            # Servers may still reach a primary that its peers do not see any more.
            near = nodes if how == "primary from its peers" else addresses
            peers = [addresses[other] for other in near] + ([network.here] if network else [])
        at = time.monotonic()
        one.cut([peer for peer in peers if peer != one.place.address])
        self.went_on(f"cut off: {how}", f"cut off {how} {one.number}", at)
        time.sleep(max(0, CUT_SECONDS - (time.monotonic() - at)))
        one.heal()
        self.whole(at)

    def whole(self, since):
        primary = self.database.wait()
        progress(self.load)
        say(f"all nodes are back after {time.monotonic() - since:.1f} s, and node {primary.number} leads")

    def pause(self, number):
        servers, load = self.servers, self.load
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
        until(lambda: owner.ended[ended:] == [LOST],
              lambda: f"the paused server {owner.number} goes on; it ended with {owner.ended[ended:]}")
        say(f"server {owner.number} went on: it answered {dict(answers)}, and ended with {LOST}")
        progress(load)


def checked(command, url):
    done = subprocess.run([PROGRAM, *command, "--store", url], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def first_token(url):
    code, text = checked(["token", "create", "--access", "admin", "--pii", "true", "--new-store"], url)
    if code != 0:
        fail(f"no token can be made: {code} {text}")
    return next(word for word in text.split() if word.startswith("sk_"))


def main():
    kinds = ", ".join(f"{count} × {kind}" for kind, count in ROUNDS.items() if count)
    network = Network() if HAS_NODES and Network.is_possible() else None
    say(f"{NODES} nodes, {SERVERS} servers, {kinds}, CLUSTER_SEED={SEED}" + (", in a network" if network else ""))
    chance = random.Random(SEED)
    database = Patroni(network, NODES) if HAS_NODES else Database()
    token = first_token(database.url) if network else None
    servers = []
    for number in range(1, SERVERS + 1):
        servers.append(Server(number, database.url, network.place() if network else Place()))
    first = active(servers)
    standbys = [server for server in servers if server is not first]
    for server in standbys:
        until(lambda: server.ready()[0] and not server.ready("activez")[0],
              lambda: f"server {server.number} stands by and does not pass calls on: {server.ready()}")
    code, text = checked(["check"], database.url)
    if code != 74 or "a running server owns it" not in text:
        fail(f"a check beside a running server: {code} {text}")
    load = Load([server for server in servers if server is not standbys[-1]] + [standbys[-1]], SEED, token, PACE)
    tour(servers, load, "first")
    rounds = Rounds(database, servers, load, chance)
    work = {"kill": rounds.kill, "database": rounds.database_, "pause": rounds.pause, "full": rounds.full,
            "cut": rounds.cut, "patroni": rounds.patroni}
    order = [kind for kind, count in ROUNDS.items() for _ in range(count)]
    chance.shuffle(order)
    for number, kind in enumerate(order):
        progress(load)
        work[kind](number)
        if number % TOURS == 0:
            tour(servers, load, number)
    progress(load)
    load.end()
    conclude(database, servers, rounds)


def conclude(database, servers, rounds):
    load = rounds.load
    counts = load.conclude()
    passed = [server.metric('memberbase_forwarded_calls_total{outcome="answered"}') or 0 for server in servers]
    if sum(passed) == 0:
        fail("no server passed a call on")
    owner = active(servers)
    figures = {name: owner.metric(f"memberbase_store_{name}_total") for name in ("proven_commits", "unknown_commits")}
    for server in servers:
        server.stopping = True
    # One signal each: a second one ends a server at once, with another code. The owner hands the store over.
    for server in [owner] + [server for server in servers if server is not owner]:
        if server.process.poll() is None:
            server.signal(signal.SIGTERM)
        server.keeper.join(PATIENCE)
        if server.keeper.is_alive():
            fail(f"server {server.number} does not stop")
    code, text = checked(["check"], database.url)
    if code != 0 or f"\nmembers {counts.total}\n" not in text:
        fail(f"members {counts.total}, but the check says: {text}")
    if HAS_NODES:
        refuse_replicas_that_are_not_waited_for(database)
    retries = sum((client.retries for client in load.clients), collections.Counter())
    ended = collections.Counter(code for server in servers for code in server.ended)
    say(f"{load.writes} rows in {len(load.versions)} members written, {load.reads} reads, {counts.total} members at the "
        f"end; {len(load.claims)} addresses wanted by all, {len(load.shared)} stamps on one card")
    say(f"calls passed on by the servers that run in the end: {[int(calls) for calls in passed]}; tours begun again: "
        f"{load.tours_again}")
    say(f"calls that were sent again: {json.dumps(retries)}; exit codes {dict(ended)}; of the last owner {figures}")
    for kind, took in sorted(rounds.without_answers.items()):
        say(f"{kind}: {len(took)} times, without answers for {min(took):.1f} to {max(took):.1f} s")
    done = ", ".join(f"{count} × {kind}" for kind, count in ROUNDS.items() if count)
    print(f"cluster: ok, {NODES} nodes, {done}, 0 rows lost, 0 old reads, nothing done twice, {time.monotonic() - begun:.0f} s")


def refuse_replicas_that_are_not_waited_for(database):
    database.wait_for_nobody()
    words = "the database has standbys and does not wait for them"
    until(lambda: words in checked(["check"], database.url)[1], "a database that waits for no standby is used")
    new, create = database.url + "&schema=other", ["token", "create", "--access", "admin", "--new-store"]
    code, text = checked(create, new)
    if code == 0 or words not in text:
        fail(f"a store is made in a database that waits for no standby: {code} {text}")
    for command, url in ((create, new), (["check"], database.url)):
        code, text = checked([*command, "--allow-async-replicas"], url)
        if code != 0:
            fail(f"{command} with --allow-async-replicas: {code} {text}")


def stopped(*_):
    fail("it was stopped")


signal.signal(signal.SIGTERM, stopped)
try:
    main()
except BaseException as error:
    fail(f"{error!r}")
undo.close()
# Threads that wait for servers that were killed need not end.
sys.stdout.flush()
os._exit(0)
