"""A client of memberbase with retries, deadlines, pages and imports; docs/clients/python.md quotes it."""

import collections
import itertools
import json
import pathlib
import queue
import time
import uuid

import grpc
from publisher.v1 import member_service_pb2 as api
from publisher.v1 import pagination_pb2

# Calls that are sent again by grpc itself, with the same message and so with the same request id.
RETRIES = {
    "methodConfig": [
        {
            "name": [{"service": "publisher.v1.MemberService"}, {"service": "publisher.v1.MemberBaseService"}],
            "retryPolicy": {
                "maxAttempts": 5,
                "initialBackoff": "0.2s",
                "maxBackoff": "5s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE", "RESOURCE_EXHAUSTED"],
            },
        }
    ]
}
LARGEST_MESSAGE = 32 << 20
OPTIONS = [
    ("grpc.service_config", json.dumps(RETRIES)),
    # By default replies over 4 MiB are refused, and messages over 256 KiB are not sent again.
    ("grpc.max_receive_message_length", LARGEST_MESSAGE),
    ("grpc.per_rpc_retry_buffer_size", LARGEST_MESSAGE),
    # A connection without an answer is noticed after 40 s.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
]
DEADLINE = 30  # seconds


def connect(address, token, authority):
    """A channel with TLS. Threads may share it; make it after a fork, not before."""
    tls = grpc.ssl_channel_credentials(pathlib.Path(authority).read_bytes())
    credentials = grpc.composite_channel_credentials(tls, grpc.access_token_call_credentials(token))
    return grpc.secure_channel(address, credentials, OPTIONS)


def upsert(members, base, rows):
    """Writes rows, and returns the failed ones. The request id makes it safe to send the call again."""
    request = api.BulkUpsertMembersRequest(member_base_id=base, members=rows, request_id=str(uuid.uuid4()))
    reply = members.BulkUpsertMembers(request, timeout=DEADLINE)
    return [result for result in reply.results if result.HasField("error")]


def every_member(members, base, filters=()):
    """All members that match. A page may be short, even empty: only `more` says whether it is the last."""
    page = pagination_pb2.Pagination(limit=5_000)
    while True:
        request = api.ListMembersRequest(member_base_id=base, filters=filters, pagination=page)
        reply = members.ListMembers(request, timeout=DEADLINE)
        yield from reply.members
        if not reply.page.more:
            return
        page.cursor = reply.page.cursor


# The codes with which a lost connection ends a stream, also if a proxy has cut it.
LOST = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
}
ROWS_OF_CHUNK = 1_000
CHUNKS_ON_THE_WAY = 8
TRIES = 20  # without a reply in between


def import_rows(members, base, rows, import_id):
    """Sends any number of rows, over as many connections as it takes, and yields the reply to each chunk.

    The server applies each chunk of an `import_id` once. To go on after a crash of this client, call it with
    the same id and the same rows.
    """
    options = api.ImportMembersRequest(options=api.ImportOptions(member_base_id=base, import_id=import_id))
    chunks = chunks_of(rows)
    unanswered = collections.deque()
    failures = 0
    while True:
        # The library takes requests from the queue in a thread of its own, until None.
        requests = queue.SimpleQueue()
        requests.put(options)
        for chunk in unanswered:
            requests.put(chunk)
        try:
            replies = members.ImportMembers(iter(requests.get, None))
            while True:
                for chunk in itertools.islice(chunks, CHUNKS_ON_THE_WAY - len(unanswered)):
                    unanswered.append(chunk)
                    requests.put(chunk)
                if not unanswered:
                    return
                reply = next(replies, None)
                if reply is None:
                    break
                unanswered.popleft()
                failures = 0
                yield reply
        except grpc.RpcError as error:
            if error.code() not in LOST or failures == TRIES:
                raise
        finally:
            requests.put(None)
        failures += 1
        time.sleep(min(failures, 5))


def chunks_of(rows):
    rows = iter(rows)
    for number in itertools.count(1):
        chunk = list(itertools.islice(rows, ROWS_OF_CHUNK))
        if not chunk:
            return
        yield api.ImportMembersRequest(chunk=number, members=chunk)


ROWS_ON_THE_WAY = 1_000


def write_rows(members, base, rows):
    """Writes rows one by one over a stream, and yields each row with its answer once it is durable.

    Rows of one member are applied in their order. `rows` should not wait, because answers wait with it: call
    this with the changes that are there, and again when there are more.
    """
    # Each stream ends the one before with the same writer id, wherever its rows are on their way.
    writer = api.UpsertMembersOptions(member_base_id=base, writer_id=str(uuid.uuid4()))
    options = api.UpsertMembersRequest(options=writer)
    numbered = enumerate(rows, 1)
    unanswered = {}  # by sequence, in the order in which they were sent
    failures = 0
    while True:
        requests = queue.SimpleQueue()
        requests.put(options)
        for request in unanswered.values():
            requests.put(request)
        try:
            answers = members.UpsertMembers(iter(requests.get, None))
            while True:
                for sequence, row in itertools.islice(numbered, ROWS_ON_THE_WAY - len(unanswered)):
                    unanswered[sequence] = api.UpsertMembersRequest(sequence=sequence, member=row)
                    requests.put(unanswered[sequence])
                if not unanswered:
                    return
                answer = next(answers, None)
                if answer is None:
                    break
                failures = 0
                yield unanswered.pop(answer.sequence).member, answer
        except grpc.RpcError as error:
            if error.code() not in LOST or failures == TRIES:
                raise
        finally:
            requests.put(None)
        failures += 1
        time.sleep(min(failures, 5))
