#!/usr/bin/env bash
# scim-patch leaves two primary addresses, and a replacement without a path takes away the surname.
#
# Versions: scim-patch 0.8.3 (npm); for comparison scim2-models 0.12.3 (PyPI).
#
# Identity systems change the members of a directory by PATCH requests of SCIM (RFC 7644, section 3.5.2). The
# two packages apply such a request to a member.
#
# Guess: they do what the RFC says. If a new address is primary, the others are not any more. Of a name only
# the parts that the request has are replaced, with a path and without one. Names of attributes have no case.
#
# Seen: scim-patch leaves both addresses primary. With `"path": "name"` it keeps the surname, but without a
# path, as several attributes are sent at once, the new first name is all that is left of the name.
# `Name.GivenName` makes a second attribute beside `name`. scim2-models does what the RFC says each time.
#
# Why it matters: letters go to the old address, or to whichever comes first, and the surname of everybody
# whose first name changes is gone.
# memberbase is not a server of SCIM: its PATCH names the fields that it writes (docs/publisher.md).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check scim2-models==0.12.3
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts scim-patch@0.8.3 >/dev/null

cat >member.json <<'JSON'
{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ann",
 "name": {"givenName": "Ann", "familyName": "Example"},
 "emails": [{"value": "ann@old.example", "type": "work", "primary": true}]}
JSON
cat >operations.json <<'JSON'
[{"op": "add", "path": "emails", "value": [{"value": "ann@new.example", "type": "home", "primary": true}]},
 {"op": "replace", "path": "emails[type eq \"work\"].value", "value": "ann@new.example"},
 {"op": "replace", "path": "name", "value": {"givenName": "Anna"}},
 {"op": "replace", "value": {"name": {"givenName": "Anna"}}},
 {"op": "replace", "path": "name.givenName", "value": "Anna"},
 {"op": "replace", "path": "Name.GivenName", "value": "Anna"}]
JSON
cat >patch.cjs <<'JS'
const { readFileSync } = require('node:fs');
const { scimPatch } = require('scim-patch');

const [member, operations] = ['member.json', 'operations.json'].map((name) => JSON.parse(readFileSync(name)));
console.log(JSON.stringify(operations.map((operation) => scimPatch(structuredClone(member), [operation]))));
JS
cat >patch.py <<'PY'
import json
import subprocess

from scim2_models import EnterpriseUser, PatchOp, User

Member = User[EnterpriseUser]
SCHEMA = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


def shown(member):
    emails = [f"{email['value']}{' (primary)' * bool(email.get('primary'))}" for email in member["emails"]]
    names = {key: value for key, value in member.items() if key.lower() == "name"}
    return f"{json.dumps(names)}, {', '.join(emails)}"


by_node = json.loads(subprocess.check_output(["node", "patch.cjs"]))
for operation, node in zip(json.load(open("operations.json")), by_node, strict=True):
    member = Member.model_validate(json.load(open("member.json")))
    PatchOp[Member].model_validate({"schemas": [SCHEMA], "Operations": [operation]}).patch(member)
    print(json.dumps(operation))
    print("  scim-patch:  ", shown(node))
    print("  scim2-models:", shown(member.model_dump(exclude_none=True)))
PY
venv/bin/python patch.py | tee seen

diff - seen <<'EXPECTED'
{"op": "add", "path": "emails", "value": [{"value": "ann@new.example", "type": "home", "primary": true}]}
  scim-patch:   {"name": {"givenName": "Ann", "familyName": "Example"}}, ann@old.example (primary), ann@new.example (primary)
  scim2-models: {"name": {"familyName": "Example", "givenName": "Ann"}}, ann@old.example, ann@new.example (primary)
{"op": "replace", "path": "emails[type eq \"work\"].value", "value": "ann@new.example"}
  scim-patch:   {"name": {"givenName": "Ann", "familyName": "Example"}}, ann@new.example (primary)
  scim2-models: {"name": {"familyName": "Example", "givenName": "Ann"}}, ann@new.example (primary)
{"op": "replace", "path": "name", "value": {"givenName": "Anna"}}
  scim-patch:   {"name": {"givenName": "Anna", "familyName": "Example"}}, ann@old.example (primary)
  scim2-models: {"name": {"familyName": "Example", "givenName": "Anna"}}, ann@old.example (primary)
{"op": "replace", "value": {"name": {"givenName": "Anna"}}}
  scim-patch:   {"name": {"givenName": "Anna"}}, ann@old.example (primary)
  scim2-models: {"name": {"familyName": "Example", "givenName": "Anna"}}, ann@old.example (primary)
{"op": "replace", "path": "name.givenName", "value": "Anna"}
  scim-patch:   {"name": {"givenName": "Anna", "familyName": "Example"}}, ann@old.example (primary)
  scim2-models: {"name": {"familyName": "Example", "givenName": "Anna"}}, ann@old.example (primary)
{"op": "replace", "path": "Name.GivenName", "value": "Anna"}
  scim-patch:   {"name": {"givenName": "Ann", "familyName": "Example"}, "Name": {"GivenName": "Anna"}}, ann@old.example (primary)
  scim2-models: {"name": {"familyName": "Example", "givenName": "Anna"}}, ann@old.example (primary)
EXPECTED
