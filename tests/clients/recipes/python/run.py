"""Runs the Python recipe: `run.py ADDRESS TOKEN AUTHORITY FOLDER`.

In the middle of the import it creates FOLDER/half, and goes on once FOLDER/again is there: meanwhile the
server is killed and started again.
"""
import pathlib
import sys
import time
import uuid
from concurrent import futures

import grpc
from google.protobuf import field_mask_pb2, json_format
from publisher.v1 import attribute_service_pb2 as attributes_api, attribute_service_pb2_grpc as attributes_grpc
from publisher.v1 import member_base_service_pb2 as bases_api, member_base_service_pb2_grpc as bases_grpc
from publisher.v1 import member_pb2
from publisher.v1 import member_service_pb2 as api, member_service_pb2_grpc as members_grpc

import members as recipe

address, token, authority, folder = sys.argv[1:]
ROWS = 20_000


def same(what, found, expected):
    assert found == expected, f"{what}: found {found!r}, expected {expected!r}"


def rows():
    for number in range(ROWS):
        if number == ROWS // 2:
            (pathlib.Path(folder) / "half").touch()
            while not (pathlib.Path(folder) / "again").exists():
                time.sleep(0.05)
        yield member_pb2.MemberInput(ref=f"r{number}")


def attributes(channel, members, base):
    """Keys keep their case, numbers come back as floats, and JSON changes the paths of a mask."""
    schema = attributes_api.SetAttributeSchemaRequest(member_base_id=base)
    schema.schema["shoeSize"].type = "number"
    attributes_grpc.AttributeServiceStub(channel).SetAttributeSchema(schema, timeout=recipe.DEADLINE)
    change = member_pb2.MemberInput()
    change.attributes["shoeSize"] = 44
    key = api.MemberKey(ref="one")
    request = api.UpdateMemberRequest(member_base_id=base, key=key, member=change, request_id=str(uuid.uuid4()))
    updated = members.UpdateMember(request, timeout=recipe.DEADLINE).member
    same("attributes", dict(updated.attributes), {"shoeSize": 44.0})
    mask = json_format.Parse('"attributes.shoeSize"', field_mask_pb2.FieldMask())
    same("paths of a mask from JSON", list(mask.paths), ["attributes.shoe_size"])


with recipe.connect(address, token, authority) as channel:
    bases = bases_grpc.MemberBaseServiceStub(channel)
    members = members_grpc.MemberServiceStub(channel)
    request = bases_api.CreateMemberBaseRequest(name="python recipe", request_id=str(uuid.uuid4()))
    base = bases.CreateMemberBase(request, timeout=recipe.DEADLINE).member_base.id

    inputs = [member_pb2.MemberInput(ref="one"), member_pb2.MemberInput(ref="two", email="no address")]
    failed = recipe.upsert(members, base, inputs)
    same("failed", [(result.ref, result.error.violations[0].field) for result in failed], [("two", "email")])
    attributes(channel, members, base)

    replies = list(recipe.import_rows(members, base, rows(), str(uuid.uuid4())))
    same("chunks", [reply.chunk for reply in replies], list(range(1, ROWS // recipe.ROWS_OF_CHUNK + 1)))
    same("created", sum(reply.counts.created for reply in replies), ROWS)
    same("listed", sum(1 for _ in recipe.every_member(members, base)), ROWS + 1)

    # More rows than are on the way at once, several of a member, and a bad one.
    changes = [member_pb2.MemberInput(ref=f"r{number % 900}", company=f"N{number}") for number in range(3_000)]
    changes.insert(1_500, member_pb2.MemberInput(ref="r5", email="no address"))
    answers = list(recipe.write_rows(members, base, changes))
    same("answers", len(answers), len(changes))
    failed = [(row.ref, answer.error.violations[0].field) for row, answer in answers if answer.HasField("error")]
    same("failed changes", failed, [("r5", "email")])
    last = {f"r{number % 900}": f"N{number}" for number in range(3_000)}
    found = {member.ref: member.company for member in recipe.every_member(members, base) if member.company}
    same("companies after the changes", found, last)

    # Streams with short rows share a connection: no stream may break, so each has only one try.
    recipe.TRIES = 0

    def short_rows(stream):
        inputs = (member_pb2.MemberInput(ref=f"{stream}-{number}") for number in range(10_000))
        return sum(answer.outcome == api.OUTCOME_CREATED for _, answer in recipe.write_rows(members, base, inputs))

    recipe.ROWS_ON_THE_WAY = 2_000
    with futures.ThreadPoolExecutor(4) as streams:
        same("short rows", list(streams.map(short_rows, range(4))), [10_000] * 4)
print("python recipe: ok")
