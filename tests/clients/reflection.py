"""A client that knows only the address: `reflection.py ADDRESS`."""
import sys

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

import steps


class Stub:
    """The calls of one service, created from its descriptor."""

    def __init__(self, channel, service):
        for method in service.methods:
            kind = ("stream" if method.client_streaming else "unary", "stream" if method.server_streaming else "unary")
            make = getattr(channel, "_".join(kind))
            call = make(
                f"/{service.full_name}/{method.name}",
                request_serializer=GetMessageClass(method.input_type).SerializeToString,
                response_deserializer=GetMessageClass(method.output_type).FromString,
            )
            setattr(self, method.name, call)


with grpc.insecure_channel(sys.argv[1], options=steps.OPTIONS) as channel:
    database = ProtoReflectionDescriptorDatabase(channel)
    for name in ("publisher.v1.MemberService", "publisher.v1.MemberBaseService"):
        assert name in database.get_services(), name
    pool = DescriptorPool(database)

    def new(name, /, **fields):
        return GetMessageClass(pool.FindMessageTypeByName(f"publisher.v1.{name}"))(**fields)

    bases = Stub(channel, pool.FindServiceByName("publisher.v1.MemberBaseService"))
    members = Stub(channel, pool.FindServiceByName("publisher.v1.MemberService"))
    atomic = pool.FindEnumTypeByName("publisher.v1.BulkMode").values_by_name["BULK_MODE_ATOMIC"].number
    steps.run(new, bases, members, atomic)
print("python, reflection: ok")
