#!/usr/bin/env bash
# odata-v4-mongodb makes `age ≤ 18` of `18 le age`.
#
# Versions: odata-v4-mongodb 0.1.12 with odata-v4-parser 0.1.29; for comparison odata-v4-inmemory 0.1.9 with
# the same parser, and mingo 7.2.7, which evaluates queries of MongoDB.
#
# Both sides of a comparison of OData 4 are expressions, so a program that writes filters may put the value
# first: `18 le age`, as in `18 le age and age lt 65`. In a query of MongoDB the field always comes first.
#
# Guess: `18 le age` is the same as `age ge 18`, or an error.
#
# Seen: odata-v4-mongodb exchanges the two sides and keeps the operator. `18 le age` finds those who are 18 or
# younger, and `18 le age and age lt 65` as well. `eq` and `ne` are right. odata-v4-inmemory, of the same
# makers, finds the right ones.
#
# Why it matters: the result is plausible, and nearly the opposite: minors in a list of adults.
# memberbase's filters have the key and the value in fields of their own (filter.proto).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts odata-v4-mongodb@0.1.12 odata-v4-parser@0.1.29 \
  odata-v4-inmemory@0.1.9 mingo@7.2.7 >/dev/null

cat >find.mjs <<'JS'
import inMemory from 'odata-v4-inmemory';
import mongo from 'odata-v4-mongodb';
import { Query } from 'mingo';

const people = [
  { name: 'Ann', age: 12 },
  { name: 'Ben', age: 18 },
  { name: 'Cem', age: 30 },
  { name: 'Dana', age: 70 },
];
const names = (found) => found.map(({ name }) => name).join(' ');
for (const filter of ['age ge 18', '18 le age', '18 eq age', '18 le age and age lt 65', '65 gt age']) {
  const query = mongo.createFilter(filter);
  console.log(`${filter}: ${JSON.stringify(query)}`);
  console.log('  odata-v4-mongodb: ', names(new Query(query).find(people).all()));
  console.log('  odata-v4-inmemory:', names(people.filter(inMemory.createFilter(filter))));
}
JS
node find.mjs | tee seen

diff - seen <<'EXPECTED'
age ge 18: {"age":{"$gte":18}}
  odata-v4-mongodb:  Ben Cem Dana
  odata-v4-inmemory: Ben Cem Dana
18 le age: {"age":{"$lte":18}}
  odata-v4-mongodb:  Ann Ben
  odata-v4-inmemory: Ben Cem Dana
18 eq age: {"age":18}
  odata-v4-mongodb:  Ben
  odata-v4-inmemory: Ben
18 le age and age lt 65: {"$and":[{"age":{"$lte":18}},{"age":{"$lt":65}}]}
  odata-v4-mongodb:  Ann Ben
  odata-v4-inmemory: Ben Cem
65 gt age: {"age":{"$gt":65}}
  odata-v4-mongodb:  Dana
  odata-v4-inmemory: Ann Ben Cem
EXPECTED
