#!/usr/bin/env bash
# SheetJS reads the numbers and dates of an .ods file by pyexcel-ods3 as empty cells.
#
# Versions: pyexcel-ods3 0.6.1 with pyexcel-ezodf 0.3.4; SheetJS as xlsx 0.18.5 and as @e965/xlsx 0.20.3;
# python-calamine 0.9.1.
#
# A cell of an .ods file has its value in an attribute (`office:value`, `office:date-value`) and, as its
# content, the text that a spreadsheet shows. The text is optional. pyexcel-ods3 writes only the attribute,
# except for texts.
#
# Guess: each reader takes the value from the attribute.
#
# Seen: calamine and pyexcel-ods3 itself do. SheetJS has no cell at all where the text is missing: the numbers
# and dates are gone, without an error, and only columns of text remain.
#
# Why it matters: a sync takes an empty cell for "clear this field" (docs/sync.md), so a list that passed
# through this pair of programs would clear everyone's date of birth.
# memberbase reads the attribute. It fails a row only where it would have to know how a number is shown, such
# as in a key (docs/lists.md, "Spreadsheets").
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
    pyexcel-ods3==0.6.1 pyexcel-ezodf==0.3.4 pyexcel-io==0.6.8 python-calamine==0.9.1
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts xlsx@0.18.5 @e965/xlsx@0.20.3 >/dev/null

venv/bin/python - <<'PY' | tee seen
import datetime
import zipfile

import pyexcel_ods3
import python_calamine

members = [["Ann", 4711, datetime.date(1990, 1, 5)], ["Bob", 4712, datetime.date(1991, 2, 6)]]
pyexcel_ods3.save_data("list.ods", {"list": members})
cells = zipfile.ZipFile("list.ods").read("content.xml").decode()
assert 'office:value="4711"' in cells and 'office:date-value="1990-01-05"' in cells
assert "<text:p>Ann</text:p>" in cells and "<text:p>4711</text:p>" not in cells


for row in pyexcel_ods3.get_data("list.ods")["list"]:
    print("pyexcel-ods3", *row)
read = python_calamine.CalamineWorkbook.from_path("list.ods").get_sheet_by_index(0)
for name, number, date in read.to_python():
    print("calamine", name, int(number), date)
PY

cat >read.js <<'JS'
for (const name of ['xlsx', '@e965/xlsx']) {
  const sheetjs = require(name);
  const sheet = sheetjs.readFile('list.ods').Sheets.list;
  for (const row of [1, 2]) {
    const cells = ['A', 'B', 'C'].map((column) => sheet[column + row]);
    console.log(name, ...cells.map((cell) => (cell === undefined ? '(no cell)' : cell.v)));
  }
}
JS
node read.js | tee -a seen

diff - seen <<'EXPECTED'
pyexcel-ods3 Ann 4711 1990-01-05
pyexcel-ods3 Bob 4712 1991-02-06
calamine Ann 4711 1990-01-05
calamine Bob 4712 1991-02-06
xlsx Ann (no cell) (no cell)
xlsx Bob (no cell) (no cell)
@e965/xlsx Ann (no cell) (no cell)
@e965/xlsx Bob (no cell) (no cell)
EXPECTED
