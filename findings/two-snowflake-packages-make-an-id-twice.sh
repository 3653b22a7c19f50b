#!/usr/bin/env bash
# @theinternetfolks/snowflake makes the same id twice in each import, @sapphire/snowflake in each fast one.
#
# Versions: @theinternetfolks/snowflake 1.3.0, @sapphire/snowflake 3.5.5; for comparison
# @akashrajpurohit/snowflake-id 2.0.0 (all npm).
#
# A snowflake id has the milliseconds, the number of the maker, and 12 bits that count within a millisecond. A
# maker that has made 4,096 ids waits for the next millisecond, as the README of the first package explains.
#
# Guess: 100,000 ids made one after another are different, and each is greater than the one before.
#
# Seen: @theinternetfolks/snowflake does not count: it takes a random number for the 12 bits, and does not
# wait. With 100 ids in a millisecond more than one of 100 is there twice, and about half of all ids are
# smaller than the one before. @sapphire/snowflake counts, but goes on from the last millisecond rather than
# from 0, and does not wait. So the count goes from 4,095 to 0 within a millisecond, after which an id is
# smaller, and of 6,000 ids of one millisecond 1,904 are there twice. @akashrajpurohit/snowflake-id makes
# 100,000 different ids in order.
#
# Why it matters: one id at a time is right. In an import a member overwrites another, or a reader that asks
# for ids after the last one misses some.
# memberbase assigns its ids itself, and never again; its cursors are places in the order of creation
# (member_base.proto, docs/audiences.md).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @theinternetfolks/snowflake@1.3.0 \
    @sapphire/snowflake@3.5.5 @akashrajpurohit/snowflake-id@2.0.0 >/dev/null

cat >make.js <<'JS'
const { SnowflakeId } = require('@akashrajpurohit/snowflake-id');
const { Snowflake: Sapphire } = require('@sapphire/snowflake');
const { Snowflake: Folks } = require('@theinternetfolks/snowflake');

// A clock that goes on by a millisecond once it was read so many times, to see the same on each machine.
let reads = 0;
let each = 1;
Date.now = () => Date.UTC(2026, 0, 5) + Math.floor((reads += 1) / each);

for (const perMillisecond of [100, 1000, 6000]) {
  each = perMillisecond;
  reads = 0;
  const sapphire = new Sapphire(0);
  const akash = SnowflakeId({ workerId: 1 });
  for (const [name, make] of Object.entries({
    '@theinternetfolks/snowflake': () => Folks.generate({ shard_id: 1 }),
    '@sapphire/snowflake': () => sapphire.generate(),
    '@akashrajpurohit/snowflake-id': () => akash.generate(),
  })) {
    const ids = Array.from({ length: 100000 }, () => BigInt(make()));
    const twice = ids.length - new Set(ids).size;
    const smaller = ids.filter((id, index) => index > 0 && id < ids[index - 1]).length;
    const about = (count) => (name.startsWith('@the') ? (count > 500 ? 'over 500' : 'few') : count);
    console.log(`${perMillisecond} a millisecond: ${name}: ${about(twice)} twice, ${about(smaller)} smaller`);
  }
}
JS
node make.js | tee seen

diff - seen <<'EXPECTED'
100 a millisecond: @theinternetfolks/snowflake: over 500 twice, over 500 smaller
100 a millisecond: @sapphire/snowflake: 0 twice, 24 smaller
100 a millisecond: @akashrajpurohit/snowflake-id: 0 twice, 0 smaller
1000 a millisecond: @theinternetfolks/snowflake: over 500 twice, over 500 smaller
1000 a millisecond: @sapphire/snowflake: 0 twice, 24 smaller
1000 a millisecond: @akashrajpurohit/snowflake-id: 0 twice, 0 smaller
6000 a millisecond: @theinternetfolks/snowflake: over 500 twice, over 500 smaller
6000 a millisecond: @sapphire/snowflake: 30464 twice, 24 smaller
6000 a millisecond: @akashrajpurohit/snowflake-id: 0 twice, 0 smaller
EXPECTED
