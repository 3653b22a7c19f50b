"""A memberbase whose calls go to one server for some seconds at a time, and then to another one, so that standbys have
it for themselves (docs/cluster.md, Leases of memberbases). Now and then it is read at another server, which takes it
back first. It has one writer, whose versions rise, so every read, wherever it goes, must show the last one.
"""
import threading
import time
import uuid

from cluster_parts import fail
from cluster_servers import Client
from publisher.v1 import member_base_service_pb2 as base_messages, member_pb2
from publisher.v1 import member_service_pb2 as messages

REFS = 50
# How long it stays at one server, in seconds.
STAY = (2, 12)


class First:
    """Chooses the first server, and the next ones only when that cannot answer."""

    def randrange(self, _):
        return 0


class Pinned:
    def __init__(self, load, guard_limits, seed):
        self.load, self.chance, self.stop = load, load.chance, threading.Event()
        self.base = load.client().call("bases", "CreateMemberBase", base_messages.CreateMemberBaseRequest(
            name="pinned", guard_limits=guard_limits, request_id=f"pinned{seed}")).member_base.id
        self.versions, self.version, self.leases, self.reads = {}, 0, 0, 0
        # The servers that had it for themselves.
        self.tenants = set()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            while not self.stop.is_set():
                self.stay(self.chance.choice(self.load.servers))
        except Exception as error:
            fail(f"the pinned memberbase: {error!r}")

    def stay(self, server):
        others = [other for other in self.load.servers if other is not server]
        client = Client([server, *others], First())
        self.load.clients.append(client)
        end = time.monotonic() + self.chance.uniform(*STAY)
        # A stream of rows is a reason to ask for it.
        self.write(client, "ImportMembers")
        while time.monotonic() < end and not self.stop.is_set():
            self.write(client, "BulkUpsertMembers")
            self.look(client, self.chance.choice(list(self.versions)))
            if server.metric("memberbase_leases"):
                self.tenants.add(server.number)
                self.leases += 1
            time.sleep(self.load.pace)
        for other in others:
            self.look(Client([other], First()), self.chance.choice(list(self.versions)))

    def write(self, client, method):
        self.version += 1
        refs = [f"p{self.chance.randrange(REFS)}"] if method == "ImportMembers" else [f"p{n}" for n in range(5)]
        rows = [member_pb2.MemberInput(ref=ref, role=f"version {self.version}") for ref in refs]
        if method == "ImportMembers":
            import_id = str(uuid.UUID(int=self.chance.getrandbits(128), version=4))
            options = messages.ImportOptions(member_base_id=self.base, import_id=import_id)
            sent = [messages.ImportMembersRequest(options=options, chunk=1, members=rows)]
            replies = client.call("members", method, lambda: iter(sent), take=list)
            if sum(reply.counts.failed for reply in replies):
                fail(f"rows of a stream fail: {replies}")
        else:
            reply = client.call("members", method, messages.BulkUpsertMembersRequest(
                member_base_id=self.base, members=rows, mode=messages.BULK_MODE_ATOMIC,
                request_id=f"pinned{self.version}"))
            if reply.counts.failed:
                fail(f"rows fail: {reply}")
        self.versions.update({ref: self.version for ref in refs})

    def look(self, client, ref):
        """There is one writer, which is this thread: so nothing but the last version may be read."""
        found = client.call("members", "GetMember", messages.GetMemberRequest(member_base_id=self.base, ref=ref))
        self.reads += 1
        if found.member.role != f"version {self.versions[ref]}":
            fail(f"{ref} was acknowledged as version {self.versions[ref]} and is read as {found.member.role}")

    def end(self):
        self.stop.set()
        self.thread.join(120)
        if self.thread.is_alive():
            fail("the writer of the pinned memberbase does not end")

    def conclude(self):
        """What was acknowledged is there at every server."""
        for server in self.load.servers:
            client = Client([server], First())
            members = client.call("members", "ExportMembers", messages.ExportMembersRequest(member_base_id=self.base),
                                  take=lambda parts: [member for part in parts for member in part.members])
            found = {member.ref: member.role for member in members}
            if found != {ref: f"version {version}" for ref, version in self.versions.items()}:
                fail(f"server {server.number} exports {found}, and {self.versions} was acknowledged")
        if not self.leases:
            fail("no standby ever had the pinned memberbase for itself")
        return (f"{self.version} writes and {self.reads} reads of a memberbase that moved between servers; it was seen "
                f"{self.leases} times at a standby that had it for itself, at the servers {sorted(self.tenants)}")
