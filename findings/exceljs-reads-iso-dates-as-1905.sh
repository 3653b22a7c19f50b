#!/usr/bin/env bash
# ExcelJS reads a date that is stored as ISO 8601 as a day in 1905.
#
# Versions: openpyxl 3.1.5, exceljs 4.4.0, xlsx-populate 1.21.0.
#
# A cell of an .xlsx file can hold a date as a number of days, or as text in a cell of type `d`. openpyxl
# writes the second form if `iso_dates` is set, and Excel writes it in a "Strict Open XML" workbook.
#
# Guess: each reader returns the date, or its text, or refuses the cell.
#
# Seen: ExcelJS reads as much of `1990-01-05` as is a number, which is 1990, and takes it for the 1990th day.
# Its streaming reader returns the bare number 1990. xlsx-populate returns NaN. None of them reports an error.
# (ExcelJS issue 2695 describes the same for Strict workbooks; it is open.)
#
# Why it matters: in a list that passed through such a program, each date of birth is valid and wrong.
# memberbase reads cells of type `d` as the date that they show (docs/lists.md: "as the person who made it
# sees it").
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check openpyxl==3.1.5
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts exceljs@4.4.0 xlsx-populate@1.21.0 >/dev/null

venv/bin/python - <<'PY' | tee seen
import datetime
import zipfile

import openpyxl

book = openpyxl.Workbook()
book.iso_dates = True
sheet = book.active
sheet.append(["date_of_birth", datetime.date(1990, 1, 5)])
sheet.append(["started", datetime.datetime(2024, 2, 29, 9, 30)])
book.save("list.xlsx")
cells = zipfile.ZipFile("list.xlsx").read("xl/worksheets/sheet1.xml").decode()
assert 't="d"><v>1990-01-05</v>' in cells and 't="d"><v>2024-02-29T09:30:00</v>' in cells
for row in openpyxl.load_workbook("list.xlsx").active.values:
    print("openpyxl", row[0], row[1].isoformat())
PY

cat >read.js <<'JS'
const ExcelJS = require('exceljs');
const populate = require('xlsx-populate');

const show = (value) => (value instanceof Date ? value.toISOString() : String(value));

async function main() {
  const book = new ExcelJS.Workbook();
  await book.xlsx.readFile('list.xlsx');
  book.worksheets[0].eachRow((row) => console.log('exceljs', row.values[1], show(row.values[2])));

  for await (const sheet of new ExcelJS.stream.xlsx.WorkbookReader('list.xlsx')) {
    for await (const row of sheet) console.log('exceljs-stream', row.values[1], show(row.values[2]));
  }

  const read = await populate.fromFileAsync('list.xlsx');
  for (const row of read.sheet(0).usedRange().value()) console.log('xlsx-populate', row[0], show(row[1]));
}
main();
JS
node read.js | tee -a seen
diff - seen <<'EXPECTED'
openpyxl date_of_birth 1990-01-05
openpyxl started 2024-02-29T09:30:00
exceljs date_of_birth 1905-06-12T00:00:00.000Z
exceljs started 1905-07-16T00:00:00.000Z
exceljs-stream date_of_birth 1990
exceljs-stream started 2024
xlsx-populate date_of_birth NaN
xlsx-populate started NaN
EXPECTED
