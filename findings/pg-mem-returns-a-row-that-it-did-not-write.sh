#!/usr/bin/env bash
# pg-mem returns a row for an upsert that it did not do, and finds for NOT IN those who have no value.
#
# Versions: pg-mem 3.0.14; for comparison PostgreSQL itself, as @electric-sql/pglite 0.5.16 (both npm).
#
# pg-mem is PostgreSQL in memory, written anew in JavaScript, for the tests of a program. What it does not
# know is an error, and its README has a list of limitations.
#
# Guess: a statement that pg-mem takes has the result that PostgreSQL has, apart from the order of the rows.
#
# Seen: `ON CONFLICT … DO UPDATE … WHERE` whose condition is false changes nothing in either, but pg-mem
# returns the row that was there before, so a program that looks for a row takes a lost update for done.
# `email NOT IN ('ann@example.com')` finds the members without an address as well. An underscore with a
# backslash in LIKE finds nobody. A month after January 31 is March 2, where PostgreSQL says February 28, and
# `greatest(NULL, 1)` is null.
#
# Why it matters: tests that are to show that an older version of a member is not written over a newer one, or
# who is left out of a letter, are green with pg-mem and wrong on the server, or the other way round.
# memberbase has a store of its own, with which its tests run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts pg-mem@3.0.14 \
  @electric-sql/pglite@0.5.16 >/dev/null

cat >both.mjs <<'JS'
import { PGlite } from '@electric-sql/pglite';
import { newDb } from 'pg-mem';

const made = `create table member (id int primary key, name text, email text, version int);
  insert into member values (1, 'Ann', 'ann@example.com', 7), (2, 'Ben', null, 1),
    (3, 'Cy', 'c_y@example.com', 1);`;
const pg = new PGlite();
await pg.exec(made);
const mem = newDb().public;
mem.none(made);

for (const query of [
  `insert into member values (1, 'Anna', null, 6) on conflict (id) do update
     set name = excluded.name, version = excluded.version
     where member.version < excluded.version returning id, name`,
  'select id, name, version from member where id = 1',
  "select id from member where email <> 'ann@example.com'",
  "select id from member where email not in ('ann@example.com')",
  "select id from member where email like 'c\\_y@%'",
  "select '2026-01-31'::date + interval '1 month' as day",
  'select greatest(null, 1) as greatest',
]) {
  console.log(query);
  const rows = (result) => JSON.stringify(result.map(Object.values).sort());
  console.log(`  PostgreSQL ${rows((await pg.query(query)).rows)}, pg-mem ${rows(mem.many(query))}`);
}
JS
TZ=UTC node both.mjs | tee seen

diff - seen <<'EXPECTED'
insert into member values (1, 'Anna', null, 6) on conflict (id) do update
     set name = excluded.name, version = excluded.version
     where member.version < excluded.version returning id, name
  PostgreSQL [], pg-mem [[1,"Ann"]]
select id, name, version from member where id = 1
  PostgreSQL [[1,"Ann",7]], pg-mem [[1,"Ann",7]]
select id from member where email <> 'ann@example.com'
  PostgreSQL [[3]], pg-mem [[3]]
select id from member where email not in ('ann@example.com')
  PostgreSQL [[3]], pg-mem [[2],[3]]
select id from member where email like 'c\_y@%'
  PostgreSQL [[3]], pg-mem []
select '2026-01-31'::date + interval '1 month' as day
  PostgreSQL [["2026-02-28T00:00:00.000Z"]], pg-mem [["2026-03-02T00:00:00.000Z"]]
select greatest(null, 1) as greatest
  PostgreSQL [[1]], pg-mem [[null]]
EXPECTED
