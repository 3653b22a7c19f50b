#!/usr/bin/env bash
# connectrpc reads a tier that it does not know as no tier, if the call is JSON, and answers 200.
#
# Versions: connectrpc 0.13.0 with protobuf-py 0.7.0, protoc-gen-connectrpc 0.13.0 and protoc-gen-py 0.7.0,
# and protoc of grpcio-tools 1.85.1; for comparison protobuf 7.36.2 (all PyPI).
#
# A client may be newer than the server, and have a value of an enum that the server lacks: TIER_PLATINUM, 2.
# In binary the server sees the number 2, which it keeps, or refuses. Connect takes the same calls as JSON,
# where the value is its name, or its number.
#
# Guess: the server refuses the name, as protobuf-py alone does, and keeps the number, as in binary.
#
# Seen: connectrpc ignores unknown fields in JSON, so that newer clients can call it. With this option of
# protobuf-py an unknown name of an enum is ignored as well, as if it had not been sent: the tier is
# TIER_UNSPECIFIED. So is the number 2, which protobuf-py keeps without the option, and Google's package with
# its own. Of a list of tiers the unknown ones are missing. The handler cannot tell it from a call without the
# field. With a codec that has `ignore_unknown_fields=False` the name is refused and the number kept, and a
# call with an unknown field is refused.
#
# Why it matters: an update with the field mask `tier` clears the tier of the best members, and nobody sees an
# error. The same client in binary does no harm.
# memberbase's tiers are texts, and no enum.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check connectrpc==0.13.0 protobuf-py==0.7.0 \
    protoc-gen-connectrpc==0.13.0 protoc-gen-py==0.7.0 grpcio-tools==1.85.1 protobuf==7.36.2

mkdir gen
cat >member.proto <<'PROTO'
syntax = "proto3";
package member.v1;
enum Tier { TIER_UNSPECIFIED = 0; TIER_GOLD = 1; }
message Member { Tier tier = 1; repeated Tier past = 2; }
service Members { rpc Update(Member) returns (Member); }
PROTO
PATH="$dir/venv/bin:$PATH" python -m grpc_tools.protoc -I. --py_out=gen --python_out=gen --connectrpc_out=gen \
    member.proto

cat >serve.py <<'PY'
import io
from wsgiref.util import setup_testing_defaults

import gen.member_pb2
from connectrpc.codec import proto_json_codec
from gen.member_connect import MembersSync, MembersWSGIApplication
from gen.member_pb import Member
from google.protobuf import json_format


class Members(MembersSync):
    def update(self, request, ctx):
        print("    handler:", request)
        return request


def call(app, kind, body):
    environ = {}
    setup_testing_defaults(environ)
    environ |= {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/member.v1.Members/Update",
        "CONTENT_TYPE": f"application/{kind}",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
    }
    statuses = []
    reply = b"".join(app(environ, lambda status, headers, error=None: statuses.append(status)))
    print("   ", statuses[0], reply)


app = MembersWSGIApplication(Members())
for kind, body in (
    ("proto", b"\x08\x02"),
    ("json", b'{"tier": "TIER_GOLD"}'),
    ("json", b'{"tier": 2}'),
    ("json", b'{"tier": "TIER_PLATINUM"}'),
    ("json", b'{"past": ["TIER_PLATINUM", "TIER_GOLD"]}'),
):
    print(kind, body)
    call(app, kind, body)
try:
    Member.from_json('{"tier": "TIER_PLATINUM"}')
except ValueError as error:
    print("protobuf-py alone, the name:", error)
print("protobuf-py alone, the number:", Member.from_json('{"tier": 2}'))
print("protobuf-py with its option:", Member.from_json('{"tier": 2}', ignore_unknown_fields=True))
google = gen.member_pb2.Member()
json_format.Parse('{"tier": 2}', google, ignore_unknown_fields=True)
print("protobuf with its option:", str(google).strip())
print("connectrpc with ignore_unknown_fields=False:")
strict = MembersWSGIApplication(Members(), codecs=[proto_json_codec(ignore_unknown_fields=False)])
call(strict, "json", b'{"tier": "TIER_PLATINUM"}')
call(strict, "json", b'{"tier": 2}')
PY
venv/bin/python serve.py | tee seen

diff - seen <<'EXPECTED'
proto b'\x08\x02'
    handler: Member(tier=Tier(2))
    200 OK b'\x08\x02'
json b'{"tier": "TIER_GOLD"}'
    handler: Member(tier=Tier.GOLD)
    200 OK b'{"tier":"TIER_GOLD"}'
json b'{"tier": 2}'
    handler: Member()
    200 OK b'{}'
json b'{"tier": "TIER_PLATINUM"}'
    handler: Member()
    200 OK b'{}'
json b'{"past": ["TIER_PLATINUM", "TIER_GOLD"]}'
    handler: Member(past=[Tier.GOLD])
    200 OK b'{"past":["TIER_GOLD"]}'
protobuf-py alone, the name: cannot decode member.v1.Tier from JSON: TIER_PLATINUM
protobuf-py alone, the number: Member(tier=Tier(2))
protobuf-py with its option: Member()
protobuf with its option: tier: 2
connectrpc with ignore_unknown_fields=False:
    400 Bad Request b'{"code": "invalid_argument", "message": "unmarshal message: cannot decode member.v1.Tier from JSON: TIER_PLATINUM"}'
    handler: Member(tier=Tier(2))
    200 OK b'{"tier":2}'
EXPECTED
