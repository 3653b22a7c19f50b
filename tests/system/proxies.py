#!/usr/bin/env python3
"""Calls through proxies, for proxies.sh: what each configuration under packaging/proxies must let pass.

    proxies.py calls NAME=PORT…       unary calls, streams, large messages and bodies, deadlines, errors with details
    proxies.py silent NAME=PORT…      streams that are silent for longer than the proxies' default limits
    proxies.py cut NAME=PORT…         streams that are cut, because they are silent for longer than the proxies' limits
    proxies.py open FILE NAME=PORT…   a stream that is open until FILE exists; prints the number of each reply

PROXY_CERT is the file of the proxies' certificate, MEMBERBASE_TOKEN the secret of an admin token. The folder of
the generated code is in PYTHONPATH.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

import grpc
from publisher.v1 import job_service_pb2 as jobs_pb2, job_service_pb2_grpc as jobs_grpc
from publisher.v1 import member_base_service_pb2 as bases_pb2, member_base_service_pb2_grpc as bases_grpc
from publisher.v1 import member_pb2
from publisher.v1 import member_service_pb2 as members_pb2, member_service_pb2_grpc as members_grpc

CERT = os.environ["PROXY_CERT"]
TOKEN = os.environ["MEMBERBASE_TOKEN"]
BEARER = (("authorization", f"Bearer {TOKEN}"),)
# Longer than the default limits of nginx (60 s), of HAProxy in Debian (50 s), and of a call in Envoy (15 s).
SILENT_SECONDS = 65
# Far more than the default limit of nginx for bodies (1 MiB), and than what proxies hold in memory.
LARGE_BYTES = 8 << 20
LIST_ROWS = 40_000
CUT = (grpc.StatusCode.CANCELLED, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN)


def same(what, found, expected):
    assert found == expected, f"{what}: found {found!r}, expected {expected!r}"


def connect(port):
    credentials = grpc.ssl_channel_credentials(pathlib.Path(CERT).read_bytes())
    return grpc.secure_channel(f"localhost:{port}", credentials, options=[("grpc.enable_http_proxy", 0)])


def curl(port, path, *arguments, may_end=(0,)):
    """The status and the body of a call with curl, whose exit code may be one of `may_end`."""
    with tempfile.NamedTemporaryFile() as body:
        command = ["curl", "-sS", "--noproxy", "*", "--cacert", CERT, "-o", body.name, "-w", "%{http_code}",
                   "-H", f"Authorization: Bearer {TOKEN}", *arguments, f"https://localhost:{port}{path}"]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert done.returncode in may_end, f"{path}: {done.stderr}"
        return int(done.stdout), pathlib.Path(body.name).read_bytes()


def new_base(channel, name):
    bases = bases_grpc.MemberBaseServiceStub(channel)
    return bases.CreateMemberBase(bases_pb2.CreateMemberBaseRequest(name=name), metadata=BEARER).member_base.id


def watch_health(channel, **options):
    """A stream that is silent as long as the server is well."""
    watch = channel.unary_stream("/grpc.health.v1.Health/Watch", request_serializer=bytes, response_deserializer=bytes)
    return watch(b"", **options)


def chunk(number, rows):
    members = [member_pb2.MemberInput(ref=f"chunk_{number}_{row}", company="x" * 200) for row in range(rows)]
    return members_pb2.ImportMembersRequest(chunk=number, members=members)


def options_of(base):
    return members_pb2.ImportMembersRequest(options=members_pb2.ImportOptions(member_base_id=base))


def grpc_calls(channel, base):
    members = members_grpc.MemberServiceStub(channel)
    created = members.CreateMember(
        members_pb2.CreateMemberRequest(member_base_id=base, member=member_pb2.MemberInput(ref="one")), metadata=BEARER)
    found = members.GetMember(members_pb2.GetMemberRequest(id=created.member.id), metadata=BEARER)
    same("ref", found.member.ref, "one")

    # A stream in both directions: every reply arrives before the next chunk is sent.
    turn, replies = threading.Semaphore(1), []

    def sent():
        yield options_of(base)
        for number in range(1, 6):
            assert turn.acquire(timeout=60), f"there was no reply to chunk {number - 1}"
            yield chunk(number, 10_000)

    for reply in members.ImportMembers(sent(), metadata=BEARER):
        replies.append((reply.chunk, reply.counts.created))
        turn.release()
    same("imported", replies, [(number, 10_000) for number in range(1, 6)])
    exported = members.ExportMembers(members_pb2.ExportMembersRequest(member_base_id=base), metadata=BEARER)
    same("exported", sum(len(page.members) for page in exported), 50_001)

    # The details of an error arrive in headers of several kilobytes.
    member = member_pb2.MemberInput(ref="two")
    member.attributes.update({f"unknown attribute {number}": "x" for number in range(100)})
    try:
        members.CreateMember(members_pb2.CreateMemberRequest(member_base_id=base, member=member), metadata=BEARER)
        raise AssertionError("attributes without a schema should be refused")
    except grpc.RpcError as error:
        same("code", error.code(), grpc.StatusCode.INVALID_ARGUMENT)
        details = dict(error.trailing_metadata())["grpc-status-details-bin"]
        assert len(details) > 2_000, len(details)


def large_list():
    lines = ["email,first_name,last_name,tier"]
    lines += [f"list.{row}@example.com,{'Ada' * 30},{'Example' * 14},gold" for row in range(LIST_ROWS)]
    content = ("\n".join(lines) + "\n").encode()
    assert len(content) > LARGE_BYTES, len(content)
    return content


def sync(channel, base):
    content = large_list()
    options = jobs_pb2.SyncOptions(member_base_id=base, format="csv", match_by=members_pb2.MATCH_BY_EMAIL)
    pieces = [content[first:first + 256 * 1024] for first in range(0, len(content), 256 * 1024)]
    messages = [jobs_pb2.SyncMembersRequest(options=options)]
    messages += [jobs_pb2.SyncMembersRequest(data=piece) for piece in pieces]
    messages.append(jobs_pb2.SyncMembersRequest(complete=jobs_pb2.SyncComplete(rows=LIST_ROWS)))
    jobs = jobs_grpc.JobServiceStub(channel)
    job = jobs.SyncMembers(iter(messages), metadata=BEARER).job
    seen = [message.job for message in jobs.WatchJob(jobs_pb2.WatchJobRequest(id=job.id), metadata=BEARER)]
    same("state", jobs_pb2.JobState.Name(seen[-1].state), "JOB_STATE_SUCCEEDED")
    same("created", seen[-1].applied.created, LIST_ROWS)


def json_calls(port, base, version):
    rows = [{"ref": f"json_{row}", "company": "x" * 200} for row in range(40_000)]
    body = json.dumps({"member_base_id": base, "members": rows})
    assert len(body) > LARGE_BYTES
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(body)
        file.flush()
        status, reply = curl(port, "/publisher.v1/member/bulk-upsert", version, "-H", "Content-Type: application/json",
                             "--data-binary", f"@{file.name}")
    same("bulk-upsert", (status, len(json.loads(reply)) if status == 200 else reply), (200, 40_000))

    workspace = f"/v0/workspaces/{base}/members"
    status, reply = curl(port, workspace, version, "-H", "Content-Type: application/json",
                         "-d", '{"members": [{"email": "ada@example.com", "firstName": "Ada"}]}')
    same("Orbiit", (status, json.loads(reply)["results"][0]["outcome"]), (200, "created"))

    # An address of more than 8 KiB, the default limit of nginx.
    addresses = "&".join(f"emails[]=member.{number}%40example.com" for number in range(300))
    status, reply = curl(port, f"/v1/members?{addresses}&emails[]=ada%40example.com", version, "-g", "-H", f"x-member-base-id: {base}")
    same("search", (status, json.loads(reply)["total"] if status == 200 else reply), (200, 1))
    status, reply = curl(port, "/publisher.v1/nothing", version)
    same("unknown path", (status, b"trace_id" in reply), (404, True))

    with tempfile.NamedTemporaryFile() as file:
        file.write(large_list())
        file.flush()
        # A chunked body, without a length.
        status, reply = curl(port, "/v1/members/jobs/csv?dryRun=true", version, "-X", "PUT", "-H", "Content-Type: text/csv",
                             "-H", f"x-member-base-id: {base}", "-H", "Content-Length:", "-H", "Transfer-Encoding: chunked",
                             "-T", file.name)
    same("list", (status, "jobId" in json.loads(reply)), (202, True))


def deadline(port, base):
    """The server ends a call at its deadline: curl does not know what `grpc-timeout` means."""
    message = members_pb2.ExportMembersRequest(member_base_id=base).SerializeToString()
    with tempfile.NamedTemporaryFile() as file, tempfile.NamedTemporaryFile() as heads:
        file.write(b"\0" + len(message).to_bytes(4, "big") + message)
        file.flush()
        # A proxy may reset the stream after the reply, which curl reports as an error.
        curl(port, "/publisher.v1.MemberService/ExportMembers", "--http2", "-D", heads.name, "--data-binary", f"@{file.name}",
             "-H", "content-type: application/grpc", "-H", "te: trailers", "-H", "grpc-timeout: 5m", may_end=(0, 92))
        status = heads.read().decode()
    assert "grpc-status: 4" in status, status


def calls(name, port):
    with connect(port) as channel:
        base = new_base(channel, f"{name} {time.time_ns()}")
        grpc_calls(channel, base)
        sync(channel, new_base(channel, f"{name} {time.time_ns()}"))
        for version in ("--http1.1", "--http2"):
            json_calls(port, new_base(channel, f"{name} {time.time_ns()}"), version)
        deadline(port, base)


def silent(name, port):
    """Silent in both directions, and silent replies."""
    with connect(port) as channel:
        base = new_base(channel, f"{name} {time.time_ns()}")
        health = watch_health(channel)
        next(health)

        def sent():
            yield options_of(base)
            yield chunk(1, 1)
            time.sleep(SILENT_SECONDS)
            yield chunk(2, 1)

        members = members_grpc.MemberServiceStub(channel)
        replies = [reply.chunk for reply in members.ImportMembers(sent(), metadata=BEARER)]
        same("replies", replies, [1, 2])
        assert health.is_active(), health
        health.cancel()


def cut(name, port):
    """A silent stream that is cut: the command line and clients must take each of these codes for a lost connection."""
    with connect(port) as channel:
        base = new_base(channel, f"{name} {time.time_ns()}")

        def sent():
            yield options_of(base)
            yield chunk(1, 1)
            time.sleep(20)

        members = members_grpc.MemberServiceStub(channel)
        health = watch_health(channel, timeout=60)
        rows = members.ImportMembers(sent(), metadata=BEARER, timeout=60)
        for what, stream in (("replies", health), ("both directions", rows)):
            try:
                for _ in stream:
                    pass
                raise AssertionError(f"the stream that is silent in {what} ended as if it were complete")
            except grpc.RpcError as error:
                print(f"{name}: a stream that is silent in {what} ends with {error.code().name}")
                assert error.code() in CUT, error


def keep_open(name, port, file):
    with connect(port) as channel:
        base = new_base(channel, f"{name} {time.time_ns()}")

        def sent():
            yield options_of(base)
            yield chunk(1, 1)
            while not file.exists():
                time.sleep(0.05)
            yield chunk(2, 1)

        members = members_grpc.MemberServiceStub(channel)
        replies = []
        for reply in members.ImportMembers(sent(), metadata=BEARER):
            replies.append(reply.chunk)
            print(reply.chunk, flush=True)
        same("replies", replies, [1, 2])


def main():
    what, *rest = sys.argv[1:]
    file = [pathlib.Path(rest.pop(0))] if what == "open" else []
    act = {"calls": calls, "silent": silent, "cut": cut, "open": keep_open}[what]
    failed = []

    def run(name, port):
        try:
            act(name, int(port), *file)
        except BaseException as error:
            failed.append(name)
            print(f"{what} through {name}: {error!r}", file=sys.stderr)

    threads = [threading.Thread(target=run, args=proxy.split("=")) for proxy in rest]
    for thread in threads:
        thread.start()
        if what == "calls":
            thread.join()
    for thread in threads:
        thread.join()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
