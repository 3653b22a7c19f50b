"""What is done to servers and to one PostgreSQL, for cluster.py; cluster_node_faults.py: to three nodes.

Each says how long the load was without answers, and leaves everything whole.
"""
import collections
import contextlib
import itertools
import signal
import threading
import time

import grpc
from cluster_jobs import doing
from cluster_parts import fail, say, until
from cluster_servers import LOST, Client
from publisher.v1 import member_service_pb2 as messages


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


class Faults:
    """Each is called with the number of the round."""

    def __init__(self, database, servers, load, lists, chance, pause_seconds):
        self.database, self.servers, self.load, self.lists, self.chance = database, servers, load, lists, chance
        self.pause_seconds = pause_seconds
        # Kinds of one thing take turns, and begin with another one in each run.
        self.turns = collections.defaultdict(lambda: itertools.count(chance.randrange(12)))
        self.without_answers, self.until_promoted = collections.defaultdict(list), collections.defaultdict(list)

    def turn(self, kind, of):
        return of[next(self.turns[kind]) % len(of)]

    def went_on(self, kind, what, since):
        progress(self.load)
        took = time.monotonic() - since
        self.without_answers[kind].append(took)
        say(f"{what}: the load went on after {took:.1f} s, at server {active(self.servers).number}")

    def kill(self, _):
        """Any server."""
        owner, server = active(self.servers), self.chance.choice(self.servers)
        time.sleep(self.chance.random())
        at = time.monotonic()
        server.signal(signal.SIGKILL)
        role = "owner" if server is owner else "standby"
        self.went_on(f"{role} killed", f"killed server {server.number}, the {role}", at)

    def job(self, _):
        """The server that works on a job. The next one goes on with it."""
        client, owner = self.load.client(), active(self.servers)
        self.lists.send(client)
        job = self.lists.until_under_way(client)
        at = time.monotonic()
        owner.signal(signal.SIGKILL)
        self.went_on("owner killed under a job", f"killed server {owner.number}, whose job was {doing(job)}", at)
        self.lists.finish(client)

    def database_killed(self, _):
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

    def blink(self, _):
        """The owner stands still for about as long as it owns the store, while reads at it go on."""
        owner, seconds = active(self.servers), self.chance.uniform(1, 10)
        with self.looks_at(owner):
            time.sleep(0.5)
            at = time.monotonic()
            owner.signal(signal.SIGSTOP)
            time.sleep(seconds)
            owner.signal(signal.SIGCONT)
            self.went_on("owner paused shortly", f"paused server {owner.number} for {seconds:.1f} s", at)
            time.sleep(2)

    @contextlib.contextmanager
    def looks_at(self, server):
        """Reads at this server alone, which may not show what it remembers once another one may have written."""
        begun, stop, answers, last = time.monotonic(), threading.Event(), collections.Counter(), 0
        client = self.load.client([server])
        # Those that writers write again and again.
        known = [ref for ref in self.load.versions if ref.startswith("w")]

        def look():
            nonlocal last
            while not stop.wait(0.02):
                answer = self.load.look(client.stubs[0]["members"], client.chance.choice(known))
                answers[answer] += 1
                last = time.monotonic() - begun if answer == "read" else last

        # A read that does not fit ends the run.
        looking = threading.Thread(target=look, daemon=True)
        looking.start()
        yield
        stop.set()
        looking.join()
        if not answers["read"]:
            fail(f"nothing was read at server {server.number}: {dict(answers)}")
        say(f"server {server.number} itself answered {dict(answers)}, and last read after {last:.1f} s")

    def pause(self, number):
        """The owner, in the middle of a job, for longer than another one needs to take over."""
        servers, load = self.servers, self.load
        owner = active(servers)
        others = [server for server in servers if server is not owner]
        # Both channels are connected and have been used before the pause.
        direct, ref = load.client([owner]), f"paused{number}"
        load.upsert(direct, [ref], 1, f"{ref}v1")
        load.get(direct, ref)
        self.lists.send(direct)
        job = self.lists.until_under_way(direct)
        ended = len(owner.ended)
        owner.signal(signal.SIGSTOP)
        paused, client = time.monotonic(), load.client(others)
        load.upsert(client, [ref], 2, f"{ref}v2")
        load.versions[ref] = 2
        took = time.monotonic() - paused
        self.without_answers["owner paused"].append(took)
        say(f"paused server {owner.number}, whose job was {doing(job)}: server {active(others).number} wrote after {took:.1f} s")
        self.lists.finish(client)
        revision = self.lists.revision(client)
        time.sleep(max(0, self.pause_seconds - (time.monotonic() - paused)))
        answers = self.let_go_on(owner, ref)
        until(lambda: owner.ended[ended:] == [LOST],
              lambda: f"the paused server {owner.number} goes on; it ended with {owner.ended[ended:]}")
        took = time.monotonic() - paused
        say(f"server {owner.number} went on after {took:.1f} s: it answered {answers}, and ended with {LOST}")
        progress(load)
        self.lists.check(client)
        if self.lists.revision(client) != revision:
            fail("a paused server went on with a job that another one had finished")

    def let_go_on(self, owner, ref):
        """What a paused server answers to calls that wait in its sockets. Returns how often it did what."""
        load, stub = self.load, self.load.client([owner]).stubs[0]["members"]
        late = [f"{ref}-late{number}" for number in range(5)]
        load.begun.update({ref: 1 for ref in late})
        # These calls begin after another server's write was acknowledged.
        request = messages.GetMemberRequest(member_base_id=load.base, ref=ref)
        reads = [stub.GetMember.future(request, timeout=20, metadata=Client.metadata) for _ in range(20)]
        writes = {ref: stub.BulkUpsertMembers.future(load.request([ref], 1, f"{ref}v1"), timeout=20, metadata=Client.metadata)
                  for ref in late}
        time.sleep(0.2)
        owner.signal(signal.SIGCONT)
        answers = collections.Counter()
        for call in reads:
            try:
                answers[call.result().member.role] += 1
            except grpc.RpcError as error:
                answers[error.code().name] += 1
        if answers["version 1"]:
            fail(f"a paused server answered with what it remembered: {dict(answers)}")
        for ref, call in writes.items():
            try:
                call.result()
                answers["written"] += 1
                # It is there in the end.
                load.versions[ref] = 1
            except grpc.RpcError as error:
                answers[f"write: {error.code().name}"] += 1
        return dict(answers)
