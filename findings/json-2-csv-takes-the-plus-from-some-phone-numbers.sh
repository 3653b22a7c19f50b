#!/usr/bin/env bash
# json-2-csv's protection against formulas takes the plus from a phone number, if it has spaces.
#
# Versions: json-2-csv 5.6.0; for comparison csv-stringify 6.9.0 and papaparse 5.7.1.
#
# CSV writers have an option against cells that a spreadsheet would take for a formula, because they begin
# with `=`, `+`, `-` or `@`.
#
# Guess: the three put an apostrophe before such a cell, and treat each notation of a phone number alike.
#
# Seen: csv-stringify and papaparse put an apostrophe there. json-2-csv removes the characters, for good. Its
# documentation says so, but not that a text which JavaScript takes for a number is left alone:
# `+447700900123` keeps its plus, and `+44 7700 900123`, in the same column, loses it.
#
# Why it matters: a number without its plus could be one of the reader's own country, and because the rest of
# the column looks right, nobody looks for it.
# memberbase removes the apostrophes (docs/lists.md, "Cells"), and fails a row whose phone number has no plus
# rather than guess the country (docs/onsi.md, "Fields").
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts \
    json-2-csv@5.6.0 csv-stringify@6.9.0 papaparse@5.7.1 >/dev/null

cat >write.js <<'JS'
const { json2csv } = require('json-2-csv');
const { stringify } = require('csv-stringify/sync');
const papaparse = require('papaparse');

const phones = ['+447700900123', '+44 7700 900123', '+44-7700-900123'];
const members = phones.map((phone) => ({ ref: 'A1', phone }));
const show = (name, csv) => {
  const lines = csv.trimEnd().split(/\r?\n/).slice(-members.length);
  for (const line of lines) console.log(name, line);
};
show('json-2-csv', json2csv(members, { preventCsvInjection: true }));
show('csv-stringify', stringify(members, { escape_formulas: true }));
show('papaparse', papaparse.unparse(members, { escapeFormulae: true }));
JS
node write.js | tee seen

diff - seen <<'EXPECTED'
json-2-csv A1,+447700900123
json-2-csv A1,44 7700 900123
json-2-csv A1,44-7700-900123
csv-stringify A1,'+447700900123
csv-stringify A1,'+44 7700 900123
csv-stringify A1,'+44-7700-900123
papaparse A1,"'+447700900123"
papaparse A1,"'+44 7700 900123"
papaparse A1,"'+44-7700-900123"
EXPECTED
