#!/usr/bin/env bash
# ts-proto turns an enum value that it does not know into -1, once a message has been kept as its JSON.
#
# Versions: ts-proto 2.18.0 with protoc of grpcio-tools 1.85.1 and esbuild 0.28.2; for comparison protobuf
# 7.36.2 of Python, and @bufbuild/protobuf 2.13.0.
#
# A server may know a status that its older client does not. On the wire it is a number, which a client keeps
# and sends back as it was. In the JSON of Protocol Buffers a value without a name is that number too.
#
# Guess: 7 is kept as 7 on the wire and in JSON.
#
# Seen: the wire is right. But toJSON() of ts-proto's code writes "UNRECOGNIZED", and fromJSON() reads that as
# -1. So a member that was kept as JSON in between, as in a cache or a queue, goes back with the status -1.
# Python and @bufbuild/protobuf write and read 7. Python refuses "UNRECOGNIZED".
#
# Why it matters: to add a status to the server breaks programs that only copy members. -1 is no status
# anywhere, and nothing is left of what it was.
# The status of memberbase's members is text (`member.proto`), so such a client keeps one that it does not
# know.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check grpcio-tools==1.85.1 protobuf==7.36.2
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts ts-proto@2.18.0 esbuild@0.28.2 \
    @bufbuild/protobuf@2.13.0 @bufbuild/protoc-gen-es@2.13.0 >/dev/null

cat >member.proto <<'PROTO'
syntax = "proto3";
enum Status { STATUS_UNSPECIFIED = 0; STATUS_ACTIVE = 1; }
message Member { string ref = 1; Status status = 2; }
PROTO
venv/bin/python -m grpc_tools.protoc -I. --python_out=. \
    --plugin=node_modules/.bin/protoc-gen-ts_proto --ts_proto_out=. \
    --plugin=node_modules/.bin/protoc-gen-es --es_out=. --es_opt=target=js member.proto

cat >copy.ts <<'TS'
import { fromBinary, fromJsonString, toBinary, toJsonString } from '@bufbuild/protobuf';
import { Member } from './member';
import { MemberSchema } from './member_pb.js';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const sent = Uint8Array.from(Buffer.from('0a0241311007', 'hex'));

const read = Member.decode(sent);
console.log('ts-proto: read', read.status, 'and sent back', hex(Member.encode(read).finish()));
const kept = JSON.stringify(Member.toJSON(read));
const again = Member.fromJSON(JSON.parse(kept));
console.log('ts-proto: kept as', kept, 'and sent back', hex(Member.encode(again).finish()), again.status);

const text = toJsonString(MemberSchema, fromBinary(MemberSchema, sent));
const back = toBinary(MemberSchema, fromJsonString(MemberSchema, text));
console.log('protobuf-es: kept as', text, 'and sent back', hex(back));
TS
node_modules/.bin/esbuild copy.ts --bundle --platform=node --outfile=copy.js --log-level=error
node copy.js | tee seen

venv/bin/python - <<'PY' | tee -a seen
from google.protobuf import json_format
from member_pb2 import Member

kept = json_format.MessageToJson(Member.FromString(bytes.fromhex("0a0241311007")), indent=None)
print("python: kept as", kept, "and sent back", json_format.Parse(kept, Member()).SerializeToString().hex())
try:
    json_format.Parse('{"ref":"A1","status":"UNRECOGNIZED"}', Member())
except json_format.ParseError as error:
    print("python:", str(error).split(" at ")[0])
PY

diff - seen <<'EXPECTED'
ts-proto: read 7 and sent back 0a0241311007
ts-proto: kept as {"ref":"A1","status":"UNRECOGNIZED"} and sent back 0a02413110ffffffffffffffffff01 -1
protobuf-es: kept as {"ref":"A1","status":7} and sent back 0a0241311007
python: kept as {"ref": "A1", "status": 7} and sent back 0a0241311007
python: Failed to parse status field: Invalid enum value UNRECOGNIZED for enum type Status
EXPECTED
