"""Kills a server with kill -9 at random moments of plans, of their application and of reverts; for job_kills.sh.
PYTHONPATH must have the folder of the generated code.

    job_kills.py PROGRAM KILLS MEMBERS SEED

Each round sends a list, approves its plan and takes the list back, and kills the server two to four times in each
of these. After each of them the members are exactly those that the list says (or those before it), the job has
counted what it planned, lists every row and removed member once, and the history of every member that it was to
write, and that is not deleted, has exactly one change by it. Rounds go on until there were KILLS kills of each kind that ended a job before
its end. A kill counts for what the job was doing by the record that the next server found.
"""
import collections
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time

import grpc
from publisher.v1 import guard_pb2, job_service_pb2 as jobs, job_service_pb2_grpc
from publisher.v1 import member_base_service_pb2 as bases, member_base_service_pb2_grpc
from publisher.v1 import member_history_pb2 as history, member_service_pb2 as members, member_service_pb2_grpc, pagination_pb2

PROGRAM, KILLS, MEMBERS, SEED = sys.argv[1], *map(int, sys.argv[2:5])
# The most servers that are killed before one piece of work has ended.
MOST_IN_ONE = 4
CHECK_EVERY = 10
FINAL = {jobs.JOB_STATE_SUCCEEDED, jobs.JOB_STATE_FAILED, jobs.JOB_STATE_REJECTED, jobs.JOB_STATE_CANCELLED}
dice = random.Random(SEED)
ended = collections.Counter()


class Server:
    """A server, which can be killed and comes back."""

    def __init__(self, data):
        self.data = data
        self.start()

    def start(self):
        command = [PROGRAM, "serve", "--listen", "127.0.0.1:0", "--admin-listen", "off", "--log", "error"]
        command += ["--reserve", "1MiB", "--drain-pause", "0s", "--data", self.data]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("MEMBERBASE_")}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=clean)
        address = self.process.stdout.readline().strip().removeprefix("listening on http://")
        self.channel = grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)])
        self.jobs = job_service_pb2_grpc.JobServiceStub(self.channel)
        self.members = member_service_pb2_grpc.MemberServiceStub(self.channel)
        self.bases = member_base_service_pb2_grpc.MemberBaseServiceStub(self.channel)

    def end(self, how):
        self.process.send_signal(how)
        self.process.wait()
        self.channel.close()

    def check(self):
        """Checks the store, and starts again."""
        self.end(signal.SIGTERM)
        subprocess.run([PROGRAM, "check", "--deep", "--data", self.data], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.start()


class Usual:
    """How long a kind of work usually takes, so that kills hit all of it."""

    def __init__(self):
        self.seconds = 1.0

    def moment(self):
        return dice.uniform(0, self.seconds)

    def took(self, seconds):
        self.seconds = seconds


def with_kills(server, usual, word, work, find):
    """Does `work`, whatever is killed meanwhile, and returns its job. `find` finds the job after a kill, if it is
    known by then."""
    for left in reversed(range(dice.randint(2, MOST_IN_ONE) + 1)):
        began, is_killed = time.monotonic(), threading.Event()

        def kill():
            is_killed.set()
            server.process.send_signal(signal.SIGKILL)

        timer = threading.Timer(usual.moment(), kill)
        if left > 0:
            timer.start()
        try:
            job = work()
            timer.cancel()
            if not is_killed.is_set():
                usual.took(time.monotonic() - began)
                return job
        except grpc.RpcError as error:
            if not is_killed.is_set() or error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNKNOWN):
                raise
        timer.join()
        server.end(signal.SIGKILL)
        server.start()
        found = find()
        state = "sending" if found is None else jobs.JobState.Name(found.state).removeprefix("JOB_STATE_").lower()
        is_over = found is not None and (found.state in FINAL or (word == "plan" and found.state == jobs.JOB_STATE_HELD))
        ended["after the end" if is_over else f"{word} ({state})"] += 1


def follow(server, job):
    for _ in server.jobs.WatchJob(jobs.WatchJobRequest(id=job.id)):
        pass
    return server.jobs.GetJob(jobs.GetJobRequest(id=job.id)).job


def export(server, base):
    """The members by their refs, and their ids."""
    people, ids = {}, {}
    for message in server.members.ExportMembers(members.ExportMembersRequest(member_base_id=base)):
        for member in message.members:
            people[member.ref] = (member.email, member.tier, member.status)
            ids[member.ref] = member.id
    return people, ids


class Round:
    """A list, and what it must do."""

    def __init__(self, number, people):
        self.after, self.lines, self.outcomes, self.touched = dict(people), [], [], set()
        missing, changed, back = dice.choice([1, 5, 20]), dice.choice([3, 30, 90]), dice.choice([0, 50])
        self.removed = set()
        for ref, (email, tier, status) in people.items():
            if dice.random() * 100 >= (100 - missing if status == "active" else back):
                if status == "active":
                    self.after[ref] = (email, tier, "inactive")
                    self.removed.add(ref)
                continue
            if dice.random() < 0.002:
                self.row(ref, email, tier, "no number", "failed")
                continue
            if dice.random() * 100 < changed:
                tier = dice.choice(["Gold", "Silver", "Bronze"])
            outcome = "reactivated" if status != "active" else "updated" if tier != people[ref][1] else "unchanged"
            self.after[ref] = (email, tier, "active")
            self.row(ref, email, tier, "", outcome)
        for new in range(200):
            ref = f"n{number}-{new}"
            self.after[ref] = (f"{ref}@example.com", "Gold", "active")
            self.row(ref, f"{ref}@example.com", "Gold", "", "created")
        self.text = ("ref,email,tier,phone\n" + "".join(self.lines)).encode()

    def row(self, ref, email, tier, phone, outcome):
        self.lines.append(f"{ref},{email},{tier},{phone}\n")
        self.outcomes.append(outcome)
        if outcome not in ("failed", "unchanged"):
            self.touched.add(ref)

    def counts(self):
        return {**collections.Counter(self.outcomes), **({"removed": len(self.removed)} if self.removed else {})}


def counts(of):
    return {field.name: getattr(of, field.name) for field in of.DESCRIPTOR.fields if getattr(of, field.name)}


def written_once(server, ids, job):
    """Every one of these members has exactly one change by this job."""
    for member_id in ids:
        request = history.ListMemberChangesRequest(id=member_id, pagination=pagination_pb2.Pagination(limit=4))
        changes = server.members.ListMemberChanges(request).changes
        by_job = [change for change in changes if change.origin.job_id == job.id]
        assert len(by_job) == 1, (member_id, job.id, len(by_job))


def play(server, base, number):
    people, ids_before = export(server, base)
    todo = Round(number, people)
    options = jobs.SyncOptions(member_base_id=base, request_id=f"list-{number}", ask_first=True, format="csv")

    def send():
        def messages():
            yield jobs.SyncMembersRequest(options=options)
            for at in range(0, len(todo.text), 20_000):
                yield jobs.SyncMembersRequest(data=todo.text[at : at + 20_000])
            yield jobs.SyncMembersRequest(complete=jobs.SyncComplete(rows=len(todo.lines)))

        return follow(server, server.jobs.SyncMembers(messages()).job)

    def newest(kind):
        listed = server.jobs.ListJobs(jobs.ListJobsRequest(member_base_id=base)).jobs
        return next((job for job in listed[:1] if job.kind == kind and job.name == f"{number}"), None)

    options.name = f"{number}"
    held = with_kills(server, PLAN, "plan", send, lambda: newest(jobs.JOB_KIND_SYNC))
    assert (held.state, held.reason) == (jobs.JOB_STATE_HELD, "APPROVAL_REQUESTED"), held
    assert counts(held.plan.counts) == todo.counts(), (counts(held.plan.counts), todo.counts())
    assert export(server, base)[0] == people, "a plan has written"

    def approve():
        job = server.jobs.GetJob(jobs.GetJobRequest(id=held.id)).job
        if job.state == jobs.JOB_STATE_HELD:
            server.jobs.ApproveJob(jobs.ApproveJobRequest(id=job.id, plan_hash=job.plan.hash))
        return follow(server, job)

    get = lambda: server.jobs.GetJob(jobs.GetJobRequest(id=held.id)).job
    done = with_kills(server, APPLY, "apply", approve, get)
    assert done.state == jobs.JOB_STATE_SUCCEEDED, done
    assert counts(done.applied) == todo.counts(), (counts(done.applied), todo.counts())
    after, ids = export(server, base)
    assert after == todo.after, [(ref, after.get(ref), todo.after.get(ref)) for ref in todo.after if after.get(ref) != todo.after[ref]][:3]
    results = [r for m in server.jobs.ListJobResults(jobs.ListJobResultsRequest(id=done.id)) for r in m.results]
    rows = [result.line for result in results if not result.removed]
    assert rows == list(range(2, len(todo.lines) + 2)), "a row is listed twice, or not at all"
    gone = [result.member_id for result in results if result.removed]
    assert sorted(gone) == sorted(ids[ref] for ref in todo.removed)
    written_once(server, [ids[ref] for ref in todo.touched | todo.removed], done)

    start = jobs.StartRevertRequest(job_id=done.id, request_id=f"revert-{number}", name=f"{number}")

    def revert():
        return follow(server, server.jobs.StartRevert(start).job)

    back = with_kills(server, REVERT, "revert", revert, lambda: newest(jobs.JOB_KIND_REVERT))
    assert back.state == jobs.JOB_STATE_SUCCEEDED and back.applied == back.plan.counts and back.applied.failed == 0, back
    assert export(server, base) == (people, ids_before), "the revert left something"
    # Those whom the list had created are deleted.
    written_once(server, [ids[ref] for ref in todo.touched | todo.removed if ref in people], back)


def total(word):
    """Kills of this kind. Those before an approved plan was applied are none of its application."""
    states = {"apply": {"running"}, "revert": {"pending", "planning", "running"}}.get(word)
    of = {what: times for what, times in ended.items() if what.startswith(word)}
    return sum(times for what, times in of.items() if states is None or what.split("(")[-1].rstrip(")") in states)


PLAN, APPLY, REVERT = Usual(), Usual(), Usual()
with tempfile.TemporaryDirectory() as data:
    server = Server(data)
    off = guard_pb2.GuardLimit(percent=100, count=0)
    limits = {kind: off for kind in ("removals", "identities", "clears", "reactivations", "tiers")}
    create = bases.CreateMemberBaseRequest(name="killed", guard_limits=guard_pb2.GuardLimits(**limits))
    base = server.bases.CreateMemberBase(create).member_base.id
    first = "".join(f"m{n},m{n}@example.com,Gold\n" for n in range(MEMBERS)).encode()
    load = [
        jobs.SyncMembersRequest(options=jobs.SyncOptions(member_base_id=base, format="csv"), data=b"ref,email,tier\n"),
        *(jobs.SyncMembersRequest(data=first[at : at + 500_000]) for at in range(0, len(first), 500_000)),
        jobs.SyncMembersRequest(complete=jobs.SyncComplete()),
    ]
    assert follow(server, server.jobs.SyncMembers(iter(load)).job).applied.created == MEMBERS
    rounds = 0
    while min(map(total, ("plan", "apply", "revert"))) < KILLS:
        play(server, base, rounds)
        rounds += 1
        if rounds % CHECK_EVERY == 0:
            server.check()
            print(f"{rounds} rounds; killed: {dict(sorted(ended.items()))}", flush=True)
    server.check()
    server.end(signal.SIGTERM)
print(f"job kills: ok, seed {SEED}, {MEMBERS} members, {rounds} rounds; kills of a plan {total('plan')}, of its application "
      f"{total('apply')}, of a revert {total('revert')}, after the end {total('after')}: {dict(sorted(ended.items()))}")
