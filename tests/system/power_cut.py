"""The client of power_cut.sh. PYTHONPATH must have the folder of the generated code.

    power_cut.py load ADDRESS JOURNAL PREFIX        writes until it is killed, to the journal's memberbase or a new one
    power_cut.py verify ADDRESS JOURNAL DONE SENT   compares a server with the journal
    power_cut.py cut JOURNAL DONE SENT              prints the lines of a journal that apply to a copy

The journal has a line for every request before it is sent, and another one after it was acknowledged. At a
cut, the first DONE bytes have what was acknowledged before it; the requests in the first SENT bytes may have
reached the disk.
"""
import collections
import json
import os
import random
import sys
import threading

# The compiled runtime of protobuf 7.36 refuses valid replies, or crashes, after some hundred thousand
# messages in several threads. So this selects the Python runtime, before the first message class is loaded.
os.environ["PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"] = "python"

import grpc
from google.protobuf.internal import api_implementation
from publisher.v1 import member_base_service_pb2 as base_messages, member_base_service_pb2_grpc, member_pb2
from publisher.v1 import member_service_pb2 as messages, member_service_pb2_grpc, pagination_pb2

OPTIONS = [("grpc.enable_http_proxy", 0), ("grpc.max_receive_message_length", 64 << 20)]
WRITERS = 4
# The number of refs of a writer. Once all are in use, their members are changed, deleted and created again.
REFS = 1500
MOST_ROWS = 60
ATOMIC, PARTIAL, DELETE = "atomic", "partial", "delete"
KEYS_AT_ONCE = 500
TIERS = ("Bronze", "Silver", "Gold")
# No guard: the writers change every member again and again.
GUARD_OFF = {kind: {"percent": 100} for kind in ("removals", "identities", "clears", "reactivations", "tiers")}


def stubs(address):
    channel = grpc.insecure_channel(address, options=OPTIONS)
    return member_base_service_pb2_grpc.MemberBaseServiceStub(channel), member_service_pb2_grpc.MemberServiceStub(channel)


def content(ref, version):
    """The content of a member, which its ref and one number determine."""
    return {"ref": ref, "email": f"{ref}.{version}@example.com", "role": f"version {version}", "tier": TIERS[version % 3]}


class Journal:
    def __init__(self, path):
        self.file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def note(self, **line):
        # One call, so that no reader sees a part of a line.
        os.write(self.file, (json.dumps(line) + "\n").encode())


def write_on(members, base, journal, prefix, writer):
    chance = random.Random(f"{prefix}{writer}")
    used = number = 0
    while True:
        number += 1
        rows = chance.randint(1, MOST_ROWS)
        kind = chance.choice((ATOMIC, PARTIAL, PARTIAL, DELETE) if used > 100 else (PARTIAL,))
        grows = kind != DELETE and used + rows <= REFS and chance.random() < 0.7
        first = used if grows else chance.randrange(max(1, used - rows))
        rows = rows if grows else min(rows, max(1, used))
        used = max(used, first + rows)
        refs = [f"{prefix}{writer}-{ref:05}" for ref in range(first, first + rows)]
        name = f"{prefix}{writer}#{number}"
        journal.note(sent=name, writer=f"{prefix}{writer}", kind=kind, version=number, refs=refs)
        if kind == DELETE:
            reply = members.BulkDeleteMembers(messages.BulkDeleteMembersRequest(member_base_id=base, refs=refs))
            journal.note(done=name, revision=reply.revision)
            continue
        request = messages.BulkUpsertMembersRequest(
            member_base_id=base,
            members=[member_pb2.MemberInput(**content(ref, number)) for ref in refs],
            mode=messages.BULK_MODE_ATOMIC if kind == ATOMIC else messages.BULK_MODE_PARTIAL,
        )
        reply = members.BulkUpsertMembers(request)
        assert reply.counts.failed == 0, reply
        journal.note(done=name, revision=reply.revision, ids=[result.id for result in reply.results])


def load(address, path, prefix):
    assert api_implementation.Type() == "python", api_implementation.Type()
    journal = Journal(path)
    with open(path) as known:
        base = next((line["base"] for line in map(json.loads, known) if "base" in line), None)
    bases, members = stubs(address)
    if base is None:
        base = bases.CreateMemberBase(base_messages.CreateMemberBaseRequest(name="power", guard_limits=GUARD_OFF)).member_base.id
        journal.note(base=base)

    def run(writer):
        try:
            write_on(members, base, journal, prefix, writer)
        except BaseException as error:  # the end of any writer ends the test
            print(f"power_cut: writer {writer} ended: {error!r}", file=sys.stderr)
            os._exit(1)

    for writer in range(WRITERS):
        threading.Thread(target=run, args=(writer,)).start()


def lines_of(path, done, sent):
    """The lines that count: acknowledgements in the first `done` bytes, requests in the first `sent`
    bytes."""
    place = 0
    with open(path, "rb") as journal:
        for text in journal:
            place += len(text)
            if place > sent:
                return
            line = json.loads(text)
            if place <= done or "sent" in line:
                yield line


class Expected:
    """The allowed state: the possible versions of each ref, the known ids, the lowest revision, and open
    requests."""

    def __init__(self, lines):
        self.base = None
        self.revision = 0
        self.possible = collections.defaultdict(lambda: [(None, None)])
        self.ids = {}
        self.newest = {}
        self.acknowledged = 0
        requests = {}
        for line in lines:
            if "base" in line:
                self.base = line["base"]
            elif "sent" in line:
                requests[line["sent"]] = line
                self.newest[line["writer"]] = line
                for ref in line["refs"]:
                    version = None if line["kind"] == DELETE else line["version"]
                    self.possible[ref].append((line["sent"], version))
                    if version is None:
                        self.ids.pop(ref, None)
            else:
                self.acknowledge(requests[line["done"]], line)

    def acknowledge(self, request, line):
        if self.newest[request["writer"]] is request:
            del self.newest[request["writer"]]
        self.revision = max(self.revision, line["revision"])
        self.acknowledged += len(request["refs"])
        for ref, id in zip(request["refs"], line.get("ids", ())):
            assert self.ids.setdefault(ref, id) == id, f"{ref} changed its id"
        for ref in request["refs"]:
            versions = self.possible[ref]
            while versions[0][0] != request["sent"]:
                versions.pop(0)

    def check_member(self, ref, member):
        allowed = [version for _, version in self.possible[ref]] if ref in self.possible else [None]
        found = None if member is None else int(member.role.removeprefix("version "))
        assert found in allowed, f"{ref} is at version {found}, allowed are {allowed}"
        if member is not None:
            for key, value in content(ref, found).items():
                assert getattr(member, key) == value, f"{ref} is a mixture of versions: {member}"
            assert self.ids.get(ref, member.id) == member.id, f"{ref} has the id {member.id}, acknowledged with {self.ids[ref]}"
        return found

    def check_atomic(self, versions):
        for request in self.newest.values():
            if request["kind"] == ATOMIC:
                there = sum(versions.get(ref) == request["version"] for ref in request["refs"])
                assert there in (0, len(request["refs"])), f"{there} rows of the atomic {request}"


def list_all(members, base):
    pagination = pagination_pb2.Pagination(limit=5000)
    while True:
        reply = members.ListMembers(messages.ListMembersRequest(member_base_id=base, pagination=pagination))
        yield from reply.members
        if not reply.page.more:
            return
        pagination.cursor = reply.page.cursor


def get_all(members, base, field, values):
    values = list(values)
    while values:
        keys = [messages.MemberKey(**{field: value}) for value in values[:KEYS_AT_ONCE]]
        reply = members.BatchGetMembers(messages.BatchGetMembersRequest(member_base_id=base, keys=keys))
        answers = [result for result in reply.results if not result.omitted]
        for value, result in zip(values, answers):
            yield value, None if result.missing else result.member
        values = values[len(answers):]


def verify(address, path, done, sent):
    expected = Expected(lines_of(path, done, sent))
    bases, members = stubs(address)
    base = bases.GetMemberBase(base_messages.GetMemberBaseRequest(id=expected.base)).member_base
    assert base.revision >= expected.revision, f"revision {base.revision} is below the acknowledged {expected.revision}"

    listed = {}
    for member in list_all(members, base.id):
        assert member.ref not in listed, f"{member.ref} is listed twice"
        listed[member.ref] = member
    counts = collections.Counter(member.status for member in listed.values())
    counted = (base.counts.active, base.counts.invited, base.counts.inactive, base.counts.total)
    assert counted == (counts["active"], counts["invited"], counts["inactive"], len(listed)), f"counted {counted}, listed {counts}"

    strangers = set(listed) - set(expected.possible)
    assert not strangers, f"members that nobody wrote: {strangers}"
    versions = {ref: expected.check_member(ref, listed.get(ref)) for ref in expected.possible}
    expected.check_atomic(versions)
    for ref, member in get_all(members, base.id, "ref", expected.possible):
        assert member == listed.get(ref), f"{ref} by ref is {member}, listed is {listed.get(ref)}"
    for id, member in get_all(members, base.id, "id", (member.id for member in listed.values())):
        assert member is not None and member == listed[member.ref], f"{id} by id is {member}"
    for email, member in get_all(members, base.id, "email", (member.email for member in listed.values())):
        assert member is not None and member.email == email, f"{email} by e-mail is {member}"
    print(f"{expected.acknowledged} rows acknowledged, {len(listed)} members found, revision {base.revision}")


def cut(path, done, sent):
    for line in lines_of(path, done, sent):
        print(json.dumps(line))


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    if what == "load":
        load(*arguments)
    elif what == "verify":
        verify(*arguments[:2], *map(int, arguments[2:]))
    else:
        cut(arguments[0], *map(int, arguments[1:]))
