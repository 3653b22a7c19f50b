#!/usr/bin/env bash
# scimmy reads `not (a or b)` as `not a or not b`, so "neither Ann nor Bob" finds both, and everybody else.
#
# Versions: scimmy 1.3.5; for comparison scim2-parse-filter 0.2.10.
#
# HR systems ask a directory for its members with filters of SCIM (RFC 7644, section 3.4.2.2). "not" is
# followed by brackets, and is for all that is in them. scimmy parses such filters for a directory in
# JavaScript, and finds the resources of a list that match.
#
# Guess: `not (userName eq "ann" or userName eq "bob")` finds the others.
#
# Seen: scimmy gives "not" to each of the conditions in the brackets, and leaves the "or" or "and" between
# them. So what should exclude two names excludes nobody, and `not (a and b)` finds only whom neither is true
# of. Before a filter with square brackets it drops the "not": `not (emails[type eq "work"])` finds those with
# an address at work. One condition in brackets is right. scim2-parse-filter finds the right ones each time.
#
# Why it matters: a sync that leaves out two kinds of members changes, or deactivates, all of them.
# memberbase's filters have no "not" but `ne`, `nin` and `exists: false` (filter.proto).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts scimmy@1.3.5 scim2-parse-filter@0.2.10 >/dev/null

cat >find.mjs <<'JS'
import SCIMMY from 'scimmy';
import scim2 from 'scim2-parse-filter';

const people = [
  { userName: 'ann', active: true, title: 'nurse', emails: [{ type: 'work', value: 'ann@example.com' }] },
  { userName: 'bob', active: false, title: 'nurse', emails: [{ type: 'home', value: 'bob@example.com' }] },
  { userName: 'cem', active: true, title: 'cook', emails: [{ type: 'work', value: 'cem@example.com' }] },
  { userName: 'dana', active: false, title: 'cook', emails: [{ type: 'home', value: 'dana@example.com' }] },
];
const names = (found) => found.map(({ userName }) => userName).join(' ');
for (const filter of [
  'not (userName eq "ann")',
  'not (userName eq "ann" or userName eq "bob")',
  'not (active eq true or title eq "cook")',
  'not (active eq true and title eq "cook")',
  'not (active eq true) and not (title eq "cook")',
  'not (emails[type eq "work"])',
]) {
  console.log(filter);
  console.log('  scimmy:            ', names(new SCIMMY.Types.Filter(filter).match(people)));
  console.log('  scim2-parse-filter:', names(people.filter(scim2.filter(scim2.parse(filter)))));
}
JS
node find.mjs | tee seen

diff - seen <<'EXPECTED'
not (userName eq "ann")
  scimmy:             bob cem dana
  scim2-parse-filter: bob cem dana
not (userName eq "ann" or userName eq "bob")
  scimmy:             ann bob cem dana
  scim2-parse-filter: cem dana
not (active eq true or title eq "cook")
  scimmy:             ann bob dana
  scim2-parse-filter: bob
not (active eq true and title eq "cook")
  scimmy:             bob
  scim2-parse-filter: ann bob dana
not (active eq true) and not (title eq "cook")
  scimmy:             bob
  scim2-parse-filter: bob
not (emails[type eq "work"])
  scimmy:             ann cem
  scim2-parse-filter: bob dana
EXPECTED
