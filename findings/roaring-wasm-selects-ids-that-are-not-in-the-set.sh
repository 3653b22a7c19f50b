#!/usr/bin/env bash
# roaring-wasm's select() returns ids above 16,777,216 rounded, so they are ids of somebody else or of nobody.
#
# Versions: roaring-wasm 1.1.0, pyroaring 1.2.0.
#
# A roaring bitmap is a set of ids of 32 bits. `select(n)` returns the id at place n, and `rank(id)` how many
# ids are not above it. A number of JavaScript holds each id of 32 bits exactly.
#
# Guess: select(n) returns an id that the set has, the same as at(n), and the same as pyroaring's.
#
# Seen: select() rounds the id to the 24 bits of a 32-bit float. 16777217 becomes 16777216, 123456789 becomes
# 123456792, and 4294967295 becomes 4294967296, which is no id of 32 bits at all. at() of the same package
# returns each id exactly. In the full set of 4,294,967,296 ids, rank() of the last one is 0.
#
# Why it matters: "the member at place n of this filter" is how one pages through a set, or draws a sample of
# it. Tests with some thousand members pass, and a directory of 17 million members then shows wrong people.
# The bytes are not at fault: what one writes the other reads. memberbase counts and selects in Rust.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pyroaring==1.2.0
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts roaring-wasm@1.1.0 >/dev/null

venv/bin/python - <<'PY' | tee seen
import pathlib

import pyroaring

ids = pyroaring.BitMap([7, 16777215, 16777217, 16777219, 123456789, 4294967295])
pathlib.Path("ids").write_bytes(ids.serialize())
for place in range(len(ids)):
    print("pyroaring", place, ids[place])
everything = pyroaring.BitMap()
everything.add_range(0, 2**32)
print("pyroaring full:", len(everything), "ids, rank of the last", everything.rank(2**32 - 1))
PY

cat >read.js <<'JS'
const fs = require('fs');
const { RoaringBitmap32, roaringLibraryInitialize } = require('roaring-wasm');

async function main() {
  await roaringLibraryInitialize();
  const ids = RoaringBitmap32.deserialize(fs.readFileSync('ids'), 'portable');
  for (let place = 0; place < ids.size; place += 1) {
    const selected = ids.select(place);
    const found = ids.has(selected) ? 'in' : 'not in';
    console.log('roaring-wasm', place, ids.at(place), 'select', selected, found);
  }
  const everything = new RoaringBitmap32();
  everything.addRange(0, 2 ** 32);
  console.log(`roaring-wasm full: ${everything.size} ids, rank of the last ${everything.rank(2 ** 32 - 1)}`);
}
main();
JS
node read.js | tee -a seen

diff - seen <<'EXPECTED'
pyroaring 0 7
pyroaring 1 16777215
pyroaring 2 16777217
pyroaring 3 16777219
pyroaring 4 123456789
pyroaring 5 4294967295
pyroaring full: 4294967296 ids, rank of the last 4294967296
roaring-wasm 0 7 select 7 in
roaring-wasm 1 16777215 select 16777215 in
roaring-wasm 2 16777217 select 16777216 not in
roaring-wasm 3 16777219 select 16777220 not in
roaring-wasm 4 123456789 select 123456792 not in
roaring-wasm 5 4294967295 select 4294967296 not in
roaring-wasm full: 4294967296 ids, rank of the last 0
EXPECTED
