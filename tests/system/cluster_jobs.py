"""Lists that are applied as jobs while servers are lost, for cluster.py.

Each list changes everybody, leaves some out, brings those of the last list back and has new ones. However often
the server that works on it is killed or paused: in the end the members are those of the list, the job has counted
and lists each row and removed member once, and the history of a member has one change by it.
"""
import collections
import time

from cluster_parts import fail, until
from publisher.v1 import job_service_pb2 as jobs, member_base_service_pb2 as bases, member_pb2
from publisher.v1 import member_history_pb2 as history, member_service_pb2 as members, pagination_pb2

ROWS = 6_000
IN_ONE_MESSAGE = 500
# Histories are read one by one.
HISTORIES = 40
UNDER_WAY = ("JOB_STATE_PLANNING", "JOB_STATE_RUNNING")
FINAL = ("JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED", "JOB_STATE_REJECTED", "JOB_STATE_CANCELLED")


class Lists:
    """A memberbase, which only lists write."""

    def __init__(self, load, guard_off):
        self.load, self.chance = load, load.client().chance
        self.number, self.people, self.job = 0, {}, None
        self.base = load.client().call("bases", "CreateMemberBase", bases.CreateMemberBaseRequest(
            name="lists", guard_limits=guard_off, request_id="lists")).member_base.id
        self.send(load.client())
        self.finish(load.client())

    def send(self, client):
        """Sends the next list, which becomes a job at once."""
        self.number += 1
        version = f"list {self.number}"
        gone = {ref for ref in self.people if self.chance.random() < 0.02}
        refs = sorted(ref for ref in self.people if ref not in gone)
        refs += [f"l{self.number}-{row}" for row in range(ROWS if self.number == 1 else 100)]
        self.counts = collections.Counter()
        for ref in refs:
            of = self.people.get(ref)
            self.counts["created" if of is None else "updated" if of[1] == "active" else "reactivated"] += 1
        self.gone = sorted(ref for ref in gone if self.people[ref][1] == "active")
        if self.gone:
            self.counts["removed"] = len(self.gone)
        self.people |= {ref: (version, "active") for ref in refs}
        self.people |= {ref: (self.people[ref][0], "inactive") for ref in gone}
        self.refs = refs

        def messages():
            yield jobs.SyncMembersRequest(options=jobs.SyncOptions(
                member_base_id=self.base, request_id=f"list{self.number}", name=version))
            for at in range(0, len(refs), IN_ONE_MESSAGE):
                yield jobs.SyncMembersRequest(members=[
                    member_pb2.MemberInput(ref=ref, email=f"{ref}@example.com", role=version)
                    for ref in refs[at:at + IN_ONE_MESSAGE]])
            yield jobs.SyncMembersRequest(complete=jobs.SyncComplete(rows=len(refs)))

        self.job = client.call("jobs", "SyncMembers", messages).job.id

    def get(self, client):
        return client.call("jobs", "GetJob", jobs.GetJobRequest(id=self.job)).job

    def until_under_way(self, client):
        """Waits until the job has planned some rows, or written some. Returns what it was seen doing last."""
        wanted = self.chance.choice(UNDER_WAY)

        def reached():
            job = self.get(client)
            return job if state(job) in FINAL or state(job) == wanted and job.rows_done else None

        job = until(reached, "a job does not begin", every=0.01)
        time.sleep(self.chance.random() * 0.1)
        return job

    def finish(self, client):
        """Waits for the end of the job, and checks what it did."""
        job = until(lambda: (job := self.get(client)) and state(job) in FINAL and job,
                    lambda: f"a job does not end: {self.get(client)}")
        self.ended = job
        self.check(client)

    def check(self, client):
        """The job has done everything once. Later: nothing has been done since then."""
        job = self.get(client)
        if state(job) != "JOB_STATE_SUCCEEDED" or job != self.ended:
            fail(f"a job that a server was lost under ended as {job}, and before as {self.ended}")
        counts = {field.name: getattr(job.applied, field.name) for field in job.applied.DESCRIPTOR.fields
                  if getattr(job.applied, field.name)}
        if counts != self.counts:
            fail(f"a list of {dict(self.counts)} was applied as {counts}")
        results = client.call("jobs", "ListJobResults", jobs.ListJobResultsRequest(id=self.job),
                              take=lambda parts: [result for part in parts for result in part.results])
        rows = [result.line for result in results if not result.removed]
        if rows != list(range(rows[0], rows[0] + len(self.refs))):
            fail(f"of {len(self.refs)} rows the results of a job list {len(rows)}: one is there twice, or not at all")
        ids, found = self.export(client)
        if found != self.people:
            wrong = [ref for ref in self.people | found if found.get(ref) != self.people.get(ref)]
            fail(f"{len(wrong)} members are not those of the list, such as {wrong[0]}: {found.get(wrong[0])}")
        if sorted(result.member_id for result in results if result.removed) != sorted(ids[ref] for ref in self.gone):
            fail("the results of a job list other removed members than those that the list left out")
        touched = self.refs + self.gone
        for ref in self.chance.sample(touched, min(HISTORIES, len(touched))):
            request = history.ListMemberChangesRequest(id=ids[ref], pagination=pagination_pb2.Pagination(limit=5))
            changes = client.call("members", "ListMemberChanges", request).changes
            by_job = [change for change in changes if change.origin.job_id == self.job]
            if len(by_job) != 1:
                fail(f"{ref} has {len(by_job)} changes by one job: {changes}")

    def export(self, client):
        found = client.call("members", "ExportMembers", members.ExportMembersRequest(member_base_id=self.base),
                            take=lambda parts: [member for part in parts for member in part.members])
        return {m.ref: m.id for m in found}, {m.ref: (m.role, m.status) for m in found}

    def revision(self, client):
        """It rises with everything that is written to the memberbase."""
        return client.call("bases", "GetMemberBase", bases.GetMemberBaseRequest(id=self.base)).member_base.revision


def state(job):
    return jobs.JobState.Name(job.state)


def doing(job):
    return f"{state(job).removeprefix('JOB_STATE_').lower()}, {job.rows_done:,} of {job.rows:,} rows"
