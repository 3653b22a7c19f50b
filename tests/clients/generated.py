"""A client of generated code: `generated.py ADDRESS README`, with the folder of the code in PYTHONPATH."""
import pathlib
import sys

import grpc
from publisher.v1 import filter_pb2, member_base_service_pb2, member_base_service_pb2_grpc, member_pb2
from publisher.v1 import member_service_pb2, member_service_pb2_grpc, pagination_pb2

import steps

FILES = (member_service_pb2, member_base_service_pb2, member_pb2, filter_pb2, pagination_pb2)


def new(name, /, **fields):
    return next(getattr(file, name) for file in FILES if hasattr(file, name))(**fields)


def documented(fence):
    """The first block of README with this fence."""
    return pathlib.Path(sys.argv[2]).read_text().split(f"```{fence}\n")[1].split("```")[0]


def documented_filters(bases):
    """Runs README's examples of clients and filters unchanged, except for the address."""
    names = {}
    exec(documented("py").replace("127.0.0.1:50051", sys.argv[1]), names)
    members = names["members"]
    base = bases.CreateMemberBase(new("CreateMemberBaseRequest", name="filters")).member_base.id
    rows = [("a", "Gold", True), ("b", "Silver", False), ("vip_c", "Bronze", True), ("d", "Bronze", True)]
    rows = [new("MemberInput", ref=ref, tier=tier, enable_payroll=enabled) for ref, tier, enabled in rows]
    members.BulkUpsertMembers(new("BulkUpsertMembersRequest", member_base_id=base, members=rows))
    names["base"] = base
    exec(documented("python"), names)
    steps.same("found by README's filters", [member.ref for member in names["found"]], ["a", "vip_c"])


with grpc.insecure_channel(sys.argv[1], options=steps.OPTIONS) as channel:
    bases = member_base_service_pb2_grpc.MemberBaseServiceStub(channel)
    members = member_service_pb2_grpc.MemberServiceStub(channel)
    steps.run(new, bases, members, member_service_pb2.BULK_MODE_ATOMIC)
    documented_filters(bases)
print("python, generated code: ok")
