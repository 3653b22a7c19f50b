#!/usr/bin/env bash
# proto3-json-serializer does not translate the names of a field mask, so the mask names no field.
#
# Versions: proto3-json-serializer 4.1.0 with protobufjs 7.5.4; for comparison protobuf 7.36.2 of Python, and
# @bufbuild/protobuf 2.13.0.
#
# A `google.protobuf.FieldMask` lists fields, as `first_name`. In JSON it is one text, with the names in
# lowerCamelCase: `firstName`.
#
# Guess: the package reads `firstName` as `first_name`, and writes it so.
#
# Seen: it reads it as `firstName`, which is no field, and writes `first_name`, which is no JSON of a field
# mask: Python and @bufbuild/protobuf refuse to read it. It reads the empty mask as a mask of one empty name.
# A name of one word, such as `email`, goes through. A field such as `address_line_1` has no form in the JSON
# of a mask, and the other two refuse to write it, where this package does.
#
# Why it matters: a JSON gateway that uses the package passes an update on, and the server refuses the mask or
# writes nothing. Tests with `email` pass.
# memberbase refuses a mask with a path that is no field (docs/grpc.md), and takes a mask without paths for no
# mask.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check protobuf==7.36.2
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts proto3-json-serializer@4.1.0 protobufjs@7.5.4 \
    @bufbuild/protobuf@2.13.0 >/dev/null

cat >mask.js <<'JS'
const protobuf = require('protobufjs');
const { fromProto3JSON, toProto3JSON } = require('proto3-json-serializer');
const { create, fromJson, toJson } = require('@bufbuild/protobuf');
const { FieldMaskSchema } = require('@bufbuild/protobuf/wkt');

const root = protobuf.Root.fromJSON(protobuf.common.get('google/protobuf/field_mask.proto'));
const Mask = root.lookupType('google.protobuf.FieldMask');
const show = (name, call) => {
  let result;
  try {
    result = JSON.stringify(call());
  } catch (error) {
    result = 'refused';
  }
  console.log(`${name}: ${result}`);
};
for (const text of ['email', 'firstName', 'first_name', '']) {
  show(`proto3-json-serializer reads "${text}"`, () => fromProto3JSON(Mask, text).paths);
  show(`@bufbuild/protobuf reads "${text}"`, () => fromJson(FieldMaskSchema, text).paths);
}
for (const path of ['email', 'first_name', 'address_line_1']) {
  show(`proto3-json-serializer writes ${path}`, () => toProto3JSON(Mask.fromObject({ paths: [path] })));
  const mask = create(FieldMaskSchema, { paths: [path] });
  show(`@bufbuild/protobuf writes ${path}`, () => toJson(FieldMaskSchema, mask));
}
JS
node mask.js | tee seen

venv/bin/python - <<'PY' | tee -a seen
from google.protobuf.field_mask_pb2 import FieldMask

for text in "email", "firstName", "first_name", "":
    mask = FieldMask()
    try:
        mask.FromJsonString(text)
        print(f'Python reads "{text}":', list(mask.paths))
    except ValueError:
        print(f'Python reads "{text}": refused')
for path in "email", "first_name", "address_line_1":
    try:
        print(f"Python writes {path}:", FieldMask(paths=[path]).ToJsonString())
    except ValueError:
        print(f"Python writes {path}: refused")
PY

diff - seen <<'EXPECTED'
proto3-json-serializer reads "email": ["email"]
@bufbuild/protobuf reads "email": ["email"]
proto3-json-serializer reads "firstName": ["firstName"]
@bufbuild/protobuf reads "firstName": ["first_name"]
proto3-json-serializer reads "first_name": ["first_name"]
@bufbuild/protobuf reads "first_name": refused
proto3-json-serializer reads "": [""]
@bufbuild/protobuf reads "": []
proto3-json-serializer writes email: "email"
@bufbuild/protobuf writes email: "email"
proto3-json-serializer writes first_name: "first_name"
@bufbuild/protobuf writes first_name: "firstName"
proto3-json-serializer writes address_line_1: "address_line_1"
@bufbuild/protobuf writes address_line_1: refused
Python reads "email": ['email']
Python reads "firstName": ['first_name']
Python reads "first_name": refused
Python reads "": []
Python writes email: email
Python writes first_name: firstName
Python writes address_line_1: refused
EXPECTED
