#!/usr/bin/env bash
# protobug reads -1 as 18446744073709551615, and the second part of an address in place of both.
#
# Versions: protobug 1.0.0; for comparison pure-protobuf 3.1.5, and protobuf 7.36.2 with protoc of
# grpcio-tools 1.85.1 (all PyPI).
#
# A negative int32 of Protocol Buffers is written as ten bytes, like the int64 of that value. Two messages one
# after another are one message: of a field the last value counts, but a message within is merged. In an entry
# of a map a writer may leave out a value of 0 or "", as prost does.
#
# Guess: packages that say that they read and write Protocol Buffers read what protobuf writes, and the other
# way round.
#
# Seen: protobug reads -1 as 18446744073709551615. It writes it as five bytes, and reads these as 4294967295,
# as pure-protobuf does. protobuf reads the five bytes as -1 if the field is an int32, and as 4294967295 if it
# has become an int64, which is a change that Protocol Buffers allow. A value that was left out of a map is
# None. protobug and pure-protobuf keep only the second part of an address that comes in two.
#
# Why it matters: a balance or a time zone's offset below zero is a large number, and no error is raised.
# Tests with numbers above zero pass.
# memberbase uses prost, which is right in all of it.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check protobug==1.0.0 pure-protobuf==3.1.5 \
  protobuf==7.36.2 grpcio-tools==1.85.1

cat >member.proto <<'PROTO'
syntax = "proto3";
message Address {
  string city = 1;
  string code = 2;
}
message Member {
  int32 balance = 1;
  Address address = 2;
  map<string, int32> visits = 3;
}
message MemberOfToday {
  int64 balance = 1;
}
PROTO
venv/bin/python -m grpc_tools.protoc -I. --python_out=. member.proto

cat >read.py <<'PY'
from dataclasses import dataclass
from typing import Annotated

import member_pb2
import protobug
from pure_protobuf.annotations import Field
from pure_protobuf.message import BaseMessage


@protobug.message
class Address:
    city: protobug.String | None = protobug.field(1, default=None)
    code: protobug.String | None = protobug.field(2, default=None)


@protobug.message
class Member:
    balance: protobug.Int32 | None = protobug.field(1, default=None)
    address: Address | None = protobug.field(2, default=None)
    visits: dict[protobug.String, protobug.Int32] = protobug.field(3, default_factory=dict)


@dataclass
class PureAddress(BaseMessage):
    city: Annotated[str | None, Field(1)] = None
    code: Annotated[str | None, Field(2)] = None


@dataclass
class PureMember(BaseMessage):
    balance: Annotated[int | None, Field(1)] = None
    address: Annotated[PureAddress | None, Field(2)] = None


def show(who, member):
    address, visits = member.address, dict(getattr(member, "visits", {}))
    print(f"  {who}: {member.balance}, {address and (address.city, address.code)}, {visits}")


city = member_pb2.Member(address=member_pb2.Address(city="Rome")).SerializeToString()
code = member_pb2.Member(address=member_pb2.Address(code="00100")).SerializeToString()
for what, data in (
    ("-1", member_pb2.Member(balance=-1).SerializeToString()),
    ("an address in two parts", city + code),
    ("a map with an entry whose 0 is left out", bytes.fromhex("1a050a0367796d")),
    ("-1 as protobug writes it", protobug.dumps(Member(balance=-1))),
):
    print(f"{what}: {data.hex()}")
    show("protobug", protobug.loads(data, Member))
    if not data.startswith(b"\x1a"):  # the map, which is not read by the class for pure-protobuf
        show("pure-protobuf", PureMember.loads(data))
    show("protobuf", member_pb2.Member.FromString(data))
data = protobug.dumps(Member(balance=-1))
print("the same as an int64, by protobuf:", member_pb2.MemberOfToday.FromString(data).balance)
PY
venv/bin/python read.py | tee seen

diff - seen <<'EXPECTED'
-1: 08ffffffffffffffffff01
  protobug: 18446744073709551615, None, {}
  pure-protobuf: -1, None, {}
  protobuf: -1, ('', ''), {}
an address in two parts: 12060a04526f6d65120712053030313030
  protobug: None, (None, '00100'), {}
  pure-protobuf: None, (None, '00100'), {}
  protobuf: 0, ('Rome', '00100'), {}
a map with an entry whose 0 is left out: 1a050a0367796d
  protobug: None, None, {'gym': None}
  protobuf: 0, ('', ''), {'gym': 0}
-1 as protobug writes it: 08ffffffff0f
  protobug: 4294967295, None, {}
  pure-protobuf: 4294967295, None, {}
  protobuf: -1, ('', ''), {}
the same as an int64, by protobuf: 4294967295
EXPECTED
