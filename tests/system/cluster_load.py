"""Writers and readers for cluster.py, and what they know must be true.

Most keys have one writer, whose versions rise. A read that shows at least what was acknowledged, or read by anybody,
before it began, and at most what was begun before it ended, makes a history of such a key linearizable; both are
checked at every read. One key is written and read by all, and its whole history is checked in the end
(cluster_history.py). All writers add to one counter, of which no two may see the same value (unless a reply was lost
and asked for again), nor a later one a smaller value; and all of them want the same e-mail addresses, of which each
goes to one. The first writer calls through a balancer, the others choose servers by themselves.
"""
import random
import threading
import time

import grpc
from cluster_history import Register
from cluster_parts import PATIENCE, fail, until
from cluster_servers import Client
from publisher.v1 import api_token_service_pb2 as token_messages, api_token_service_pb2_grpc
from publisher.v1 import member_base_service_pb2 as base_messages, member_pb2
from publisher.v1 import member_service_pb2 as messages
from publisher.v1 import record_service_pb2 as record_messages

WRITERS, READERS = 4, 2
REFS = 200
# In the end all members are exported, and so many looked up too.
LOOKED_UP = 300
GUARD_OFF = {kind: {"percent": 100} for kind in ("removals", "identities", "clears", "reactivations", "tiers")}


class Load:
    def __init__(self, servers, balancer, seed, token, pace):
        self.servers, self.balancer, self.pace, self.stop = servers, balancer, pace, threading.Event()
        self.chance = random.Random(seed)
        self.tours_again = 0
        self.clients, self.balanced = [], None
        client = self.client()
        if token is None:
            # Made at a server that stands by; whoever calls needs a token from then on.
            with grpc.insecure_channel(servers[-1].address) as channel:
                token = api_token_service_pb2_grpc.ApiTokenServiceStub(channel).CreateApiToken(
                    token_messages.CreateApiTokenRequest(access="admin", pii=True), timeout=PATIENCE).token
        self.token = token
        Client.metadata = [("authorization", f"Bearer {self.token}")]
        self.base = client.call("bases", "CreateMemberBase", base_messages.CreateMemberBaseRequest(
            name="cluster", guard_limits=GUARD_OFF, request_id=f"base{seed}")).member_base.id
        # The version of each ref that was begun, acknowledged and read last. A key has one writer.
        self.begun, self.versions, self.seen = {}, {}, {}
        self.writes, self.reads = 0, 0
        # Who holds the e-mail address that all writers want, by its number.
        self.claims, self.claimed = {}, threading.Lock()
        self.stamps = {}
        for card in [*range(WRITERS), "shared"]:
            member = self.upsert(client, [f"stamps{card}"], 0, f"stamps{card}").results[0].id
            client.call("records", "CreateStampCollection", record_messages.CreateStampCollectionRequest(
                member_id=member, loyalty_program_id="coffee", external_id="card", request_id=f"card{card}"))
            self.stamps[card] = [member, 0]
        self.shared, self.highest = set(), 0
        self.register = Register()
        self.set_register(client, "first")
        # How often each thread has ended what it does again and again.
        self.turns = {}
        self.threads = [self.thread(self.write, writer) for writer in range(WRITERS)]
        self.threads += [self.thread(self.read, reader) for reader in range(READERS)]

    def client(self, servers=None):
        client = Client(servers or self.servers, random.Random(self.chance.random()))
        self.clients.append(client)
        return client

    def thread(self, work, number):
        is_balanced = self.balancer and work == self.write and number == 0
        client = self.client([self.balancer] if is_balanced else None)
        if is_balanced:
            self.balanced = client

        def run():
            try:
                work(client, number)
            except Exception as error:
                fail(f"{work.__name__} {number}: {error!r}")

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    def request(self, refs, version, request_id):
        rows = [member_pb2.MemberInput(ref=ref, email=f"{ref}@example.com", role=f"version {version}") for ref in refs]
        return messages.BulkUpsertMembersRequest(
            member_base_id=self.base, members=rows, mode=messages.BULK_MODE_ATOMIC, request_id=request_id)

    def upsert(self, client, refs, version, request_id):
        reply = client.call("members", "BulkUpsertMembers", self.request(refs, version, request_id))
        if reply.counts.failed:
            fail(f"rows fail: {reply}")
        return reply

    def get(self, client, ref):
        """Reads a ref, and checks that the version fits the history of its key."""
        least = self.least(ref)
        found = client.call("members", "GetMember", messages.GetMemberRequest(member_base_id=self.base, ref=ref),
                            codes=(grpc.StatusCode.NOT_FOUND,)).member
        return self.fits(ref, least, found)

    def look(self, stub, ref):
        """One try at one server. Returns `read`, if what was read fits, or the code."""
        least = self.least(ref)
        try:
            found = stub.GetMember(
                messages.GetMemberRequest(member_base_id=self.base, ref=ref), timeout=1, metadata=Client.metadata).member
        except grpc.RpcError as error:
            return error.code().name
        self.fits(ref, least, found)
        return "read"

    def least(self, ref):
        return max(self.versions.get(ref, 0), self.seen.get(ref, 0))

    def fits(self, ref, least, found):
        found = int(found.role.removeprefix("version "))
        if not least <= found <= self.begun.get(ref, found):
            fail(f"{ref} was acknowledged or read as version {least}, and {self.begun.get(ref)} was begun, but it is read as {found}")
        self.seen[ref] = max(found, self.seen.get(ref, 0))
        return found

    def write(self, client, writer):
        version = 0
        while not self.stop.is_set():
            version += 1
            first = client.chance.randrange(REFS)
            refs = [f"w{writer}-{ref}" for ref in range(first, min(REFS, first + client.chance.randint(1, 30)))]
            self.begun.update({ref: version for ref in refs})
            self.upsert(client, refs, version, f"w{writer}v{version}")
            self.versions.update({ref: version for ref in refs})
            self.writes += len(refs)
            if version % 3 == 0:
                self.stamp(client, writer, writer, version)
                self.stamp(client, "shared", writer, version)
                self.claim(client, writer, version // 3)
            # Its own write is read at once, wherever the read goes.
            found = self.get(client, refs[0])
            if found != version:
                fail(f"{refs[0]} was written as version {version} and read as {found}")
            self.set_register(client, f"{writer}.{version}")
            self.turns["writer", writer] = version
            time.sleep(self.pace)

    def set_register(self, client, value):
        row = member_pb2.MemberInput(ref="register", email="register@example.com", role=value)
        at = time.monotonic()
        client.call("members", "BulkUpsertMembers", messages.BulkUpsertMembersRequest(
            member_base_id=self.base, members=[row], request_id=f"register{value}"))
        self.register.wrote(value, at, time.monotonic())

    def get_register(self, client):
        at = time.monotonic()
        found = client.call("members", "GetMember", messages.GetMemberRequest(member_base_id=self.base, ref="register"))
        self.register.read(found.member.role, at, time.monotonic())

    def stamp(self, client, card, writer, version):
        member, before = self.stamps[card]
        highest = self.highest
        reply = client.call("records", "AddStamps", record_messages.AddStampsRequest(
            member_id=member, external_id="card", stamps=1, request_id=f"s{card}-{writer}v{version}"))
        has = reply.stamp_collection.stamps
        with self.claimed:
            self.stamps[card][1] += 1
            if card != "shared":
                if has != before + 1:
                    fail(f"the {before + 1}th request for a stamp made {has}")
            elif client.is_repeat and has > highest:
                # The reply of a repeat shows the card as it is now.
                pass
            elif has in self.shared or has <= highest:
                fail(f"a stamp that was begun when there were {highest} is the {has}th, after {len(self.shared)} others")
            else:
                self.shared.add(has)
                self.highest = max(self.highest, has)

    def claim(self, client, writer, number):
        """Wants an address that the other writers want as well."""
        row = member_pb2.MemberInput(ref=f"claim{number}-{writer}", email=f"claim{number}@example.com")
        reply = client.call("members", "BulkUpsertMembers", messages.BulkUpsertMembersRequest(
            member_base_id=self.base, members=[row], request_id=f"c{number}-{writer}"))
        with self.claimed:
            holders = self.claims.setdefault(number, [])
            if not reply.counts.failed:
                holders.append(row.ref)
            if len(holders) > 1:
                fail(f"{row.email} was given to {holders}")

    def read(self, client, reader):
        while not self.stop.is_set():
            known = list(self.versions)
            if known:
                self.get(client, client.chance.choice(known))
                self.get_register(client)
                self.reads += 1
                self.turns["reader", reader] = self.reads
            time.sleep(self.pace if known else 0.01)

    def everybody(self):
        """Waits until each writer and reader has got through once more."""
        before = dict(self.turns)
        went_on = lambda: [who for who in self.turns if self.turns[who] != before.get(who)]
        until(lambda: len(went_on()) == WRITERS + READERS, lambda: f"of {self.turns} only {went_on()} go on")

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join(PATIENCE + 30)
            if thread.is_alive():
                fail("a writer or reader does not end")

    def conclude(self):
        """What was acknowledged is there, once."""
        client = self.client()
        if wrong := self.register.wrong():
            fail(f"the history of the key that all write is not linearizable: {wrong}")
        everybody = [self.export(self.client([server])) for server in self.servers]
        if any(of != everybody[0] for of in everybody):
            fail("the servers do not export the same members")
        found = {member.ref: member.role for member in everybody[0]}
        for ref, version in self.versions.items():
            if found.get(ref) != f"version {version}":
                fail(f"{ref} is {found.get(ref)} in the end, and version {version} was acknowledged")
        for ref in self.chance.sample(sorted(self.versions), min(LOOKED_UP, len(self.versions))):
            self.get(client, ref)
        for card, (member, made) in self.stamps.items():
            cards = client.call(
                "records", "ListStampCollections", record_messages.ListStampCollectionsRequest(member_id=member))
            has = [card.stamps for card in cards.stamp_collections]
            if has != [made]:
                fail(f"{made} requests for a stamp on the card {card} made {has}")
        for number, holders in self.claims.items():
            if len(holders) != 1:
                fail(f"the address claim{number} was wanted and went to {holders}")
        emails = {member.email: member.ref for member in everybody[0]}
        if len(emails) != len(everybody[0]):
            fail(f"{len(everybody[0])} members hold {len(emails)} addresses")
        for number, holders in self.claims.items():
            if [emails.get(f"claim{number}@example.com")] != holders:
                fail(f"claim{number} was given to {holders} and is held by {emails.get(f'claim{number}@example.com')}")
        return client.call("bases", "GetMemberBase", base_messages.GetMemberBaseRequest(id=self.base)).member_base.counts

    def export(self, client):
        return client.call("members", "ExportMembers", messages.ExportMembersRequest(member_base_id=self.base),
                           take=lambda parts: [member for part in parts for member in part.members])
