#!/usr/bin/env bash
# csv-streamify puts the rest of a list into one cell, if a cell is a ditto mark (").
#
# Versions: csv-streamify 4.0.0; for comparison csv-reader 1.0.12 and @vanillaes/csv 3.0.8 (all npm), and the
# csv module of Python, which makes the list.
#
# In a CSV file a quote within a cell is written twice, and such a cell is in quotes (RFC 4180). So a cell
# that is a quote alone, which people type for "the same as above", is written as four quotes.
#
# Guess: all three read the four members with the cells that Python wrote.
#
# Seen: csv-streamify reads two members. The team of the second begins with a quote and goes on with all the
# lines that follow. It does not say that a quote is open at the end of the file. Cells with a quote among
# other characters come out right, at any place.
#
# Why it matters: an import of 10,000 members may have 12, and a sync that removes whoever is not in the list
# removes the others. That depends on what somebody typed in one cell.
# memberbase refuses a file whose quote is never closed, with the line, and a note lists rows with line breaks
# in a quoted cell (docs/lists.md).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts csv-streamify@4.0.0 csv-reader@1.0.12 \
  @vanillaes/csv@3.0.8 >/dev/null

python3 - <<'PY'
import csv

ROWS = {
    "ditto.csv": [("1", "Ann", "Nurses"), ("2", "Ben", '"'), ("3", "Cem", "Cooks"), ("4", "Dana", "Cooks")],
    "inch.csv": [("1", "Ann", 'Desk 24"'), ("2", "Ben", '"Red" team'), ("3", "Cem", 'the "A" team')],
}
for name, rows in ROWS.items():
    with open(name, "w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
PY
cat >read.mjs <<'JS'
import { createReadStream, readFileSync } from 'node:fs';
import { parse } from '@vanillaes/csv';
import CsvReader from 'csv-reader';
import csvStreamify from 'csv-streamify';

const all = (stream) =>
  new Promise((resolve, reject) => {
    const rows = [];
    stream.on('data', (row) => rows.push(row)).on('end', () => resolve(rows)).on('error', reject);
  });
for (const name of ['ditto.csv', 'inch.csv']) {
  const read = {
    'csv-streamify': await all(createReadStream(name).pipe(csvStreamify({ objectMode: true }))),
    'csv-reader': await all(createReadStream(name, 'utf8').pipe(new CsvReader({}))),
    '@vanillaes/csv': parse(readFileSync(name, 'utf8')),
  };
  console.log(readFileSync(name, 'utf8').trim());
  for (const [reader, rows] of Object.entries(read)) console.log(`  ${reader}: ${JSON.stringify(rows)}`);
}
JS
node read.mjs | tee seen

diff - seen <<'EXPECTED'
1,Ann,Nurses
2,Ben,""""
3,Cem,Cooks
4,Dana,Cooks
  csv-streamify: [["1","Ann","Nurses"],["2","Ben","\"\n3,Cem,Cooks\n4,Dana,Cooks\n"]]
  csv-reader: [["1","Ann","Nurses"],["2","Ben","\""],["3","Cem","Cooks"],["4","Dana","Cooks"]]
  @vanillaes/csv: [["1","Ann","Nurses"],["2","Ben","\""],["3","Cem","Cooks"],["4","Dana","Cooks"]]
1,Ann,"Desk 24"""
2,Ben,"""Red"" team"
3,Cem,"the ""A"" team"
  csv-streamify: [["1","Ann","Desk 24\""],["2","Ben","\"Red\" team"],["3","Cem","the \"A\" team"]]
  csv-reader: [["1","Ann","Desk 24\""],["2","Ben","\"Red\" team"],["3","Cem","the \"A\" team"]]
  @vanillaes/csv: [["1","Ann","Desk 24\""],["2","Ben","\"Red\" team"],["3","Cem","the \"A\" team"]]
EXPECTED
