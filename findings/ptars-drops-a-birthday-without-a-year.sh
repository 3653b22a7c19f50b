#!/usr/bin/env bash
# ptars and protarrow drop a birthday without a year, and ptars moves the end of the year 9999 to 2262.
#
# Versions: ptars 0.0.25 and protarrow 0.16.0, with pyarrow 26.0.1, protobuf 7.36.2, protoc of grpcio-tools
# 1.85.1 and googleapis-common-protos 1.76.0 (all PyPI).
#
# Both turn messages of Protocol Buffers into tables of Arrow, and back. In a `google.type.Date` a year of 0
# stands for a birthday without its year, and a month of 0 for a year alone, as its comments say. The last
# `google.protobuf.Timestamp` is in the year 9999, and is often written where a membership has no end.
#
# Guess: a member is the same after the way to a table and back.
#
# Seen: with both, February 29 without a year comes back as a date of nothing. With ptars the year 1990 is
# January 1, 1990, and the years 1 and 9999 are moments in 1677 and 2262, the first and last that 64 bits of
# nanoseconds can say; protarrow raises an error for these. Minus one and a half seconds comes back from
# protarrow as minus two seconds and plus a half, which Protocol Buffers forbids, and JSON refuses.
#
# Why it matters: the copy of a directory in a data warehouse has members without birthdays, children born on
# January 1, and memberships that end in 2262, and no step reports it.
# memberbase takes a date of birth only whole (member.proto).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check ptars==0.0.25 protarrow==0.16.0 pyarrow==26.0.1 \
  protobuf==7.36.2 googleapis-common-protos==1.76.0 grpcio-tools==1.85.1

cat >member.proto <<'PROTO'
syntax = "proto3";
import "google/protobuf/duration.proto";
import "google/protobuf/timestamp.proto";
import "google/type/date.proto";
message Member {
  google.type.Date born = 1;
  google.protobuf.Timestamp ends = 2;
  google.protobuf.Duration grace = 3;
}
PROTO
packages=$(venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
venv/bin/python -m grpc_tools.protoc -I. -I"$packages" --python_out=. member.proto

cat >table.py <<'PY'
import protarrow
import ptars
from google.protobuf import json_format
from member_pb2 import Member

handler = ptars.HandlerPool([Member.DESCRIPTOR.file])


def by_ptars(member):
    batch = handler.messages_to_record_batch([member], Member.DESCRIPTOR)
    return handler.record_batch_to_messages(batch, Member.DESCRIPTOR)[0]


def by_protarrow(member):
    return protarrow.table_to_messages(protarrow.messages_to_table([member], Member), Member)[0]


def text(member):
    try:
        return json_format.MessageToJson(member, indent=None)
    except json_format.SerializeToJsonError as error:
        return f"no JSON ({error})"


for json in (
    '{"born": {"year": 1990, "month": 2, "day": 28}}',
    '{"born": {"month": 2, "day": 29}}',
    '{"born": {"year": 1990}}',
    '{"ends": "2026-12-31T23:59:59Z"}',
    '{"ends": "9999-12-31T23:59:59Z"}',
    '{"ends": "0001-01-01T00:00:00Z"}',
    '{"grace": "1.500s"}',
    '{"grace": "-1.500s"}',
):
    member = json_format.Parse(json, Member())
    print(json)
    for name, convert in (("ptars", by_ptars), ("protarrow", by_protarrow)):
        try:
            seen = text(convert(member))
        except (OverflowError, ValueError) as error:
            seen = type(error).__name__
        print(f"  {name}: {seen}")
PY
venv/bin/python table.py | tee seen

diff - seen <<'EXPECTED'
{"born": {"year": 1990, "month": 2, "day": 28}}
  ptars: {"born": {"year": 1990, "month": 2, "day": 28}}
  protarrow: {"born": {"year": 1990, "month": 2, "day": 28}}
{"born": {"month": 2, "day": 29}}
  ptars: {"born": {}}
  protarrow: {"born": {}}
{"born": {"year": 1990}}
  ptars: {"born": {"year": 1990, "month": 1, "day": 1}}
  protarrow: ValueError
{"ends": "2026-12-31T23:59:59Z"}
  ptars: {"ends": "2026-12-31T23:59:59Z"}
  protarrow: {"ends": "2026-12-31T23:59:59Z"}
{"ends": "9999-12-31T23:59:59Z"}
  ptars: {"ends": "2262-04-11T23:47:16.854775807Z"}
  protarrow: OverflowError
{"ends": "0001-01-01T00:00:00Z"}
  ptars: {"ends": "1677-09-21T00:12:43.145224192Z"}
  protarrow: OverflowError
{"grace": "1.500s"}
  ptars: {"grace": "1.500s"}
  protarrow: {"grace": "1.500s"}
{"grace": "-1.500s"}
  ptars: {"grace": "-1.500s"}
  protarrow: no JSON (Failed to serialize grace field: Duration is not valid: Sign mismatch..)
EXPECTED
