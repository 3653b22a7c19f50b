#!/usr/bin/env bash
# xlsx-stream-reader reads dates with the format dd.mm.yyyy as empty cells.
#
# Versions: XlsxWriter 3.3.1 (makes the workbook), xlsx-stream-reader 1.1.1; for comparison SheetJS as
# @e965/xlsx 0.20.3 and python-calamine 0.9.1.
#
# A date in an .xlsx file is a number with a format. Programs that write German lists give it `dd.mm.yyyy`,
# which Excel shows as 05.01.2026. xlsx-stream-reader returns each cell as a text in its format, or with an
# option as the bare number.
#
# Guess: the text of the cell is 05.01.2026.
#
# Seen: it is empty. So is the text of every date whose format has a dot without a backslash before it, such
# as `d. mmmm yyyy`. There is no error. `dd\.mm\.yyyy`, slashes and hyphens are right. SheetJS, which made the
# formatter that it uses, has the number 46027 as the text, so that something is seen at least. calamine
# returns the day. An id of 16 digits is `1.23457E+15` for both formatters, as in Excel, which is no longer
# the id.
#
# Why it matters: dates of birth or of joining are missing after an import, which look as if they had not been
# known. A list of the same program with another format is read well.
# memberbase reads the dates as the workbook shows them (docs/lists.md, "Spreadsheets").
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check xlsxwriter==3.3.1 python-calamine==0.9.1
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts xlsx-stream-reader@1.1.1 \
  @e965/xlsx@0.20.3 >/dev/null

cat >write.py <<'PY'
import datetime

import xlsxwriter

with xlsxwriter.Workbook("members.xlsx") as workbook:
    sheet = workbook.add_worksheet("Members")
    formats = "dd.mm.yyyy", "d. mmmm yyyy", r"dd\.mm\.yyyy", "dd/mm/yyyy", "yyyy-mm-dd"
    for row, number_format in enumerate(formats):
        sheet.write_string(row, 0, number_format)
        style = workbook.add_format({"num_format": number_format})
        sheet.write_datetime(row, 1, datetime.date(2026, 1, 5), style)
    sheet.write_row(len(formats), 0, ["General", 1234567890123456])
PY
venv/bin/python write.py

cat >read.js <<'JS'
const { createReadStream } = require('node:fs');
const XLSX = require('@e965/xlsx');
const XlsxStreamReader = require('xlsx-stream-reader');

const sheet = XLSX.readFile('members.xlsx').Sheets.Members;
const bySheetJs = Object.fromEntries(XLSX.utils.sheet_to_json(sheet, { header: 1, raw: false }));
const reader = new XlsxStreamReader();
reader.on('worksheet', (worksheet) => {
  worksheet.on('row', ({ values: [, format, text] }) => {
    console.log(`${format}: xlsx-stream-reader "${text}", SheetJS "${bySheetJs[format]}"`);
  });
  worksheet.process();
});
createReadStream('members.xlsx').pipe(reader);
JS
node read.js | tee seen

venv/bin/python - <<'PY' | tee -a seen
from python_calamine import CalamineWorkbook

rows = CalamineWorkbook.from_path("members.xlsx").get_sheet_by_index(0).to_python()
print("calamine:", *(str(value) for _, value in rows))
PY

diff - seen <<'EXPECTED'
dd.mm.yyyy: xlsx-stream-reader "", SheetJS "46027"
d. mmmm yyyy: xlsx-stream-reader "", SheetJS "46027"
dd\.mm\.yyyy: xlsx-stream-reader "05.01.2026", SheetJS "05.01.2026"
dd/mm/yyyy: xlsx-stream-reader "05/01/2026", SheetJS "05/01/2026"
yyyy-mm-dd: xlsx-stream-reader "2026-01-05", SheetJS "2026-01-05"
General: xlsx-stream-reader "1.23457E+15", SheetJS "1.23457E+15"
calamine: 2026-01-05 2026-01-05 2026-01-05 2026-01-05 2026-01-05 1234567890123456.0
EXPECTED
