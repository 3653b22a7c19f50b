#!/usr/bin/env bash
# pandas reads the boolean `true` of an .ods file as False, unless its text is exactly "TRUE".
#
# Versions: odsgenerator 1.17.0 (writer), pandas 3.1.1 with odfpy 1.4.1 and with python-calamine 0.9.1.
#
# A boolean cell of an .ods file has the value `true` or `false` in the attribute `office:boolean-value`.
# Beside it stands the text that is shown, in the language of the author: "TRUE", "WAHR", "VRAI", or "true".
#
# Guess: pandas reads the attribute, with both of its readers for .ods.
#
# Seen: with odfpy, its default for .ods, pandas compares the shown text with "TRUE" and takes everything else
# for False. odsgenerator writes "true", so a column of flags becomes False everywhere, without an error. With
# calamine the same call returns the right values.
#
# Why it matters: who filters a list by a flag, such as "still employed", before a sync hands over a list with
# nobody in it, and the sync would then remove everyone.
# memberbase reads the attribute, and holds a plan that removes that many (docs/sync.md, "When a plan is
# held").
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
    odsgenerator==1.17.0 pandas==3.1.1 odfpy==1.4.1 python-calamine==0.9.1

venv/bin/python - <<'PY' | tee seen
import zipfile

import odsgenerator.odsgenerator as odsgenerator
import pandas

odsgenerator.ODSGenerator([[["ref", "employed"], ["A1", True], ["A2", True], ["A3", False]]]).save("list.ods")
cells = zipfile.ZipFile("list.ods").read("content.xml").decode()
assert cells.count('office:boolean-value="true"') == 2 and cells.count("<text:p>true</text:p>") == 2

for engine in "odf", "calamine":
    read = pandas.read_excel("list.ods", engine=engine)
    print(engine, *(f"{ref}={employed}" for ref, employed in read.itertuples(index=False)))
default = pandas.read_excel("list.ods")
print("default", *(f"{ref}={employed}" for ref, employed in default.itertuples(index=False)))
PY

diff - seen <<'EXPECTED'
odf A1=False A2=False A3=False
calamine A1=True A2=True A3=False
default A1=False A2=False A3=False
EXPECTED
