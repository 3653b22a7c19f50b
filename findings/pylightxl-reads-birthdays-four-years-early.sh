#!/usr/bin/env bash
# pylightxl and oxlsx read the dates of a workbook of the 1904 system four years and a day early.
#
# Versions: XlsxWriter 3.3.1 (makes the workbook), pylightxl 1.61, oxlsx 0.2.0; for comparison openpyxl 3.1.5,
# stream-xlsx-py 0.4.0 and python-calamine 0.9.1.
#
# A date in an .xlsx file is a number of days, since 1900 or since 1904. The workbook says which. Excel for
# Mac chose 1904 for a long time, and workbooks keep it for as long as they are copied.
#
# Guess: readers that turn such a number into a date look at what the workbook says.
#
# Seen: openpyxl, stream-xlsx-py and calamine do. pylightxl and oxlsx count from 1900. 1990-01-05 comes out as
# 1986-01-04, with no warning.
#
# Why it matters: each birthday of the list is a valid one. Members of 14 pass for 18.
# memberbase reads the dates as the workbook shows them (docs/lists.md, "Spreadsheets").
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check XlsxWriter==3.3.1 pylightxl==1.61 oxlsx==0.2.0 \
    openpyxl==3.1.5 stream-xlsx-py==0.4.0 polars==1.33.1 python-calamine==0.9.1

venv/bin/python - <<'PY' | tee seen
import datetime

import openpyxl
import oxlsx
import pylightxl
import python_calamine
import stream_xlsx_py
import xlsxwriter

BORN = datetime.date(1990, 1, 5)
for since in (1900, 1904):
    book = xlsxwriter.Workbook("list.xlsx", {"date_1904": since == 1904})
    sheet = book.add_worksheet("list")
    sheet.write_string(0, 0, "dob")
    sheet.write_datetime(1, 0, BORN, book.add_format({"num_format": "yyyy-mm-dd"}))
    book.close()

    print(since, "openpyxl:", openpyxl.load_workbook("list.xlsx").active["A2"].value)
    sheet = python_calamine.load_workbook("list.xlsx").get_sheet_by_index(0)
    print(since, "calamine:", *sheet.to_python()[1])
    print(since, "stream-xlsx-py:", *next(iter(stream_xlsx_py.read_xlsx("list.xlsx")))["dob"])
    print(since, "oxlsx:", oxlsx.load_workbook("list.xlsx").active["A2"].value)
    print(since, "pylightxl:", pylightxl.readxl("list.xlsx").ws("list").address("A2"))
PY

diff - seen <<'EXPECTED'
1900 openpyxl: 1990-01-05 00:00:00
1900 calamine: 1990-01-05
1900 stream-xlsx-py: 1990-01-05 00:00:00
1900 oxlsx: 1990-01-05
1900 pylightxl: 1990/01/05
1904 openpyxl: 1990-01-05 00:00:00
1904 calamine: 1990-01-05
1904 stream-xlsx-py: 1990-01-05 00:00:00
1904 oxlsx: 1986-01-04
1904 pylightxl: 1986/01/04
EXPECTED
