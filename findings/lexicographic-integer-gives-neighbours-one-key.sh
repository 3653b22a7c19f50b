#!/usr/bin/env bash
# lexicographic-integer gives neighbours above 2^44 one key, such as 128 moments in microseconds.
#
# Versions: lexicographic-integer 1.1.0, lexicographic-integer-encoding 1.0.1, memory-level 3.1.0; for
# comparison charwise 3.0.1 (all npm).
#
# A store whose keys are bytes needs numbers written so that the bytes sort as the numbers do. These packages
# do it, the second as the key encoding of a level store. Its option `strict` refuses what is above 2^53 - 1,
# the last whole number that JavaScript holds exactly.
#
# Guess: each whole number up to 2^53 - 1 has a key of its own, and the key gives the number back.
#
# Seen: up to 2^44 this is so. Above, two neighbours share a key, then four, and so on up to 512 near 2^53.
# Moments in milliseconds are right, but of those in microseconds 128 share one. A key is read as another
# number than the one that was written, also with `strict`.
#
# Why it matters: the second member who joined within some microseconds replaces the first in the store, and
# nothing is reported. Tests with small ids pass.
# memberbase writes the numbers in its keys with all their bytes, the highest first (docs/formats.md).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts lexicographic-integer@1.1.0 \
  lexicographic-integer-encoding@1.0.1 memory-level@3.1.0 charwise@3.0.1 >/dev/null

cat >keys.mjs <<'JS'
import charwise from 'charwise';
import lexicographic from 'lexicographic-integer';
import encoding from 'lexicographic-integer-encoding';
import { MemoryLevel } from 'memory-level';

const strict = encoding('buffer', { strict: true });
const keep = { 'lexicographic-integer-encoding': strict, charwise: { ...charwise, type: 'charwise' } };

for (const [what, first] of [
  ['2^44 - 64', 2 ** 44 - 64],
  ['2^45', 2 ** 45],
  ['milliseconds', Date.UTC(2026, 0, 5)],
  ['microseconds', Date.UTC(2026, 0, 5) * 1000],
  ['2^53 - 64', 2 ** 53 - 64],
]) {
  const ids = Array.from({ length: 64 }, (_, n) => first + n);
  const keys = new Set(ids.map((id) => lexicographic.pack(id, 'hex')));
  console.log(`64 numbers from ${what}: ${keys.size} keys; ${ids[3]} is read as`,
    strict.decode(strict.encode(ids[3])));
}

for (const [name, keyEncoding] of Object.entries(keep)) {
  const members = new MemoryLevel({ keyEncoding, valueEncoding: 'utf8' });
  await members.put(1767571200000001, 'Ann');
  await members.put(1767571200000002, 'Ben');
  console.log(`${name}:`, JSON.stringify(await members.iterator().all()));
}
JS
node keys.mjs | tee seen

diff - seen <<'EXPECTED'
64 numbers from 2^44 - 64: 64 keys; 17592186044355 is read as 17592186044355
64 numbers from 2^45: 33 keys; 35184372088835 is read as 35184372088835
64 numbers from milliseconds: 64 keys; 1767571200003 is read as 1767571200003
64 numbers from microseconds: 1 keys; 1767571200000003 is read as 1767571199999995
64 numbers from 2^53 - 64: 1 keys; 9007199254740931 is read as 9007199254740731
lexicographic-integer-encoding: [[1767571199999995,"Ben"]]
charwise: [[1767571200000001,"Ann"],[1767571200000002,"Ben"]]
EXPECTED
