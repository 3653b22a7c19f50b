#!/usr/bin/env bash
# odata-filter-parser reads `true` as NaN, -5 as 0, and 2026-01-05 as 2026.
#
# Versions: odata-filter-parser 0.6.5; for comparison @odata/parser 0.2.14.
#
# Its README says that it parses filters of OData, versions 2 to 4, which the caller then turns into the query
# of a database. In OData 4 `true`, `-5`, `2026-01-05` and a UUID are written without quotes.
#
# Guess: `active eq true` has the value true, and what cannot be parsed is an error.
#
# Seen: whatever has no quotes is a number up to the first character that does not belong to one. So `true`,
# `false` and `null` are NaN (null in JSON), a negative number is 0, and a date is its year. Only dates as
# `datetimeoffset'…'`, as in OData 2, are read. Written again, the filter is `active eq NaN`. @odata/parser
# finds the whole value, and what kind it is.
#
# Why it matters: `points gt -5` finds those with more than 0 points, `joined lt 2026-01-05` compares with
# 2026, and a condition on a boolean finds nobody. Nothing of this is an error.
# memberbase's filters are JSON or Protocol Buffers, which have booleans and numbers, and an operand of
# another type than the schema has for the attribute is an error (filter.proto).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts odata-filter-parser@0.6.5 \
  @odata/parser@0.2.14 >/dev/null

cat >parse.js <<'JS'
const { Parser } = require('odata-filter-parser');
const { defaultParser } = require('@odata/parser');

const literals = (node) => {
  if (node === null || typeof node !== 'object') return [];
  if (node.type === 'Literal') return [`${node.value} ${node.raw}`];
  return Object.values(node).flatMap(literals);
};
for (const filter of [
  "name eq 'Ann'",
  'points gt 5',
  'points gt -5',
  'active eq true',
  'active ne false',
  'joined lt 2026-01-05',
  'joined lt 2026-01-05T10:00:00Z',
  'id eq 0695aff0-0000-7000-8000-000000000000',
]) {
  const predicate = Parser.parse(filter);
  console.log(`${filter}: ${predicate.value}, again: ${predicate.serialize()}`);
  console.log('  @odata/parser:', ...literals(defaultParser.filter(filter)));
}
JS
node parse.js | tee seen

diff - seen <<'EXPECTED'
name eq 'Ann': Ann, again: (name eq 'Ann')
  @odata/parser: Edm.String 'Ann'
points gt 5: 5, again: (points gt 5)
  @odata/parser: Edm.SByte 5
points gt -5: 0, again: (points gt 0)
  @odata/parser: Edm.SByte -5
active eq true: NaN, again: (active eq NaN)
  @odata/parser: Edm.Boolean true
active ne false: NaN, again: (active ne NaN)
  @odata/parser: Edm.Boolean false
joined lt 2026-01-05: 2026, again: (joined lt 2026)
  @odata/parser: Edm.Date 2026-01-05
joined lt 2026-01-05T10:00:00Z: 2026, again: (joined lt 2026)
  @odata/parser: Edm.DateTimeOffset 2026-01-05T10:00:00Z
id eq 0695aff0-0000-7000-8000-000000000000: NaN, again: (id eq NaN)
  @odata/parser: Edm.Guid 0695aff0-0000-7000-8000-000000000000
EXPECTED
