#!/usr/bin/env bash
# odata-v4-parser reads `not (a) and b` as `not (a and b)`, and odata-v4-pg makes of it that 1 equals 1.
#
# Versions: odata-v4-parser 0.1.29 in odata-v4-inmemory 0.1.9, and 0.1.13 in odata-v4-pg 0.1.1 and
# odata-v4-sql 0.1.2; for comparison odata-query 0.10.0 (PyPI).
#
# In a filter of OData 4 "not" is for the one condition after it, and binds more strongly than "and" and "or".
# odata-v4-inmemory finds the elements of an array that match a filter, odata-v4-pg and odata-v4-sql make a
# condition of SQL. All have their parser in common, which, says a README, supports 100% of the specification.
#
# Guess: `not (status eq 'left') and team eq 'red'` finds the red ones who have not left, as it does with the
# two conditions in the other order.
#
# Seen: "not" takes all that follows, so the filter finds everybody but the red ones who have left. In the
# other order it is right. odata-v4-pg and odata-v4-sql do not know "not" at all. They print a line, and their
# condition is `1 = 1`, or a text that no database accepts if "not" is not at the start.
#
# Why it matters: a list of the members of one team who have not left is one of nearly all members, or of all.
# What is then sent or deleted reaches the wrong ones.
# memberbase's filters are trees, so nothing in them has to bind, and they have no "not" but `ne`, `nin` and
# `exists: false` (filter.proto).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check odata-query==0.10.0
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts odata-v4-inmemory@0.1.9 odata-v4-parser@0.1.29 \
  odata-v4-pg@0.1.1 odata-v4-sql@0.1.2 >/dev/null

cat >filters.json <<'JSON'
[
  "not (status eq 'left') and team eq 'red'",
  "team eq 'red' and not (status eq 'left')",
  "not (status eq 'left') or team eq 'blue'",
  "(not (status eq 'left')) and team eq 'red'"
]
JSON
cat >find.js <<'JS'
const inMemory = require('odata-v4-inmemory');
const pg = require('odata-v4-pg');
const sql = require('odata-v4-sql');

const people = [
  { name: 'Ann', status: 'active', team: 'red' },
  { name: 'Ben', status: 'left', team: 'red' },
  { name: 'Cem', status: 'active', team: 'blue' },
  { name: 'Dana', status: 'left', team: 'blue' },
];
const { log } = console;
console.log = () => {}; // where odata-v4-pg says "Unhandled node type: NotExpression"
for (const filter of require('./filters.json')) {
  log(filter);
  log('  odata-v4-inmemory:', people.filter(inMemory.createFilter(filter)).map(({ name }) => name).join(' '));
  log('  odata-v4-pg:      ', pg.createFilter(filter).where.trim());
  log('  odata-v4-sql:     ', sql.createFilter(filter).where.trim());
}
JS
node find.js | tee seen

venv/bin/python - <<'PY' | tee -a seen
import json
import logging

from odata_query.grammar import ODataLexer, ODataParser
from odata_query.sql import AstToSqlVisitor

logging.disable(logging.WARNING)
for text in json.load(open("filters.json")):
    print("odata-query:", AstToSqlVisitor().visit(ODataParser().parse(ODataLexer().tokenize(text))))
PY

diff - seen <<'EXPECTED'
not (status eq 'left') and team eq 'red'
  odata-v4-inmemory: Ann Cem Dana
  odata-v4-pg:       1 = 1
  odata-v4-sql:      1 = 1
team eq 'red' and not (status eq 'left')
  odata-v4-inmemory: Ann
  odata-v4-pg:       "team" = $1 AND
  odata-v4-sql:      [team] = ? AND
not (status eq 'left') or team eq 'blue'
  odata-v4-inmemory: Ann
  odata-v4-pg:       1 = 1
  odata-v4-sql:      1 = 1
(not (status eq 'left')) and team eq 'red'
  odata-v4-inmemory: Ann
  odata-v4-pg:       () AND "team" = $1
  odata-v4-sql:      () AND [team] = ?
odata-query: NOT "status" = 'left' AND "team" = 'red'
odata-query: "team" = 'red' AND NOT "status" = 'left'
odata-query: NOT "status" = 'left' OR "team" = 'blue'
odata-query: NOT "status" = 'left' AND "team" = 'red'
EXPECTED
