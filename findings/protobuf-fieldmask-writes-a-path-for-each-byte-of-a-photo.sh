#!/usr/bin/env bash
# protobuf-fieldmask writes a path for each byte of a photo, and for each half of a number.
#
# Versions: protobuf-fieldmask 2.0.0 with protobufjs 7.5.4 (npm), read by protobuf 7.36.2 (PyPI).
#
# A `google.protobuf.FieldMask` lists the fields that an update writes, as paths of field names with dots.
# protobuf-fieldmask makes the list from the object of the update, and copies the fields of a list.
#
# Guess: the mask of a member with a photo, points and an empty address is `photo`, `points` and `address`.
#
# Seen: `photo.0`, `photo.1` and so on, one path for each byte, and `points.low`, `points.high` and
# `points.unsigned`, because protobufjs keeps an int64 as an object of two halves. There is no path for the
# empty address, nor for an empty map, so an update cannot clear either. The key "shoe.size" of a map is
# `attributes.shoe\.size`, where the text of AIP-161 has backticks. For Python no such path is valid, and
# `MergeMessage` ends with an error, also for the e-mail address in the same mask. `firstName` is not
# translated to `first_name`, which in protobufjs is an option (`keepCase`).
#
# Why it matters: with texts alone, as in its README, all is right. A member with a photo of 100 kB has a mask
# of 100,000 paths, ten times the size of the photo.
# memberbase refuses a path that it does not know, and names it (docs/grpc.md, "Changing some fields of a
# member").
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check protobuf==7.36.2 grpcio-tools==1.85.1
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts protobuf-fieldmask@2.0.0 protobufjs@7.5.4 >/dev/null

cat >member.proto <<'PROTO'
syntax = "proto3";
message Address { string city = 1; }
message Member {
  string email = 1;
  bytes photo = 2;
  int64 points = 3;
  Address address = 4;
  map<string, string> attributes = 5;
}
PROTO
venv/bin/python -m grpc_tools.protoc -I. --python_out=. member.proto

cat >mask.js <<'JS'
const { writeFileSync } = require('fs');
const protobuf = require('protobufjs');
const { applyFieldMask, generateFieldMask } = require('protobuf-fieldmask');

const Member = protobuf.loadSync('member.proto').lookupType('Member');
const update = (fields) => Member.decode(Member.encode(Member.fromObject(fields)).finish());

const text = update({ email: 'ann@example.com', address: { city: 'Oslo' } });
console.log('texts:', generateFieldMask(text).sort().join(' '));
const member = update({
  email: 'ann@example.com',
  photo: Buffer.from([137, 80, 78]),
  points: 44,
  address: {},
  attributes: { 'shoe.size': '44' },
});
const paths = generateFieldMask(member).sort();
console.log('others:', paths.join(' '));
console.log('copied:', JSON.stringify(applyFieldMask(member, ['photo.0', 'photo.1'])));
const large = generateFieldMask(update({ photo: Buffer.alloc(100000) }));
console.log('paths for a photo of 100,000 bytes:', large.length, 'of', large.join('').length, 'bytes');
writeFileSync('paths.json', JSON.stringify(paths));
JS
cat >merge.py <<'PY'
import json

from google.protobuf.field_mask_pb2 import FieldMask
from member_pb2 import Member

with open("paths.json") as file:
    paths = json.load(file)
print("valid:", [path for path in paths if FieldMask(paths=[path]).IsValidForDescriptor(Member.DESCRIPTOR)])
stored = Member()
try:
    FieldMask(paths=paths).MergeMessage(Member(email="ann@example.com", photo=b"PNG", points=44), stored)
except ValueError as error:
    print("merged:", error)
print("stored:", stored)
PY
{
    node mask.js
    venv/bin/python merge.py
} | tee seen

diff - seen <<'EXPECTED'
texts: address.city email
others: attributes.shoe\.size email photo.0 photo.1 photo.2 points.high points.low points.unsigned
copied: {"photo":[137,80]}
paths for a photo of 100,000 bytes: 100000 of 1088890 bytes
valid: ['email']
merged: Error: Field attributes in message Member is not a singular message field and cannot have sub-fields.
stored: 
EXPECTED
