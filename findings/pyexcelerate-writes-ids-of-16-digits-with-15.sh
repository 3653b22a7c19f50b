#!/usr/bin/env bash
# PyExcelerate writes a whole number of 16 digits with 15 of them, so two ids become one.
#
# Versions: PyExcelerate 0.13.0, XlsxWriter 3.3.1, openpyxl 3.1.5 (writer and reader).
#
# A 64-bit float, which is what an .xlsx reader makes of a number, holds each whole number up to
# 9,007,199,254,740,992 exactly. The XML of a cell holds the number as decimal digits, as many as the writer
# likes.
#
# Guess: PyExcelerate and openpyxl write a whole number with all of its digits, XlsxWriter with at most 16. So
# ids of 16 digits below that bound survive each of the three.
#
# Seen: XlsxWriter and openpyxl write them exactly. PyExcelerate writes Python's `int` with 15 digits:
# 1234567890123456 and 1234567890123458 both arrive as 1234567890123460. There is no error or warning.
#
# Why it matters: such an export has one id for two members, and no reader can tell that there were two.
# memberbase fails each row whose key is a number of more than 15 digits (docs/lists.md, "Spreadsheets"); ids
# must be written as text.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
    PyExcelerate==0.13.0 XlsxWriter==3.3.1 openpyxl==3.1.5

venv/bin/python -W ignore - <<'PY' | tee seen
import openpyxl
import pyexcelerate
import xlsxwriter

IDS = [1234567890123456, 1234567890123458]
assert all(int(float(number)) == number for number in IDS)


def write_openpyxl(path):
    book = openpyxl.Workbook()
    book.active.append(IDS)
    book.save(path)


def write_xlsxwriter(path):
    book = xlsxwriter.Workbook(path)
    book.add_worksheet().write_row(0, 0, IDS)
    book.close()


def write_pyexcelerate(path):
    book = pyexcelerate.Workbook()
    book.new_sheet("list", data=[IDS])
    book.save(path)


for write in write_openpyxl, write_xlsxwriter, write_pyexcelerate:
    write("list.xlsx")
    read = next(openpyxl.load_workbook("list.xlsx").worksheets[0].values)
    print(write.__name__.removeprefix("write_"), *(int(number) for number in read))
PY

diff - seen <<'EXPECTED'
openpyxl 1234567890123456 1234567890123458
xlsxwriter 1234567890123456 1234567890123458
pyexcelerate 1234567890123460 1234567890123460
EXPECTED
