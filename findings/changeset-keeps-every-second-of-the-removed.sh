#!/usr/bin/env bash
# changeset keeps every second one of the members that were removed from a list.
#
# Versions: changeset 0.2.6; for comparison jiff 0.7.3, just-diff 6.0.2 with just-diff-apply 5.5.0 and
# json-diff-ts 4.10.4 (all npm).
#
# Such a package writes down how an object has changed, as a list of small changes, and applies this list to
# the object somewhere else. The README of changeset says that the result is equal to the new object, and
# shows it with an array of three texts that has two afterwards.
#
# Guess: what is applied to the old list makes the new list.
#
# Seen: with one element fewer it does. With several fewer, changeset deletes by place from the front, and
# each deletion moves the rest forward. Of four members, none of whom is in the new list, two stay. Of a list
# that keeps only its first member, every second one of the others stays. Some results have an `undefined` at
# the end. jiff, just-diff and json-diff-ts make the new list.
#
# Why it matters: members who have left stay in the copy, some of them, and a test that removes one is green.
# memberbase's plans name members by their keys, and no places in a list (docs/sync.md).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts changeset@0.2.6 jiff@0.7.3 just-diff@6.0.2 \
  just-diff-apply@5.5.0 json-diff-ts@4.10.4 >/dev/null

cat >apply.cjs <<'JS'
const changeset = require('changeset');
const jiff = require('jiff');
const { diff } = require('just-diff');
const { diffApply } = require('just-diff-apply');
const ts = require('json-diff-ts');

const packages = {
  changeset: (a, b) => changeset.apply(changeset(a, b), a),
  jiff: (a, b) => jiff.patch(jiff.diff(a, b), a),
  'just-diff': (a, b) => { diffApply(a, diff(a, b)); return a; },
  'json-diff-ts': (a, b) => ts.applyChangeset(a, ts.diff(a, b)),
};
const cases = [
  [['Ann', 'Ben', 'Cy'], ['Ann', 'Ben']],
  [['Ann', 'Ben', 'Cy'], ['Ann']],
  [['Ann', 'Ben', 'Cy', 'Di', 'Ed'], ['Ann']],
  [['Ann', 'Ben', 'Cy', 'Di'], []],
  [['Ann', 'Ben', 'Cy', 'Di'], ['Di']],
];
for (const [name, patched] of Object.entries(packages)) {
  for (const [from, to] of cases) {
    const result = patched({ members: [...from] }, { members: [...to] }).members;
    console.log(`${name}: ${from} to ${to.join() || 'nobody'}: ${result.map(String).join() || 'nobody'}`);
  }
}
JS
node apply.cjs | tee seen

diff - seen <<'EXPECTED'
changeset: Ann,Ben,Cy to Ann,Ben: Ann,Ben
changeset: Ann,Ben,Cy to Ann: Ann,Cy
changeset: Ann,Ben,Cy,Di,Ed to Ann: Ann,Cy,Ed,
changeset: Ann,Ben,Cy,Di to nobody: Ben,Di,
changeset: Ann,Ben,Cy,Di to Di: Di,Cy,
jiff: Ann,Ben,Cy to Ann,Ben: Ann,Ben
jiff: Ann,Ben,Cy to Ann: Ann
jiff: Ann,Ben,Cy,Di,Ed to Ann: Ann
jiff: Ann,Ben,Cy,Di to nobody: nobody
jiff: Ann,Ben,Cy,Di to Di: Di
just-diff: Ann,Ben,Cy to Ann,Ben: Ann,Ben
just-diff: Ann,Ben,Cy to Ann: Ann
just-diff: Ann,Ben,Cy,Di,Ed to Ann: Ann
just-diff: Ann,Ben,Cy,Di to nobody: nobody
just-diff: Ann,Ben,Cy,Di to Di: Di
json-diff-ts: Ann,Ben,Cy to Ann,Ben: Ann,Ben
json-diff-ts: Ann,Ben,Cy to Ann: Ann
json-diff-ts: Ann,Ben,Cy,Di,Ed to Ann: Ann
json-diff-ts: Ann,Ben,Cy,Di to nobody: nobody
json-diff-ts: Ann,Ben,Cy,Di to Di: Di
EXPECTED
