#!/usr/bin/env bash
# The cuckoo filter of bloom-filters forgets a third of the addresses that it said it had added.
#
# Versions: bloom-filters 3.0.4 (npm); for comparison pyprobables 0.7.0 (PyPI).
#
# A cuckoo filter answers "is this address one of a member's?" without the list. It may say yes by mistake, at
# a rate that is chosen, but never no. If it is too full for one more, it says so.
#
# Guess: a filter that is made for 1,000 addresses with a rate of 1% takes as many, and knows each of them.
#
# Seen: `add` returns true 1,000 times, and `has` then returns false for 311 of these addresses. `from`, which
# makes a filter of the addresses themselves, does the same. A smaller rate changes nothing. The Bloom filter
# of the same package, and the cuckoo filter of pyprobables, know all of them.
#
# Why it matters: the program that asks for "no" to skip the look-up takes 311 members for strangers, and
# makes them again.
# memberbase looks addresses up in its index, and has no such filter.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pyprobables==0.7.0
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts bloom-filters@3.0.4 >/dev/null

cat >ask.js <<'JS'
const { BloomFilter, CuckooFilter } = require('bloom-filters');

const members = Array.from({ length: 1000 }, (_, at) => `member${at}@example.com`);
const ask = (name, filter, added) => {
  const known = members.filter((member) => filter.has(member));
  console.log(`${name}: added ${added}, knows ${known.length}`);
};
for (const rate of [0.01, 0.001]) {
  const filter = CuckooFilter.create(members.length, rate);
  ask(`cuckoo ${rate}`, filter, members.filter((member) => filter.add(member)).length);
}
ask('cuckoo, from', CuckooFilter.from(members, 0.01), members.length);
ask('bloom', BloomFilter.from(members, 0.01), members.length);
JS
node ask.js | tee seen

venv/bin/python - <<'PY' | tee -a seen
from probables import CuckooFilter

members = [f"member{at}@example.com" for at in range(1000)]
filter = CuckooFilter.init_error_rate(0.01, capacity=len(members))
for member in members:
    filter.add(member)
print(f"pyprobables: added {len(members)}, knows {sum(filter.check(member) for member in members)}")
PY

diff - seen <<'EXPECTED'
cuckoo 0.01: added 1000, knows 689
cuckoo 0.001: added 1000, knows 689
cuckoo, from: added 1000, knows 689
bloom: added 1000, knows 1000
pyprobables: added 1000, knows 1000
EXPECTED
