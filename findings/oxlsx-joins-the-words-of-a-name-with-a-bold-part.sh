#!/usr/bin/env bash
# oxlsx joins the words of a name if one of them is bold, and saves the file so.
#
# Versions: openpyxl 3.1.5 (makes the workbook, and reads it), oxlsx 0.2.0, python-calamine 0.9.1.
#
# A text in an .xlsx file consists of parts if its letters have more than one format. `xml:space="preserve"`
# at a part says that the spaces at its ends belong to it.
#
# Guess: oxlsx, which has the interface of openpyxl and is written to be faster, returns the same texts.
#
# Seen: it removes the spaces at the ends of each part. "Ann " and a bold "Example" become AnnExample, and
# "van der " and "Berg" become "van derBerg". To load the workbook and save it, without a change, writes these
# texts into the file. openpyxl and calamine return the names.
#
# Why it matters: people make a part of a name bold in the lists that they keep by hand. Afterwards no search
# for Example finds her, and the file of the person who made the list has the same fault.
# memberbase keeps the spaces of the parts. It fails a row only where programs disagree on how its parts are
# shown (docs/lists.md, "Spreadsheets").
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check openpyxl==3.1.5 oxlsx==0.2.0 python-calamine==0.9.1

venv/bin/python - <<'PY' | tee seen
import openpyxl
import oxlsx
import python_calamine
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont

BOLD = InlineFont(b=True)
book = openpyxl.Workbook()
book.active.append(["A1", CellRichText("Ann ", TextBlock(BOLD, "Example"))])
book.active.append(["A2", CellRichText("Jan van der ", TextBlock(BOLD, "Berg"), ", Jr")])
book.active.append(["A3", "Bo Example"])
book.save("list.xlsx")


def names(reader, file):
    return [name for _, name in reader.load_workbook(file).active.iter_rows(values_only=True)]


cells = python_calamine.CalamineWorkbook.from_path("list.xlsx").get_sheet_by_index(0).to_python()
print("calamine:", [name for _, name in cells])
print("openpyxl:", names(openpyxl, "list.xlsx"))
print("oxlsx:", names(oxlsx, "list.xlsx"))
oxlsx.load_workbook("list.xlsx").save("saved.xlsx")
print("saved by oxlsx, read by openpyxl:", names(openpyxl, "saved.xlsx"))
PY

diff - seen <<'EXPECTED'
calamine: ['Ann Example', 'Jan van der Berg, Jr', 'Bo Example']
openpyxl: ['Ann Example', 'Jan van der Berg, Jr', 'Bo Example']
oxlsx: ['AnnExample', 'Jan van derBerg, Jr', 'Bo Example']
saved by oxlsx, read by openpyxl: ['AnnExample', 'Jan van derBerg, Jr', 'Bo Example']
EXPECTED
