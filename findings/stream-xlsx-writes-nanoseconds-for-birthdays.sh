#!/usr/bin/env bash
# stream-xlsx-py returns nanoseconds for all birthdays of a batch that has one word among them.
#
# Versions: openpyxl 3.1.5 (makes the workbooks), stream-xlsx-py 0.4.0, python-calamine 0.9.1.
#
# stream-xlsx-py reads an .xlsx file in batches, as data frames of polars. A column of a data frame has one
# type, so dates and texts in one column have to be one or the other.
#
# Guess: beside a word, a date is a text that shows the date, or the word is null.
#
# Seen: if the first is a date, 1990-01-05 becomes the text `631497600000000000`, its nanoseconds since 1970.
# If the first is the word, it becomes `1990-01-05 00:00:00`. With `fast=True` it is `32878` in both cases,
# and dates are bare numbers in a column without words too. What holds for one batch does not hold for the
# next. A number in a column of dates becomes a date: 5 is 1900-01-05. calamine returns each cell as it is.
#
# Why it matters: "unknown" in one cell turns the birthdays of thousands of others into numbers, and only
# those in the same batch.
# memberbase reads each cell by itself, and fails the row with the word (docs/lists.md).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check openpyxl==3.1.5 stream-xlsx-py==0.4.0 \
    polars==1.33.1 python-calamine==0.9.1

venv/bin/python - <<'PY' | tee seen
import datetime

import openpyxl
import python_calamine
import stream_xlsx_py

BORN = datetime.date(1990, 1, 5)


def read(title, born, **options):
    book = openpyxl.Workbook()
    for row in [("ref", "dob"), *((f"A{at}", value) for at, value in enumerate(born))]:
        book.active.append(row)
    book.save("list.xlsx")
    for frame in stream_xlsx_py.read_xlsx("list.xlsx", **options):
        print(f"{title}:", *(str(value) for value in frame["dob"].to_list()))


read("dates", [BORN, BORN])
read("dates, fast", [BORN, BORN], fast=True)
read("date first", [BORN, "unknown"])
read("date first, fast", [BORN, "unknown"], fast=True)
read("word first", ["unknown", BORN])
read("number", [BORN, 5])
read("batches", [BORN, BORN, BORN, "unknown"], batch_size=2)
cells = python_calamine.CalamineWorkbook.from_path("list.xlsx").get_sheet_by_index(0).to_python()
print("calamine:", *(str(born) for _, born in cells[1:]))
PY

diff - seen <<'EXPECTED'
dates: 1990-01-05 00:00:00 1990-01-05 00:00:00
dates, fast: 32878 32878
date first: 631497600000000000 unknown
date first, fast: 32878 unknown
word first: unknown 1990-01-05 00:00:00
number: 1990-01-05 00:00:00 1900-01-05 00:00:00
batches: 1990-01-05 00:00:00 1990-01-05 00:00:00
batches: 631497600000000000 unknown
calamine: 1990-01-05 1990-01-05 1990-01-05 unknown
EXPECTED
