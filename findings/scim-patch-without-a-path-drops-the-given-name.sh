#!/usr/bin/env bash
# scim-patch drops a member's given name when a patch without a path sets the family name.
#
# Versions: scim-patch 0.8.3.
#
# A PATCH of SCIM may name its target in `path`, or have attributes of the whole member as its value (RFC
# 7644, section 3.5.2). `name` has parts, and parts that a patch does not mention are left unchanged.
#
# Guess: {"path": "name", "value": {"familyName": …}} and {"value": {"name": {"familyName": …}}} do the same.
#
# Seen: with the path the given name stays. Without it the whole `name` is replaced, also for "add", and the
# given name is gone. {"value": {"name.familyName": …}}, a notation that the RFC does not have, keeps it.
#
# Why it matters: some HR systems send every part of a name in its own operation without a path. Whichever
# comes last is then all that is left of the name.
# memberbase takes first and last name as two fields, and a field that a PATCH does not have stays
# (docs/onsi.md, "Fields").
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts scim-patch@0.8.3 >/dev/null

cat >patch.js <<'JS'
const { scimPatch } = require('scim-patch');

const member = () => ({
  schemas: ['urn:ietf:params:scim:schemas:core:2.0:User'],
  userName: 'ann',
  name: { givenName: 'Ann', familyName: 'Example' },
  meta: { resourceType: 'User', created: new Date(0), lastModified: new Date(0) },
});

for (const op of ['replace', 'add']) {
  const ways = {
    'with path': [{ op, path: 'name', value: { familyName: 'Beispiel' } }],
    'without path': [{ op, value: { name: { familyName: 'Beispiel' } } }],
    'without path, dotted': [{ op, value: { 'name.familyName': 'Beispiel' } }],
    'without path, part by part': [
      { op, value: { name: { familyName: 'Beispiel' } } },
      { op, value: { name: { givenName: 'Anne' } } },
    ],
  };
  for (const [way, operations] of Object.entries(ways)) {
    const { givenName = '(none)', familyName = '(none)' } = scimPatch(member(), operations).name;
    console.log(`${op} ${way}: ${givenName} ${familyName}`);
  }
}
JS
node patch.js | tee seen

diff - seen <<'EXPECTED'
replace with path: Ann Beispiel
replace without path: (none) Beispiel
replace without path, dotted: Ann Beispiel
replace without path, part by part: Anne (none)
add with path: Ann Beispiel
add without path: (none) Beispiel
add without path, dotted: Ann Beispiel
add without path, part by part: Anne (none)
EXPECTED
