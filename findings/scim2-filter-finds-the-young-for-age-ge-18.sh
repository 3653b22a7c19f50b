#!/usr/bin/env bash
# scim2-filter finds the members up to 18 for `age ge 18`, and nobody for two conditions with "or" or "and".
#
# Versions: scim2-filter 0.2.0; for comparison scim2-parse-filter 0.2.10, a fork of it, and
# scim-query-filter-parser 2.0.4.
#
# HR systems ask a directory for its members with filters of SCIM (RFC 7644, section 3.4.2.2), where `ge` is
# "greater than or equal to". scim2-filter makes of a filter a function that says whether a member matches.
#
# Guess: `age ge 18` finds the members from 18 on, and `title eq "cook" or title eq "nurse"` cooks and nurses.
#
# Seen: `ge` and `le` are the wrong way round, `gt` and `lt` are right. With "or" and "and" the conditions are
# tested on the parsed filter in place of the member, so they find nobody, and "not" in front of them finds
# everybody. "and" inside square brackets finds nobody either. One condition and "not" are right. The other
# two find the right ones each time (scim-query-filter-parser has no "not").
#
# Why it matters: the usual first test is `userName eq "ann"`, which is right. A sync with two conditions
# gets an empty list, as if all members had left.
# memberbase's filters are JSON or Protocol Buffers, and have one evaluation (filter.proto).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts \
    scim2-filter@0.2.0 scim2-parse-filter@0.2.10 scim-query-filter-parser@2.0.4 >/dev/null

cat >find.js <<'JS'
const first = require('scim2-filter');
const fork = require('scim2-parse-filter');
const { compileFilter } = require('scim-query-filter-parser');

const people = [
  { userName: 'ann', age: 18, title: 'nurse', emails: [{ type: 'work', value: 'ann@example.com' }] },
  { userName: 'bob', age: 70, title: 'nurse', emails: [{ type: 'home', value: 'bob@example.com' }] },
  { userName: 'cem', age: 9, title: 'cook', emails: [{ type: 'home', value: 'cem@example.com' }] },
];
const names = (test) => people.filter(test).map(({ userName }) => userName).join(' ') || '(nobody)';
for (const filter of [
  'userName eq "ann"',
  'age gt 18',
  'age ge 18',
  'age le 18',
  'title eq "cook" or title eq "nurse"',
  'title eq "nurse" and age gt 18',
  'emails[type eq "work" and value co "ann"]',
  'not (title eq "cook")',
  'not (title eq "nurse" and age gt 18)',
]) {
  console.log(filter);
  console.log('  scim2-filter:            ', names(first.filter(first.parse(filter))));
  console.log('  scim2-parse-filter:      ', names(fork.filter(fork.parse(filter))));
  if (!filter.startsWith('not')) console.log('  scim-query-filter-parser:', names(compileFilter(filter)));
}
JS
node find.js | tee seen

diff - seen <<'EXPECTED'
userName eq "ann"
  scim2-filter:             ann
  scim2-parse-filter:       ann
  scim-query-filter-parser: ann
age gt 18
  scim2-filter:             bob
  scim2-parse-filter:       bob
  scim-query-filter-parser: bob
age ge 18
  scim2-filter:             ann cem
  scim2-parse-filter:       ann bob
  scim-query-filter-parser: ann bob
age le 18
  scim2-filter:             ann bob
  scim2-parse-filter:       ann cem
  scim-query-filter-parser: ann cem
title eq "cook" or title eq "nurse"
  scim2-filter:             (nobody)
  scim2-parse-filter:       ann bob cem
  scim-query-filter-parser: ann bob cem
title eq "nurse" and age gt 18
  scim2-filter:             (nobody)
  scim2-parse-filter:       bob
  scim-query-filter-parser: bob
emails[type eq "work" and value co "ann"]
  scim2-filter:             (nobody)
  scim2-parse-filter:       ann
  scim-query-filter-parser: ann
not (title eq "cook")
  scim2-filter:             ann bob
  scim2-parse-filter:       ann bob
not (title eq "nurse" and age gt 18)
  scim2-filter:             ann bob cem
  scim2-parse-filter:       ann cem
EXPECTED
