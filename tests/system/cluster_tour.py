"""Every kind of call through one server, for cluster.py: what is acknowledged must be there in the end.

Each of these may fail while servers are killed; then all of it is done again, at the next server. The rows are the same
again, so nothing is written twice.
"""
import http.client
import json
import urllib.parse

import grpc
from cluster_servers import TRANSIENT
from publisher.v1 import api_token_service_pb2 as token_messages, api_token_service_pb2_grpc, member_pb2
from publisher.v1 import member_service_pb2 as messages, member_service_pb2_grpc

class Again(Exception):
    """A server was lost meanwhile."""


class Tour:
    """One server, and one set of rows."""

    def __init__(self, address, base, token, name, options):
        self.address, self.base, self.token, self.name = address, base, token, name
        self.metadata = [("authorization", f"Bearer {token}")]
        self.channel = grpc.insecure_channel(address, options=options)
        self.members = member_service_pb2_grpc.MemberServiceStub(self.channel)
        self.tokens = api_token_service_pb2_grpc.ApiTokenServiceStub(self.channel)

    def rows(self, kind, count):
        refs = [f"{self.name}-{kind}{number}" for number in range(count)]
        return refs, [member_pb2.MemberInput(ref=ref, email=f"{ref}@example.com", role="version 1") for ref in refs]

    def run(self, other):
        """Makes every call. Returns the refs that were acknowledged, all of them with version 1."""
        try:
            refs = self.streams() + self.json()
            self.console()
            self.revoked(other)
            return refs
        except grpc.RpcError as error:
            code = error.code()
            cut = code in (grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL) and "tream" in error.details()
            if code in TRANSIENT or cut:
                raise Again(f"{code.name} {error.details()}") from error
            raise
        except (OSError, http.client.HTTPException) as error:
            raise Again(repr(error)) from error
        finally:
            self.channel.close()

    def streams(self):
        refs, rows = self.rows("import", 150)
        options = messages.ImportOptions(member_base_id=self.base)
        chunks = [
            messages.ImportMembersRequest(chunk=number + 1, members=rows[50 * number:50 * (number + 1)],
                                          options=options if number == 0 else None)
            for number in range(3)
        ]
        answers = list(self.members.ImportMembers(iter(chunks), metadata=self.metadata, timeout=30))
        if [answer.chunk for answer in answers] != [1, 2, 3] or any(answer.failed for answer in answers):
            raise AssertionError(f"an import ended with {answers}")
        single, rows = self.rows("single", 30)
        first = messages.UpsertMembersRequest(options=messages.UpsertMembersOptions(member_base_id=self.base))
        sent = [first] + [messages.UpsertMembersRequest(sequence=n + 1, member=row) for n, row in enumerate(rows)]
        answers = list(self.members.UpsertMembers(iter(sent), metadata=self.metadata, timeout=30))
        if sorted(answer.sequence for answer in answers) != list(range(1, 31)):
            raise AssertionError(f"a stream of rows ended with {answers}")
        export = self.members.ExportMembers(
            messages.ExportMembersRequest(member_base_id=self.base), metadata=self.metadata, timeout=60)
        found = {member.ref for part in export for member in part.members}
        missing = [ref for ref in refs + single if ref not in found]
        if missing:
            raise AssertionError(f"an export lacks {len(missing)} rows that were acknowledged, such as {missing[0]}")
        return refs + single

    def json(self):
        refs, _ = self.rows("json", 100)
        rows = [{"ref": ref, "email": f"{ref}@example.com", "role": "version 1"} for ref in refs]
        body = json.dumps({"member_base_id": self.base, "members": rows})
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"}
        ids = json.loads(self.http("POST", "/publisher.v1/member/bulk-upsert", body, headers)[2])
        if len(ids) != len(refs):
            raise AssertionError(f"a bulk call of {len(refs)} rows answered {len(ids)}")
        return refs

    def console(self):
        form = urllib.parse.urlencode({"token": self.token})
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": f"http://{self.address}"}
        _, reply, _ = self.http("POST", "/console/sign-in", form, headers, (303,))
        cookie = reply["set-cookie"].split(";")[0]
        _, _, page = self.http("GET", "/console", None, {"Cookie": cookie})
        if b"Sign out" not in page:
            raise AssertionError("the session of a sign-in is not known")

    def revoked(self, other):
        """A token that is revoked here is refused at the other server at once."""
        made = self.tokens.CreateApiToken(
            token_messages.CreateApiTokenRequest(access="read"), metadata=self.metadata, timeout=20)
        self.tokens.RevokeApiToken(
            token_messages.RevokeApiTokenRequest(id=made.api_token.id), metadata=self.metadata, timeout=20)
        try:
            with grpc.insecure_channel(other) as channel:
                member_service_pb2_grpc.MemberServiceStub(channel).GetMember(
                    messages.GetMemberRequest(member_base_id=self.base, ref="x"),
                    metadata=[("authorization", f"Bearer {made.token}")], timeout=20)
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.UNAUTHENTICATED:
                return
            if error.code() != grpc.StatusCode.NOT_FOUND:
                raise
        raise AssertionError(f"a token that was revoked at {self.address} is accepted at {other}")

    def http(self, method, path, body, headers, expected=(200,)):
        connection = http.client.HTTPConnection(self.address, timeout=30)
        connection.request(method, path, body, headers)
        reply = connection.getresponse()
        text = reply.read()
        connection.close()
        if reply.status == 503:
            raise Again(f"503 {text[:200]!r}")
        if reply.status not in expected:
            raise AssertionError(f"{path}: {reply.status} {text[:300]!r}")
        return reply.status, reply.headers, text
