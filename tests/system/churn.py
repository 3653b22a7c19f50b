"""Deletes members by ref, for churn.sh. PYTHONPATH must have the folder of the generated code.

    churn.py ADDRESS NAME FILE      deletes the members with the refs in FILE, one on each line, from the memberbase NAME
"""
import sys

import grpc
from publisher.v1 import member_base_service_pb2 as base_messages, member_base_service_pb2_grpc
from publisher.v1 import member_service_pb2 as messages, member_service_pb2_grpc

REFS_AT_ONCE = 5000


def main(address, name, path):
    with grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        bases = member_base_service_pb2_grpc.MemberBaseServiceStub(channel)
        listed = bases.ListMemberBases(base_messages.ListMemberBasesRequest()).member_bases
        (base,) = (base.id for base in listed if base.name == name)
        members = member_service_pb2_grpc.MemberServiceStub(channel)
        with open(path) as file:
            refs = file.read().split()
        deleted = 0
        for first in range(0, len(refs), REFS_AT_ONCE):
            part = refs[first : first + REFS_AT_ONCE]
            deleted += members.BulkDeleteMembers(messages.BulkDeleteMembersRequest(member_base_id=base, refs=part, expect_removals=len(part))).deleted
        assert deleted == len(refs), f"deleted {deleted} of {len(refs)}"


main(*sys.argv[1:])
