#!/usr/bin/env bash
# fast-ods returns the comment of a cell in place of its name, and of an address only the first line.
#
# Versions: odfpy 1.4.1 (makes the file), fast-ods 0.3.2; for comparison pandas 3.1.1 with odfpy, and
# python-calamine 0.9.1.
#
# A cell of an .ods file may have a comment. It is an element of its own in the cell, before the paragraphs of
# the cell's text, with paragraphs of its own. A text of several lines is several paragraphs. Of several
# spaces all but the first are an element that has their number.
#
# Guess: the cell with a comment is "Ann Example", as it is on the screen.
#
# Seen: fast-ods takes the first paragraph that it finds within the cell. That is the comment if there is one,
# and otherwise the first line. It drops the element for spaces too. pandas and calamine leave the comment
# out, and read both lines and all spaces.
#
# Why it matters: somebody notes "moved in May" at a name, and at the next import this is the member's name.
# The other cells look right.
# memberbase skips comments, and reads all lines of a cell (docs/lists.md, "Text": line breaks in a cell are
# LF).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check odfpy==1.4.1 fast-ods==0.3.2 pandas==3.1.1 \
  python-calamine==0.9.1

venv/bin/python - <<'PY' | tee seen
import pandas
from fast_ods import ODSParser
from odf.office import Annotation
from odf.opendocument import OpenDocumentSpreadsheet
from odf.table import Table, TableCell, TableRow
from odf.text import P, S
from python_calamine import CalamineWorkbook


def paragraph(*parts):
    made = P()
    for part in parts:
        made.addText(part) if isinstance(part, str) else made.addElement(part)
    return made


def comment(text):
    made = Annotation()
    made.addElement(paragraph(text))
    return made


CELLS = {
    "plain": [paragraph("Ann Example")],
    "comment": [comment("moved in May"), paragraph("Ann Example")],
    "two lines": [paragraph("1 Example Street"), paragraph("London")],
    "three spaces": [paragraph("Ann ", S(c=2), "Example")],
}
document = OpenDocumentSpreadsheet()
table = Table(name="Members")
document.spreadsheet.addElement(table)
for label, elements in CELLS.items():
    row = TableRow()
    table.addElement(row)
    for content in [paragraph(label)], elements:
        cell = TableCell(valuetype="string")
        row.addElement(cell)
        for element in content:
            cell.addElement(element)
document.save("members.ods")

by_fast_ods = dict(ODSParser().parse("members.ods"))
by_pandas = dict(pandas.read_excel("members.ods", engine="odf", header=None).itertuples(index=False))
by_calamine = dict(CalamineWorkbook.from_path("members.ods").get_sheet_by_index(0).to_python())
for label in CELLS:
    print(f"{label}: {by_fast_ods[label]!r}, pandas {by_pandas[label]!r}, calamine {by_calamine[label]!r}")
PY

diff - seen <<'EXPECTED'
plain: 'Ann Example', pandas 'Ann Example', calamine 'Ann Example'
comment: 'moved in May', pandas 'Ann Example', calamine 'Ann Example'
two lines: '1 Example Street', pandas '1 Example Street\nLondon', calamine '1 Example Street\nLondon'
three spaces: 'Ann Example', pandas 'Ann   Example', calamine 'Ann   Example'
EXPECTED
