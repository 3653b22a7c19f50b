"""A client of generated code: `generated.py ADDRESS`, with the folder of the code in PYTHONPATH."""
import sys

import grpc
from publisher.v1 import filter_pb2, member_base_service_pb2, member_base_service_pb2_grpc, member_pb2
from publisher.v1 import member_service_pb2, member_service_pb2_grpc, pagination_pb2

import steps

FILES = (member_service_pb2, member_base_service_pb2, member_pb2, filter_pb2, pagination_pb2)


def new(name, /, **fields):
    return next(getattr(file, name) for file in FILES if hasattr(file, name))(**fields)


with grpc.insecure_channel(sys.argv[1], options=steps.OPTIONS) as channel:
    bases = member_base_service_pb2_grpc.MemberBaseServiceStub(channel)
    members = member_service_pb2_grpc.MemberServiceStub(channel)
    steps.run(new, bases, members, member_service_pb2.BULK_MODE_ATOMIC)
print("python, generated code: ok")
