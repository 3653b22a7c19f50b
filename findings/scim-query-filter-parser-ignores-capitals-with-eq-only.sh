#!/usr/bin/env bash
# scim-query-filter-parser finds Ann with `eq "ANN"`, with `gt "ANN"` too, and not with `sw "an"`.
#
# Versions: scim-query-filter-parser 2.0.4; for comparison scimmy 1.3.5 and scim2-parse-filter 0.2.10 (npm).
#
# In SCIM an attribute minds capitals or does not (`caseExact`, RFC 7643, section 2.2), and this holds for all
# operators of a filter. A `userName` does not. Times are compared as times (RFC 7644, section 3.4.2.2).
#
# Guess: if `userName eq "ANN"` finds Ann, then `userName sw "an"` finds her too, and `gt "ANN"` does not.
#
# Seen: `eq` and `ne` ignore capitals, also for attributes that mind them. `co`, `sw`, `ew`, `gt`, `ge`, `lt`
# and `le` do not, so Ann is both equal to ANN and greater. `userName ge "b"` leaves out Bob and Cem. Times
# are compared as texts, so 00:30 in Oslo is after 23:40 of the day before in UTC, which it is not. scimmy and
# scim2-parse-filter mind capitals with each operator, and scimmy compares the times.
#
# Why it matters: a test with `eq` shows that capitals are ignored, and then a search by the first letters
# misses members. A sync that asks for what is greater than the last name gets that member again.
# memberbase compares texts byte for byte, except ids and addresses (filter.proto).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts \
    scim-query-filter-parser@2.0.4 scimmy@1.3.5 scim2-parse-filter@0.2.10 >/dev/null

cat >find.mjs <<'JS'
import SCIMMY from 'scimmy';
import { compileFilter } from 'scim-query-filter-parser';
import scim2 from 'scim2-parse-filter';

const people = [
  { userName: 'Ann', title: 'Nurse', meta: { lastModified: '2026-01-05T00:30:00+01:00' } },
  { userName: 'Bob', title: 'nurse', meta: { lastModified: '2026-01-04T23:45:00Z' } },
  { userName: 'Cem', title: 'Cook', meta: { lastModified: '2026-01-03T12:00:00Z' } },
];
const names = (found) => found.map(({ userName }) => userName).join(' ') || '(nobody)';
for (const filter of [
  'userName eq "Ann"',
  'userName eq "ANN"',
  'userName gt "ANN"',
  'userName sw "an"',
  'userName sw "An"',
  'title eq "nurse"',
  'title co "nurse"',
  'userName ge "b"',
  'userName lt "b"',
  'meta.lastModified gt "2026-01-04T23:40:00Z"',
]) {
  console.log(filter);
  console.log('  scim-query-filter-parser:', names(people.filter(compileFilter(filter))));
  console.log('  scimmy:                  ', names(new SCIMMY.Types.Filter(filter).match(people)));
  console.log('  scim2-parse-filter:      ', names(people.filter(scim2.filter(scim2.parse(filter)))));
}
JS
node find.mjs | tee seen

diff - seen <<'EXPECTED'
userName eq "Ann"
  scim-query-filter-parser: Ann
  scimmy:                   Ann
  scim2-parse-filter:       Ann
userName eq "ANN"
  scim-query-filter-parser: Ann
  scimmy:                   (nobody)
  scim2-parse-filter:       (nobody)
userName gt "ANN"
  scim-query-filter-parser: Ann Bob Cem
  scimmy:                   Ann Bob Cem
  scim2-parse-filter:       Ann Bob Cem
userName sw "an"
  scim-query-filter-parser: (nobody)
  scimmy:                   (nobody)
  scim2-parse-filter:       (nobody)
userName sw "An"
  scim-query-filter-parser: Ann
  scimmy:                   Ann
  scim2-parse-filter:       Ann
title eq "nurse"
  scim-query-filter-parser: Ann Bob
  scimmy:                   Bob
  scim2-parse-filter:       Bob
title co "nurse"
  scim-query-filter-parser: Bob
  scimmy:                   Bob
  scim2-parse-filter:       Bob
userName ge "b"
  scim-query-filter-parser: (nobody)
  scimmy:                   (nobody)
  scim2-parse-filter:       (nobody)
userName lt "b"
  scim-query-filter-parser: Ann Bob Cem
  scimmy:                   Ann Bob Cem
  scim2-parse-filter:       Ann Bob Cem
meta.lastModified gt "2026-01-04T23:40:00Z"
  scim-query-filter-parser: Ann Bob
  scimmy:                   Bob
  scim2-parse-filter:       Ann Bob
EXPECTED
