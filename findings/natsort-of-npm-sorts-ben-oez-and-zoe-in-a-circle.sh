#!/usr/bin/env bash
# natsort of npm puts ben before Öz, Öz before Zoe, and Zoe before ben, so one list has several orders.
#
# Versions: natsort 2.0.3; for comparison natural-orderby 5.0.0, string-natural-compare 3.0.1 and
# alphanumeric-sort 0.0.1 (all npm).
#
# natsort makes a function that compares two texts for `sort()`, with the numbers in them by value. Its README
# names Unicode support. Such a function has to be consistent: what is before another is before all that the
# other is before.
#
# Guess: a list of names is sorted alike, however it was before. Capitals may or may not come first.
#
# Seen: natsort compares two names by the rules of the language as soon as one of them has a letter beyond
# ASCII, and otherwise by the codes of the letters, where capitals come before small letters. So the three
# names go round in a circle, and their order is any of three, by where they were before. It is so with each
# such letter beside a small and a capital one. Even Uwe 10 may come before Uwe 2. The other three have one
# order.
#
# Why it matters: pages of a list that is sorted anew for each page have some members twice and others never,
# and a search by halves does not find a member who is in the list. With names of ASCII alone it is right.
# memberbase's lists are in the order of creation, and in none of names (docs/publisher.md).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts natsort@2.0.3 natural-orderby@5.0.0 \
  string-natural-compare@3.0.1 alphanumeric-sort@0.0.1 >/dev/null

cat >orders.cjs <<'JS'
const natsort = require('natsort');
const packages = {
  natsort: (natsort.default ?? natsort)(),
  'natural-orderby': require('natural-orderby').compare(),
  'string-natural-compare': require('string-natural-compare'),
  'alphanumeric-sort': require('alphanumeric-sort').compare,
};
const orders = (names) =>
  names.length < 2
    ? [names]
    : names.flatMap((name, at) => orders(names.filter((_, i) => i !== at)).map((rest) => [name, ...rest]));
for (const names of [
  ['Ann', 'Ben', 'Zoe'],
  ['Ann', 'ben', 'Zoe'],
  ['Ann', 'ben', 'Öz', 'Zoe'],
  ['de Vries', 'Émile', 'Uwe 2', 'Uwe 10'],
]) {
  for (const [name, compare] of Object.entries(packages)) {
    const sorted = new Set(orders(names).map((list) => list.sort(compare).join(', ')));
    console.log(`${name}: ${[...sorted].sort().join(' | ')}`);
  }
}
JS
node orders.cjs | tee seen

diff - seen <<'EXPECTED'
natsort: Ann, Ben, Zoe
natural-orderby: Ann, Ben, Zoe
string-natural-compare: Ann, Ben, Zoe
alphanumeric-sort: Ann, Ben, Zoe
natsort: Ann, Zoe, ben
natural-orderby: Ann, ben, Zoe
string-natural-compare: Ann, Zoe, ben
alphanumeric-sort: Ann, Zoe, ben
natsort: Ann, Zoe, ben, Öz | Ann, ben, Öz, Zoe | Ann, Öz, Zoe, ben
natural-orderby: Ann, ben, Öz, Zoe
string-natural-compare: Ann, Zoe, ben, Öz
alphanumeric-sort: Ann, Zoe, ben, Öz
natsort: Uwe 10, de Vries, Émile, Uwe 2 | Uwe 2, Uwe 10, de Vries, Émile | Uwe 2, de Vries, Émile, Uwe 10 | de Vries, Émile, Uwe 2, Uwe 10 | Émile, Uwe 2, Uwe 10, de Vries
natural-orderby: de Vries, Émile, Uwe 2, Uwe 10
string-natural-compare: Uwe 2, Uwe 10, de Vries, Émile
alphanumeric-sort: Uwe 2, Uwe 10, de Vries, Émile
EXPECTED
