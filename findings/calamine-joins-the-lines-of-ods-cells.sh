#!/usr/bin/env bash
# calamine reads a cell of two lines as one word, if pyexcel-ods3 or ezodf wrote the .ods file.
#
# Versions: pyexcel-ods3 0.6.1 with pyexcel-ezodf 0.3.4 (writer and reader), python-calamine 0.9.1, fastexcel
# 0.21.0 (which polars uses), pandas 3.1.1 with odfpy 1.4.1, SheetJS as @e965/xlsx 0.20.3.
#
# In an .ods file a line break in a cell is either a new paragraph, as LibreOffice writes it, or the element
# `text:line-break`. A tab is `text:tab`, and several spaces are `text:s`.
#
# Guess: each reader returns the line break as LF, or as a space.
#
# Seen: calamine knows paragraphs and `text:s`, but drops `text:line-break` and `text:tab`, so that the words
# beside them become one. fastexcel, and with it polars, does the same. pandas with odfpy drops the tab only.
# The others return what was written.
#
# Why it matters: "Ann" over "Example" becomes the name AnnExample, which looks like a name. No search for
# Example finds her.
# memberbase reads both elements (docs/lists.md, "Text": line breaks in a cell are LF).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pyexcel-ods3==0.6.1 pyexcel-ezodf==0.3.4 \
    pyexcel-io==0.6.8 python-calamine==0.9.1 fastexcel==0.21.0 pyarrow==26.0.1 pandas==3.1.1 odfpy==1.4.1
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @e965/xlsx@0.20.3 >/dev/null

venv/bin/python - <<'PY' | tee seen
import zipfile

import fastexcel
import pandas
import pyexcel_ods3
import python_calamine

pyexcel_ods3.save_data("list.ods", {"list": [["Ann\nExample", "Oslo\tNorway", "x  y"]]})
cells = zipfile.ZipFile("list.ods").read("content.xml").decode()
assert "Ann<text:line-break/>Example" in cells and "Oslo<text:tab/>Norway" in cells and "<text:s/>" in cells

sheet = fastexcel.read_excel("list.ods").load_sheet(0, header_row=None)
(by_fastexcel,) = sheet.to_arrow().to_pylist()
read = {
    "calamine": python_calamine.CalamineWorkbook.from_path("list.ods").get_sheet_by_index(0).to_python()[0],
    "fastexcel": by_fastexcel.values(),
    "pandas with odfpy": pandas.read_excel("list.ods", engine="odf", header=None).iloc[0],
    "pyexcel-ods3": pyexcel_ods3.get_data("list.ods")["list"][0],
}
for name, row in read.items():
    print(name, *map(repr, row))
PY

cat >read.js <<'JS'
const sheetjs = require('@e965/xlsx');
const [row] = sheetjs.utils.sheet_to_json(sheetjs.readFile('list.ods').Sheets.list, { header: 1 });
console.log('sheetjs', ...row.map((cell) => JSON.stringify(cell).replaceAll('"', "'")));
JS
node read.js | tee -a seen

diff - seen <<'EXPECTED'
calamine 'AnnExample' 'OsloNorway' 'x  y'
fastexcel 'AnnExample' 'OsloNorway' 'x  y'
pandas with odfpy 'Ann\nExample' 'OsloNorway' 'x  y'
pyexcel-ods3 'Ann\nExample' 'Oslo\tNorway' 'x  y'
sheetjs 'Ann\nExample' 'Oslo\tNorway' 'x  y'
EXPECTED
