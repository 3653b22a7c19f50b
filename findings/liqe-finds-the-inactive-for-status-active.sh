#!/usr/bin/env bash
# liqe, lucene-kit and lucene-filter find the inactive for `status:active`; in two age:8 finds those of 18.
#
# Versions: liqe 3.8.7, lucene-kit 1.3.0, lucene-filter 1.4.0 with lucene 2.1.1 (all npm).
#
# A page that filters members as one types often takes the syntax of Lucene, such as `status:active AND
# age:[18 TO 65]`. These packages parse it, and filter a list with it. Lucene compares whole words.
#
# Guess: `status:active` finds the active, as liqe's README says that `name:foo` searches for the word "foo".
#
# Seen: all three look for the text anywhere in the value, and "inactive" has "active" in it. For liqe and
# lucene-kit a number is a text too, so age:8 finds 8, 18 and 80, and a boolean, so vip:t finds the VIPs. In
# quotes only lucene-kit compares the whole value. liqe needs `/^active$/`, and `age:=8`. lucene-filter
# ignores "NOT" at the beginning, so `NOT status:inactive` finds the inactive. With `-status:inactive` it
# finds nobody, and so does lucene-kit.
#
# Why it matters: a letter to the active goes to all. A test with the statuses "gold" and "silver" is right.
# memberbase's `eq` compares the whole value, and `prefix` and `regex` are operators of their own
# (filter.proto).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts liqe@3.8.7 lucene-kit@1.3.0 lucene-filter@1.4.0 \
    lucene@2.1.1 >/dev/null

cat >find.js <<'JS'
const liqe = require('liqe');
const kit = require('lucene-kit');
const luceneFilter = require('lucene-filter')(require('lucene'));

const people = [
  { name: 'Ann', status: 'active', age: 8, vip: true, city: 'Oslo' },
  { name: 'Bob', status: 'inactive', age: 18, vip: true, city: 'Bergen' },
  { name: 'Cem', status: 'active', age: 80, vip: false, city: 'Oslo' },
  { name: 'Dana', status: 'inactive', age: 34, vip: false, city: 'Bergen' },
];
const names = (found) => found.map(({ name }) => name).join(' ') || '(nobody)';
for (const query of [
  'status:active',
  'status:"active"',
  'status:/^active$/',
  'NOT status:inactive',
  '-status:inactive',
  'age:8',
  'age:[8 TO 8]',
  'vip:t',
]) {
  console.log(query);
  console.log('  liqe:         ', names(liqe.filter(liqe.parse(query), people)));
  console.log('  lucene-kit:   ', names(kit.filter(new kit.QueryParser(query), people)));
  console.log('  lucene-filter:', names(people.filter(luceneFilter(query))));
}
JS
node find.js | tee seen

diff - seen <<'EXPECTED'
status:active
  liqe:          Ann Bob Cem Dana
  lucene-kit:    Ann Bob Cem Dana
  lucene-filter: Ann Bob Cem Dana
status:"active"
  liqe:          Ann Bob Cem Dana
  lucene-kit:    Ann Cem
  lucene-filter: Ann Bob Cem Dana
status:/^active$/
  liqe:          Ann Cem
  lucene-kit:    Ann Cem
  lucene-filter: Ann Cem
NOT status:inactive
  liqe:          Ann Cem
  lucene-kit:    Ann Cem
  lucene-filter: Bob Dana
-status:inactive
  liqe:          Ann Cem
  lucene-kit:    (nobody)
  lucene-filter: (nobody)
age:8
  liqe:          Ann Bob Cem
  lucene-kit:    Ann Bob Cem
  lucene-filter: Ann
age:[8 TO 8]
  liqe:          Ann
  lucene-kit:    Ann
  lucene-filter: Ann
vip:t
  liqe:          Ann Bob
  lucene-kit:    Ann Bob
  lucene-filter: (nobody)
EXPECTED
