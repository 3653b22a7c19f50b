#!/usr/bin/env bash
# calamine opens no .ods file that SheetJS wrote, because of the line breaks between its elements.
#
# Versions: SheetJS as xlsx 0.18.5 and as @e965/xlsx 0.20.3 (writers); python-calamine 0.9.1; pandas 3.1.1
# with odfpy 1.4.1 and with calamine.
#
# SheetJS puts each row and each cell of `content.xml` on a line of its own. White space between the elements
# of a table has no meaning. Most other writers write none.
#
# Guess: a list of two columns comes through each pair.
#
# Seen: calamine raises an error: it expected a cell and found text. pandas with the engine calamine says that
# it cannot detect the format of the file. pandas with odfpy reads the file, and calamine reads the .xlsx file
# of the same list.
#
# Why it matters: a web page that exports lists with SheetJS offers .ods beside .xlsx. An import that uses
# calamine, also by way of polars, takes the one and refuses the other as broken.
# memberbase has its own reader of .ods, and its tests read such a file (tests/lists/sheetjs-indented.ods).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
    python-calamine==0.9.1 pandas==3.1.1 odfpy==1.4.1
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts xlsx@0.18.5 @e965/xlsx@0.20.3 >/dev/null

cat >write.js <<'JS'
for (const [name, file] of Object.entries({ xlsx: 'old', '@e965/xlsx': 'new' })) {
  const sheetjs = require(name);
  const book = sheetjs.utils.book_new();
  sheetjs.utils.book_append_sheet(book, sheetjs.utils.aoa_to_sheet([['ref', 'name'], ['A1', 'Ann']]), 'list');
  for (const type of ['ods', 'xlsx']) sheetjs.writeFile(book, `${file}.${type}`);
}
JS
node write.js

venv/bin/python - <<'PY' | tee seen
import pandas
import python_calamine


def calamine(path):
    return python_calamine.CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python()[1]


def pandas_with_calamine(path):
    return [*pandas.read_excel(path, engine="calamine").iloc[0]]


def pandas_with_odfpy(path):
    return [*pandas.read_excel(path, engine="odf").iloc[0]]


for path in "old.ods", "new.ods", "new.xlsx":
    for read in calamine, pandas_with_calamine, *([pandas_with_odfpy] if path.endswith(".ods") else []):
        try:
            print(path, read.__name__, *read(path))
        except Exception as error:
            print(path, read.__name__, type(error).__name__, str(error).split(" {")[0].splitlines()[0])
PY

diff - seen <<'EXPECTED'
old.ods calamine CalamineError Expecting 'table-cell', found 'Text(BytesText
old.ods pandas_with_calamine CalamineError Cannot detect file format
old.ods pandas_with_odfpy A1 Ann
new.ods calamine CalamineError Expecting 'table-cell', found 'Text(BytesText
new.ods pandas_with_calamine CalamineError Cannot detect file format
new.ods pandas_with_odfpy A1 Ann
new.xlsx calamine A1 Ann
new.xlsx pandas_with_calamine A1 Ann
EXPECTED
