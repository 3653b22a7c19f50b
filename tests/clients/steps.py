"""The steps that every Python client makes with the service, with generated code or by reflection.

`new(name)` creates a message of `publisher.v1`; `members` and `bases` are stubs of the two services.
"""
import json
import pathlib

import grpc
from google.protobuf import json_format

BODIES = pathlib.Path(__file__).parent / "bodies"
# Do not use the machine's proxy for a server on the same machine.
OPTIONS = [("grpc.enable_http_proxy", 0)]


def body(name, message, ids):
    """A request body of the documentation with the ids of this run."""
    text = (BODIES / f"{name}.json").read_text()
    for documented, real in ids.items():
        text = text.replace(documented, real)
    return json_format.ParseDict(json.loads(text), message)


def same(what, found, expected):
    assert found == expected, f"{what}: found {found!r}, expected {expected!r}"


def refused(call, request, code):
    try:
        call(request)
    except grpc.RpcError as error:
        same("code", error.code(), code)
        return error
    raise AssertionError(f"{request} should be refused with {code}")


def run(new, bases, members, mode_atomic):
    base = bases.CreateMemberBase(new("CreateMemberBaseRequest", name="python")).member_base.id
    ids = {"mb_abc123": base}

    upsert = body("bulk_upsert", new("BulkUpsertMembersRequest"), ids)
    reply = members.BulkUpsertMembers(upsert)
    same("created", (reply.counts.created, reply.counts.failed), (3, 0))
    same("order", [result.ref for result in reply.results], ["user_001", "user_002", "user_003"])
    ids["m_x1y2z3"], ids["m_a4b5c6"] = reply.results[0].id, reply.results[1].id
    same("unchanged", members.BulkUpsertMembers(upsert).counts.unchanged, 3)

    by_ref = members.GetMember(body("get_by_ref", new("GetMemberRequest"), ids))
    same("id", by_ref.member.id, ids["m_x1y2z3"])
    by_id = members.GetMember(body("get_by_id", new("GetMemberRequest"), ids))
    same("ref", by_id.member.ref, "user_001")
    listed = members.ListMembers(body("list", new("ListMembersRequest"), ids))
    same("listed", [member.ref for member in listed.members], ["user_001", "user_002"])

    upsert.members[1].email = "not an address"
    upsert.mode = mode_atomic
    reply = members.BulkUpsertMembers(upsert)
    same("failed", reply.counts.failed, 3)
    same("field", reply.results[1].error.violations[0].field, "email")

    def chunks():
        yield new("ImportMembersRequest", options=new("ImportOptions", member_base_id=base))
        for chunk in (1, 2, 3):
            rows = [new("MemberInput", ref=f"import_{chunk}_{row}") for row in range(100)]
            yield new("ImportMembersRequest", chunk=chunk, members=rows)

    answers = list(members.ImportMembers(chunks()))
    same("chunks", [answer.chunk for answer in answers], [1, 2, 3])
    same("imported", sum(answer.counts.created for answer in answers), 300)
    exported = [member for part in members.ExportMembers(new("ExportMembersRequest", member_base_id=base)) for member in part.members]
    same("exported", len(exported), 303)

    same("deleted", members.BulkDeleteMembers(body("bulk_delete", new("BulkDeleteMembersRequest"), ids)).deleted, 2)
    refused(members.GetMember, body("get_by_id", new("GetMemberRequest"), ids), grpc.StatusCode.NOT_FOUND)
    refused(members.GetMember, new("GetMemberRequest", id="m_short"), grpc.StatusCode.INVALID_ARGUMENT)
    counts = bases.GetMemberBase(new("GetMemberBaseRequest", id=base)).member_base.counts
    same("counts", (counts.active, counts.total), (301, 301))
