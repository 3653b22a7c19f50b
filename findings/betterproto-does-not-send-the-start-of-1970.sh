#!/usr/bin/env bash
# betterproto does not send a timestamp of 1970-01-01, and shows a missing one as 1970-01-01.
#
# Versions: betterproto 1.2.5 (the stable release) and 2.0.0b7, each read with protobuf 7.36.2.
#
# In Protocol Buffers a message field is either there or not. A `google.protobuf.Timestamp` that is there and
# has only zeros is 1970-01-01T00:00:00Z, and not the same as none.
#
# Guess: a field without a value is None, and one with 1970-01-01T00:00:00Z is sent.
#
# Seen: both releases take that instant, and a duration of zero, for "no value". They send nothing, and
# neither does their JSON have the field. A missing timestamp is read as 1970-01-01T00:00:00Z. They also send
# a duration of -0.5 s as +0.5 s, although their JSON says -0.500s.
#
# Why it matters: a date of birth or of joining on that day is cleared, or stays what it was. The other way
# round, members without a date seem to have one.
# memberbase has dates as text on its interfaces (`1970-01-01`). Its timestamps are those of changes and
# lists, and one that is missing is not 1970.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >send.py <<'PY'
import importlib.metadata
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import betterproto
from google.protobuf import descriptor_pb2, descriptor_pool, duration_pb2, message_factory, timestamp_pb2


@dataclass
class Member(betterproto.Message):
    joined: datetime = betterproto.message_field(1)
    trial: timedelta = betterproto.message_field(2)


def made_by_protobuf():
    """The same message, made by protobuf itself."""
    file = descriptor_pb2.FileDescriptorProto(name="member.proto", syntax="proto3")
    message = file.message_type.add(name="Member")
    for name, number, kind in ("joined", 1, timestamp_pb2.Timestamp), ("trial", 2, duration_pb2.Duration):
        file.dependency.append(kind.DESCRIPTOR.file.name)
        message.field.add(name=name, number=number, type=11, type_name=kind.DESCRIPTOR.full_name)
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("Member"))


Read = made_by_protobuf()
version = importlib.metadata.version("betterproto")
for sent in (
    Member(joined=datetime(1970, 1, 1, tzinfo=timezone.utc)),
    Member(joined=datetime(1970, 1, 2, tzinfo=timezone.utc)),
    Member(trial=timedelta(0)),
    Member(trial=timedelta(seconds=-0.5)),
):
    read = Read.FromString(bytes(sent))
    shown = [f"{field.name} {value.ToJsonString()}" for field, value in read.ListFields()]
    print(version, "sends", sent.to_json(), "and protobuf reads", *(shown or ["nothing"]))
print(version, "reads a missing timestamp as", Member().parse(b"").joined.isoformat())
PY

for version in 1.2.5 2.0.0b7; do
    python3 -m venv "venv-$version"
    "venv-$version/bin/pip" install --quiet --disable-pip-version-check \
        "betterproto==$version" protobuf==7.36.2
    "venv-$version/bin/python" send.py
done | tee seen

diff - seen <<'EXPECTED'
1.2.5 sends {} and protobuf reads nothing
1.2.5 sends {"joined": "1970-01-02T00:00:00Z"} and protobuf reads joined 1970-01-02T00:00:00Z
1.2.5 sends {} and protobuf reads nothing
1.2.5 sends {"trial": "-0.500s"} and protobuf reads trial 0.500s
1.2.5 reads a missing timestamp as 1970-01-01T00:00:00+00:00
2.0.0b7 sends {} and protobuf reads nothing
2.0.0b7 sends {"joined": "1970-01-02T00:00:00Z"} and protobuf reads joined 1970-01-02T00:00:00Z
2.0.0b7 sends {} and protobuf reads nothing
2.0.0b7 sends {"trial": "-0.500s"} and protobuf reads trial 0.500s
2.0.0b7 reads a missing timestamp as 1970-01-01T00:00:00+00:00
EXPECTED
