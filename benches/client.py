"""A gRPC client for benchmarks: the packages that it needs, and what it does with full lists."""

import dataclasses
import os
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
HOME = ROOT / "target" / "bench-client"
PIECE_BYTES = 1 << 20


def with_packages():
    """Installs the packages of requirements.txt in a folder of `target`, once, and generates the classes of
    the contract. Runs the calling script again if it does not run with these packages yet."""
    wanted = pathlib.Path(__file__).with_name("requirements.txt").read_text()
    python, stamp = HOME / "venv" / "bin" / "python", HOME / "installed"
    if not stamp.exists() or stamp.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", HOME / "venv"], check=True)
        command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", "/dev/stdin"]
        subprocess.run(command, input=wanted, text=True, check=True)
        stamp.write_text(wanted)
    if pathlib.Path(sys.prefix) != HOME / "venv":
        os.execv(python, [python, *sys.argv])
    generated = HOME / "generated"
    generated.mkdir(exist_ok=True)
    protos = sorted((ROOT / "proto" / "publisher" / "v1").glob("*.proto"))
    command = [python, "-m", "grpc_tools.protoc", "-I", ROOT / "proto", f"--python_out={generated}"]
    subprocess.run([*command, f"--grpc_python_out={generated}", *protos], check=True)
    sys.path.insert(0, str(generated))


def connect(url):
    """A channel to the server."""
    import grpc

    # Do not use the machine's proxy for a server on the same machine.
    return grpc.insecure_channel(url.split("//")[-1], options=[("grpc.enable_http_proxy", 0)])


def create_base(channel, name):
    """Creates a memberbase, and returns its id."""
    from publisher.v1 import member_base_service_pb2, member_base_service_pb2_grpc

    bases = member_base_service_pb2_grpc.MemberBaseServiceStub(channel)
    return bases.CreateMemberBase(member_base_service_pb2.CreateMemberBaseRequest(name=name)).member_base.id


def allow_everything(channel, base):
    """Sets the guard of a memberbase so that it holds nothing."""
    from publisher.v1 import member_base_service_pb2, member_base_service_pb2_grpc

    request = member_base_service_pb2.UpdateMemberBaseRequest(id=base)
    for field in request.guard_limits.DESCRIPTOR.fields:
        if field.message_type is not None and field.message_type.name == "GuardLimit":
            getattr(request.guard_limits, field.name).percent = 100
    member_base_service_pb2_grpc.MemberBaseServiceStub(channel).UpdateMemberBase(request)


@dataclasses.dataclass
class Sync:
    """What a sync did. Times are those of `time.monotonic`, except for those of the job itself, which say how
    many seconds the server needed."""

    began: float
    stored: float
    """The list is stored, and the job exists."""
    first_progress: float
    """The client saw for the first time that rows were planned."""
    planned: float
    ended: float
    plan_seconds: float
    """From the creation of the job to its plan."""
    apply_seconds: float
    """From the plan to the end of the job."""
    counts: dict
    """By outcome: what the plan says, or for a sync that was applied, what was done."""


def sync(channel, base, path, dry_run):
    """Sends a full list, and follows the job to its end."""
    from publisher.v1 import job_service_pb2, job_service_pb2_grpc

    jobs = job_service_pb2_grpc.JobServiceStub(channel)
    request = job_service_pb2.SyncMembersRequest

    def pieces():
        yield request(options=job_service_pb2.SyncOptions(member_base_id=base, dry_run=dry_run))
        with open(path, "rb") as file:
            while piece := file.read(PIECE_BYTES):
                yield request(data=piece)
        yield request(complete=job_service_pb2.SyncComplete())

    began = time.monotonic()
    job = jobs.SyncMembers(pieces()).job
    stored, progress, planned = time.monotonic(), None, None
    at_work = ("JOB_STATE_PENDING", "JOB_STATE_PLANNING", "JOB_STATE_RUNNING")
    while job_service_pb2.JobState.Name(job.state) in at_work:
        for watched in jobs.WatchJob(job_service_pb2.WatchJobRequest(id=job.id)):
            job = watched.job
            if progress is None and job.rows_done > 0:
                progress = time.monotonic()
            if planned is None and job.HasField("planned_at"):
                planned = time.monotonic()
    if job.state != job_service_pb2.JOB_STATE_SUCCEEDED:
        state = job_service_pb2.JobState.Name(job.state)
        raise SystemExit(f"the sync of {path} ended as {state}: {job.reason} {job.message}")
    done = job.plan.counts if dry_run else job.applied
    at = {name: getattr(job, name).ToNanoseconds() / 1e9 for name in ("created_at", "planned_at", "state_since")}
    return Sync(
        began=began,
        stored=stored,
        first_progress=progress,
        planned=planned,
        ended=time.monotonic(),
        plan_seconds=at["planned_at"] - at["created_at"],
        apply_seconds=at["state_since"] - at["planned_at"],
        counts={field.name: getattr(done, field.name) for field in done.DESCRIPTOR.fields},
    )
