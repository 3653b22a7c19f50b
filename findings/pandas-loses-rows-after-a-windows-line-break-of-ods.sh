#!/usr/bin/env bash
# pandas reads its own .ods file only up to the first cell that has a Windows line break.
#
# Versions: pandas 3.1.1 with odfpy 1.4.1 (writer and reader) and with python-calamine 0.9.1 (reader).
#
# A cell whose text has two lines, such as an address, may have CR LF between them if the text came from
# Windows. odfpy is what pandas uses for .ods by default.
#
# Guess: the line break comes back as CR LF or as LF, and all rows come back.
#
# Seen: odfpy writes the carriage return as `&#12;`, which is a form feed (a carriage return is `&#13;`). No
# XML document may have a form feed. When pandas reads the file, odfpy prints "SAX FAILED TO PARSE" and the
# XML, but raises nothing. pandas returns the rows until there, and the last one in half. calamine, which
# takes the form feed for a character, returns all rows.
#
# Why it matters: a program that filters a list in this way hands over a short one, and does not fail. A sync
# would then remove everybody who comes after the cell.
# memberbase does not take the beginning of a list for the list: a fault of the file refuses it
# (docs/lists.md), and a plan that removes that many members is held (docs/sync.md, "When a plan is held").
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
    pandas==3.1.1 odfpy==1.4.1 python-calamine==0.9.1

venv/bin/python - <<'PY' | tee seen
import contextlib
import io
import zipfile

import pandas

members = [(f"A{at}", f"{at} Example Street", "gold") for at in range(1, 1001)]
members[399] = ("A400", "400 Example Street\r\nOslo", "gold")
members = pandas.DataFrame(members, columns=["ref", "address", "tier"])
members.to_excel("list.ods", engine="odf", index=False)
cells = zipfile.ZipFile("list.ods").read("content.xml").decode()
print("written:", "&#12;" in cells, cells.count("<table:table-row>"), "rows with the headings")

for engine in "odf", "calamine":
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        read = pandas.read_excel("list.ods", engine=engine)
    said = [line.strip("= ") for line in printed.getvalue().splitlines()[:1]]
    print(engine, len(read), "rows, the last one", *read.iloc[-1], *said, sep=" | ")
PY

diff - seen <<'EXPECTED'
written: True 1001 rows with the headings
odf | 400 | rows, the last one | A400 | nan | nan | SAX FAILED TO PARSE
calamine | 1000 | rows, the last one | A1000 | 1000 Example Street | gold
EXPECTED
