"""Several servers on one PostgreSQL, any of them lost: started by cluster.sh.

    cluster.py PROGRAM BINARIES WORK        PYTHONPATH has the generated code

PROGRAM is memberbase, BINARIES the folder with postgres and initdb, WORK an empty folder that the user of the
database may use. Servers are started again when they end, as a supervisor would do it. Writers and readers go
through all of them, of which the standbys pass calls on (cluster_load.py), and one memberbase moves between
the servers (cluster_pinned.py), while servers and the database are killed,
paused and cut off. After that every server makes every kind of call (cluster_tour.py). In the end every acknowledged
row is there, nothing was read that was older than an acknowledged write, every request with a request id was done
once, no address is held twice, and the counters are those of `memberbase check`.

CLUSTER_NODES=3 puts the store into three nodes under Patroni (cluster_patroni.py) instead of one PostgreSQL.

CLUSTER_LONG=1 does all of it often. CLUSTER_KILLS, CLUSTER_JOB_KILLS (the owner, under a job), CLUSTER_PAUSES,
CLUSTER_BLINKS (the owner paused for 1 to 10 s), CLUSTER_DATABASE_KILLS, with one PostgreSQL CLUSTER_FULL_DISKS, and
with nodes CLUSTER_CUTS, CLUSTER_PATRONI_KILLS and CLUSTER_ETCD_LOSSES say how often each is done; CLUSTER_SERVERS
how many servers there are, CLUSTER_PAUSE_SECONDS for how long one is paused, CLUSTER_TOURS after how many of these
every kind of call is made, CLUSTER_PACE how many seconds a client rests after each call. CLUSTER_SEED begins the
same choices again.
"""
import collections
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import time

from cluster_database import Database
from cluster_faults import Faults, active
from cluster_history import finds_what_is_wrong
from cluster_jobs import Lists
from cluster_load import GUARD_OFF, Load
from cluster_node_faults import NodeFaults
from cluster_parts import PATIENCE, PROGRAM, Network, Place, begun, fail, say, undo, until
from cluster_patroni import Patroni
from cluster_pinned import Pinned
from cluster_servers import OPTIONS, Balancer, Server
from cluster_tour import Again, Tour


def setting(name, default, kind=int):
    return kind(os.environ.get(f"CLUSTER_{name}", default))


NODES = setting("NODES", 1)
HAS_NODES = NODES > 1
SERVERS = setting("SERVERS", 3)
LONG = setting("LONG", 0)
# How often each is done: usually and in the long form, with one PostgreSQL and with nodes. The name of its
# variable.
COUNTS = {
    "kill": ("KILLS", (3, 50), (1, 50)),
    "job": ("JOB_KILLS", (1, 10), (1, 10)),
    "pause": ("PAUSES", (2, 5), (1, 5)),
    "blink": ("BLINKS", (2, 20), (1, 20)),
    "database_killed": ("DATABASE_KILLS", (2, 20), (1, 20)),
    "full": ("FULL_DISKS", (1, 3) if os.geteuid() == 0 else (0, 0), (0, 0)),
    "cut": ("CUTS", (0, 0), (1, 10)),
    "patroni": ("PATRONI_KILLS", (0, 0), (1, 5)),
    "etcd": ("ETCD_LOSSES", (0, 0), (1, 6)),
}
ROUNDS = {kind: setting(name, of[HAS_NODES][bool(LONG)]) for kind, (name, *of) in COUNTS.items()}
KINDS = ", ".join(f"{count} × {kind}" for kind, count in ROUNDS.items() if count)
SEED = setting("SEED", random.randrange(1 << 32))
TOURS = setting("TOURS", 5 if LONG else 2 if HAS_NODES else 1)
PACE = setting("PACE", 0.2 if LONG else 0.02 if HAS_NODES else 0, float)
# Longer than the term of an owner, and longer than a standby waits before it takes over.
PAUSE_SECONDS = setting("PAUSE_SECONDS", 60 if LONG else 12)


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


def checked(command, url):
    done = subprocess.run([PROGRAM, *command, "--store", url], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def first_token(url):
    code, text = checked(["token", "create", "--access", "admin", "--pii", "true", "--new-store"], url)
    if code != 0:
        fail(f"no token can be made: {code} {text}")
    return next(word for word in text.split() if word.startswith("sk_"))


def main():
    finds_what_is_wrong()
    network = Network() if HAS_NODES and Network.is_possible() else None
    say(f"{NODES} nodes, {SERVERS} servers, {KINDS}, CLUSTER_SEED={SEED}" + (", in a network" if network else ""))
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
    balancer = Balancer(servers, network.here if network else "127.0.0.1") if shutil.which("haproxy") else None
    if balancer is None:
        say("no client calls through HAProxy, which is not installed")
    load = Load([server for server in servers if server is not standbys[-1]] + [standbys[-1]], balancer, SEED, token, PACE)
    tour(servers, load, "first")
    pinned = Pinned(load, GUARD_OFF, SEED)
    lists = Lists(load, GUARD_OFF)
    faults = (NodeFaults if HAS_NODES else Faults)(database, servers, load, lists, chance, PAUSE_SECONDS)
    order = [kind for kind, count in ROUNDS.items() for _ in range(count)]
    chance.shuffle(order)
    for number, kind in enumerate(order):
        load.everybody()
        getattr(faults, kind)(number)
        if number % TOURS == 0:
            tour(servers, load, number)
    load.everybody()
    load.end()
    pinned.end()
    conclude(database, servers, faults, pinned)


def conclude(database, servers, faults, pinned):
    load = faults.load
    counts = load.conclude()
    faults.lists.check(load.client())
    total = counts.total + len(faults.lists.people) + len(pinned.versions)
    moved = pinned.conclude()
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
    if code != 0 or f"\nmembers {total}\n" not in text:
        fail(f"members {total}, but the check says: {text}")
    if HAS_NODES:
        refuse_replicas_that_are_not_waited_for(database)
    retries = sum((client.retries for client in load.clients), collections.Counter())
    ended = collections.Counter(code for server in servers for code in server.ended)
    say(f"{load.writes} rows in {len(load.versions)} members written, {load.reads} reads, {total} members at the "
        f"end; {len(load.claims)} addresses wanted by all, {len(load.shared)} stamps on one card; {load.register.writes} "
        f"writes and {load.register.reads} reads of one key")
    say(moved)
    say(f"calls passed on by the servers that run in the end: {[int(calls) for calls in passed]}; tours begun again: "
        f"{load.tours_again}")
    say(f"calls that were sent again: {json.dumps(retries)}; exit codes {dict(ended)}; of the last owner {figures}")
    if load.balanced:
        say(f"of these through HAProxy: {json.dumps(load.balanced.retries)}, of a fourth of the writes")
    for what, times in (("without answers", faults.without_answers), ("until another node led", faults.until_promoted)):
        for kind, took in sorted(times.items()):
            middle = statistics.median(took)
            say(f"{kind}: {len(took)} times, {what} for {min(took):.1f} to {max(took):.1f} s, median {middle:.1f}")
    print(f"cluster: ok, {NODES} nodes, {KINDS}, 0 rows lost, 0 old reads, nothing done twice, {time.monotonic() - begun:.0f} s")


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
