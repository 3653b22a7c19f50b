#!/usr/bin/env bash
# proto3-json-serializer turns a BoolValue of false into null, which means that nothing was said.
#
# Versions: proto3-json-serializer 4.1.0 with protobufjs 7.5.4; for comparison protobuf 7.36.2 of Python.
#
# The wrappers of Protocol Buffers, such as `google.protobuf.BoolValue`, exist to tell "false" from "not
# said", and "" from "not said". In JSON a wrapper is its bare value, and one that is absent is left out or
# null.
#
# Guess: a wrapper that holds false, 0 or "" is written as false, 0 or "".
#
# Seen: each of them is written as null. The package, which Google's own clients for Node.js use, looks at the
# value only if it is on the wire, and there false, 0 and "" are not sent. Python writes the same bytes as
# false, 0 and "". Python also reads null as "absent", so a message that goes through JSON once has lost the
# field.
#
# Why it matters: a member said no, and the record says that nobody asked. The other way round, an update that
# sets a phone number to "" no longer has a phone number in it, and changes nothing.
# memberbase's messages have `optional` fields and no wrappers.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check protobuf==7.36.2 grpcio-tools==1.85.1
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts proto3-json-serializer@4.1.0 protobufjs@7.5.4 \
    >/dev/null

cat >member.proto <<'PROTO'
syntax = "proto3";
import "google/protobuf/wrappers.proto";
message Member {
  google.protobuf.BoolValue newsletter = 1;
  google.protobuf.StringValue phone = 2;
  google.protobuf.Int32Value visits = 3;
}
PROTO
venv/bin/python -m grpc_tools.protoc -I. --python_out=. member.proto

cat >sent.py <<'PY'
import sys

from google.protobuf.json_format import MessageToJson, Parse
from member_pb2 import Member

if sys.argv[1:]:
    read = Parse(sys.stdin.read(), Member())
    print("read again by Python:", MessageToJson(read, indent=None))
else:
    sent = Parse('{"newsletter": false, "phone": "", "visits": 0}', Member())
    print("Python:", MessageToJson(sent, indent=None))
    open("member", "wb").write(sent.SerializeToString())
PY
cat >copy.js <<'JS'
const { readFileSync, writeFileSync } = require('fs');
const protobuf = require('protobufjs');
const { toProto3JSON } = require('proto3-json-serializer');

const Member = protobuf.loadSync('member.proto').lookupType('Member');
const json = JSON.stringify(toProto3JSON(Member.decode(readFileSync('member'))));
console.log('proto3-json-serializer:', json);
writeFileSync('member.json', json);
JS
{
    venv/bin/python sent.py
    node copy.js
    venv/bin/python sent.py again <member.json
} | tee seen

diff - seen <<'EXPECTED'
Python: {"newsletter": false, "phone": "", "visits": 0}
proto3-json-serializer: {"newsletter":null,"phone":null,"visits":null}
read again by Python: {}
EXPECTED
