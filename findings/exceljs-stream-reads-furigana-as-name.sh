#!/usr/bin/env bash
# ExcelJS's streaming reader returns the last part of a name's pronunciation in place of the name.
#
# Versions: XlsxWriter 3.3.1 (makes the workbook), exceljs 4.4.0, python-calamine 0.9.1.
#
# Japanese Excel keeps beside a typed name how it is pronounced (furigana). In the workbook this is an `rPh`
# part of the shared text, one for each group of characters, and nothing of it is shown in the cell. No public
# writer was found that writes it, so the script puts it into the shared texts of a plain workbook.
#
# Guess: a reader leaves out the pronunciation, or at worst appends it to the name.
#
# Seen: ExcelJS's ordinary reader returns the name. Its streaming reader, for the same file, returns only the
# last group's pronunciation: the name is gone. Names without furigana, in the same column, come out right.
#
# Why it matters: large lists are read as a stream, and then some members get parts of their names for names.
# memberbase leaves out pronunciations, in .xlsx, .xls and .ods (docs/lists.md: "as the person who made it
# sees it").
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check XlsxWriter==3.3.1 python-calamine==0.9.1
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts exceljs@4.4.0 >/dev/null

venv/bin/python - <<'PY' | tee seen
import zipfile

import python_calamine
import xlsxwriter

book = xlsxwriter.Workbook("plain.xlsx")
sheet = book.add_worksheet()
for at, row in enumerate([["ref", "name"], ["A1", "山田太郎"], ["A2", "田中一郎"]]):
    sheet.write_row(at, 0, row)
book.close()

typed = '<si><t>山田太郎</t></si>'
with_furigana = (
    '<si><t>山田太郎</t><rPh sb="0" eb="2"><t>ヤマダ</t></rPh><rPh sb="2" eb="4"><t>タロウ</t></rPh>'
    '<phoneticPr fontId="0"/></si>'
)
plain = zipfile.ZipFile("plain.xlsx")
with zipfile.ZipFile("list.xlsx", "w", zipfile.ZIP_DEFLATED) as made:
    # The workbook before its sheets, as Excel orders the parts: the streaming reader relies on it.
    for part in sorted(plain.namelist(), key=lambda name: "worksheets" in name):
        data = plain.read(part).decode()
        if part == "xl/sharedStrings.xml":
            assert typed in data
            data = data.replace(typed, with_furigana)
        made.writestr(part, data)

read = python_calamine.CalamineWorkbook.from_path("list.xlsx").get_sheet_by_index(0)
for row in read.to_python()[1:]:
    print("calamine", *row)
PY

cat >read.js <<'JS'
const ExcelJS = require('exceljs');

async function main() {
  const book = new ExcelJS.Workbook();
  await book.xlsx.readFile('list.xlsx');
  book.worksheets[0].eachRow((row, at) => at > 1 && console.log('exceljs', ...row.values.slice(1)));

  for await (const sheet of new ExcelJS.stream.xlsx.WorkbookReader('list.xlsx')) {
    for await (const row of sheet) {
      if (row.number > 1) console.log('exceljs-stream', ...row.values.slice(1));
    }
  }
}
main();
JS
node read.js | tee -a seen

diff - seen <<'EXPECTED'
calamine A1 山田太郎
calamine A2 田中一郎
exceljs A1 山田太郎
exceljs A2 田中一郎
exceljs-stream A1 タロウ
exceljs-stream A2 田中一郎
EXPECTED
