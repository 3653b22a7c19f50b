#!/usr/bin/env bash
# xlsx2csv writes the number format in place of a number, if its words have a d, h, m, s or y.
#
# Versions: XlsxWriter 3.3.1 (makes the workbook), xlsx2csv 0.8.6, SheetJS as xlsx 0.18.5, python-calamine
# 0.9.1.
#
# A number can have words in its format, between quotes: 123 with `"STAFF-"00000` is shown as STAFF-00123.
#
# Guess: a converter writes the number, 123, or what is shown, STAFF-00123.
#
# Seen: SheetJS writes what is shown, and calamine returns the number. xlsx2csv looks for the letters of a
# date in the whole format, also between the quotes, and then writes the format. Everybody's id becomes
# `"staff-"00000`. With `"ID "0` the id 123 becomes `"i02 "0`, because day 123 is 2 May 1900. With `"No. "0`
# it stays 123. With `-f %Y-%m-%d` the ids are dates. There is no error.
#
# Why it matters: a column of ids is gone, and with some formats all members have the same id afterwards.
# memberbase reads the id that is shown (docs/lists.md, "Spreadsheets"), and fails a row whose key an earlier
# row has.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
    XlsxWriter==3.3.1 xlsx2csv==0.8.6 python-calamine==0.9.1
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts xlsx@0.18.5 >/dev/null

venv/bin/python - <<'PY' | tee seen
import csv
import io
import subprocess

import python_calamine
import xlsxwriter

FORMATS = ['"STAFF-"00000', '"ID "0', '"M"0000', '"No. "0']
IDS = [123, 456]

book = xlsxwriter.Workbook("list.xlsx")
sheet = book.add_worksheet()
for column, words in enumerate(FORMATS):
    for row, number in enumerate(IDS):
        sheet.write_number(row, column, number, book.add_format({"num_format": words}))
book.close()

read = python_calamine.CalamineWorkbook.from_path("list.xlsx").get_sheet_by_index(0)
for row in read.to_python():
    print("calamine", *(int(number) for number in row), sep=" | ")
for options in [], ["-f", "%Y-%m-%d"]:
    command = ["venv/bin/xlsx2csv", *options, "list.xlsx"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    for row in csv.reader(io.StringIO(text)):
        print(*["xlsx2csv", *options, *row], sep=" | ")
PY

cat >read.js <<'JS'
const sheetjs = require('xlsx');
const book = sheetjs.readFile('list.xlsx');
const shown = sheetjs.utils.sheet_to_json(book.Sheets[book.SheetNames[0]], { header: 1, raw: false });
for (const row of shown) console.log(['sheetjs', ...row].join(' | '));
JS
node read.js | tee -a seen

diff - seen <<'EXPECTED'
calamine | 123 | 123 | 123 | 123
calamine | 456 | 456 | 456 | 456
xlsx2csv | "staff-"00000 | "i02 "0 | "05"0000 | 123
xlsx2csv | "staff-"00000 | "i31 "0 | "03"0000 | 456
xlsx2csv | -f | %Y-%m-%d | 1900-05-02 | 1900-05-02 | 1900-05-02 | 123
xlsx2csv | -f | %Y-%m-%d | 1901-03-31 | 1901-03-31 | 1901-03-31 | 456
sheetjs | STAFF-00123 | ID 123 | M0123 | No. 123
sheetjs | STAFF-00456 | ID 456 | M0456 | No. 456
EXPECTED
