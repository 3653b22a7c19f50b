#!/usr/bin/env bash
# json-diff-ts adds and removes everybody but O'Brien, once its changes have been made atomic.
#
# Versions: json-diff-ts 4.10.4 (npm).
#
# The package compares two objects, and finds the same member in two lists by a key, such as `id`. For storing
# and sending, it turns the changes into a list of single ones, each with the path of what it changes, such as
# `$.members[?(@.id=='ann')].name`, and this list into changes again. Its README says that this goes both
# ways.
#
# Guess: the changes are the same afterwards, or a key that a path cannot have is an error.
#
# Seen: with an apostrophe in the key the change of a name is right. But a member who was added, or removed,
# has a path that ends with the key a second time, `[?(@.id=='o''brien')].o'brien`, and is read as a change of
# the field `o'brien`, which the list does not have. Applied, this changes nothing, and nothing is said. If
# the changes are not made atomic, they are right. Keys with dots, brackets and quotes are right both ways.
#
# Why it matters: keys are often e-mail addresses or user names, in which an apostrophe is rare and allowed.
# The copy has all other members, and lacks o'brien@example.com for ever, or keeps her after she has left.
# memberbase's plans name members by their keys, which are not part of a text (docs/sync.md).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts json-diff-ts@4.10.4 >/dev/null

cat >atomic.cjs <<'JS'
const { applyChangeset, atomizeChangeset, diff, unatomizeChangeset } = require('json-diff-ts');

const list = (...members) => ({ members: members.map(([id, name]) => ({ id, name })) });
const shown = (changed) => changed.members.map(({ id, name }) => `${id} (${name})`).join(', ');
for (const id of ['ann@example.com', 'ann"(red)"[1]@example.com', "o'brien@example.com"]) {
  const cases = {
    added: [list(['ben', 'Ben']), list(['ben', 'Ben'], [id, 'Pat'])],
    renamed: [list(['ben', 'Ben'], [id, 'Pat']), list(['ben', 'Ben'], [id, 'Pam'])],
    removed: [list(['ben', 'Ben'], [id, 'Pat']), list(['ben', 'Ben'])],
  };
  for (const [what, [from, to]] of Object.entries(cases)) {
    const changes = diff(from, to, { embeddedObjKeys: { members: 'id' } });
    const atomic = atomizeChangeset(changes);
    const copy = structuredClone(from);
    console.log(`${what}: ${atomic.map(({ path }) => path).join()}`);
    console.log(`  as they are: ${shown(applyChangeset(structuredClone(from), changes))}`);
    console.log(`  made atomic: ${shown(applyChangeset(copy, unatomizeChangeset(atomic)))}`);
  }
}
JS
node atomic.cjs | tee seen

diff - seen <<'EXPECTED'
added: $.members[?(@.id=='ann@example.com')]
  as they are: ben (Ben), ann@example.com (Pat)
  made atomic: ben (Ben), ann@example.com (Pat)
renamed: $.members[?(@.id=='ann@example.com')].name
  as they are: ben (Ben), ann@example.com (Pam)
  made atomic: ben (Ben), ann@example.com (Pam)
removed: $.members[?(@.id=='ann@example.com')]
  as they are: ben (Ben)
  made atomic: ben (Ben)
added: $.members[?(@.id=='ann"(red)"[1]@example.com')]
  as they are: ben (Ben), ann"(red)"[1]@example.com (Pat)
  made atomic: ben (Ben), ann"(red)"[1]@example.com (Pat)
renamed: $.members[?(@.id=='ann"(red)"[1]@example.com')].name
  as they are: ben (Ben), ann"(red)"[1]@example.com (Pam)
  made atomic: ben (Ben), ann"(red)"[1]@example.com (Pam)
removed: $.members[?(@.id=='ann"(red)"[1]@example.com')]
  as they are: ben (Ben)
  made atomic: ben (Ben)
added: $.members[?(@.id=='o''brien@example.com')][o'brien@example.com]
  as they are: ben (Ben), o'brien@example.com (Pat)
  made atomic: ben (Ben)
renamed: $.members[?(@.id=='o''brien@example.com')].name
  as they are: ben (Ben), o'brien@example.com (Pam)
  made atomic: ben (Ben), o'brien@example.com (Pam)
removed: $.members[?(@.id=='o''brien@example.com')][o'brien@example.com]
  as they are: ben (Ben)
  made atomic: ben (Ben), o'brien@example.com (Pat)
EXPECTED
