#!/usr/bin/env bash
# pyarrow reads a column of phone numbers with a plus as floats, and writes them as 4.47700900123e+11.
#
# Versions: pyarrow 26.0.1; for comparison pandas 3.1.1, polars 2.1.0 and duckdb 2.0.1.
#
# Readers of CSV guess the type of each column. polars and DuckDB leave numbers that begin with a plus as
# text.
#
# Guess: pyarrow reads `+447700900123` as text too, or at worst as a whole number, like pandas.
#
# Seen: pyarrow's whole numbers have no plus, but its floats do. So a column is text if one number has spaces,
# whole numbers if none has a plus, and floats if all are in the standard notation with a plus. Written again,
# they have an exponent, and the number +1 202 555 0123 is 1.2025550123e+10. The same happens where others
# call pyarrow: `pandas.read_csv(engine="pyarrow")` and `polars.read_csv(use_pyarrow=True)`.
#
# Why it matters: the cleaner the list, the worse it ends. Nobody finds a member by this number.
# memberbase fails a row whose phone number has become a number (docs/lists.md, "Cells").
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
    pyarrow==26.0.1 pandas==3.1.1 polars==2.1.0 duckdb==2.0.1

venv/bin/python - <<'PY' | tee seen
import pathlib

import duckdb
import pandas
import polars
import pyarrow.csv

LISTS = {
    "plus": "+447700900123 +12025550123",
    "plus, one with spaces": "+447700900123 +1_202_555_0123",
    "no plus": "447700900123 12025550123",
}
for name, phones in LISTS.items():
    rows = [f"A{at},{phone}" for at, phone in enumerate(phones.split())]
    pathlib.Path("list.csv").write_text("\n".join(["ref,phone", *rows, ""]).replace("_", " "))
    table = pyarrow.csv.read_csv("list.csv")
    pyarrow.csv.write_csv(table, "again.csv")
    again = pathlib.Path("again.csv").read_text().splitlines()[1:]
    print(f"pyarrow, {name}: {table.schema.field('phone').type}", *again)

pathlib.Path("list.csv").write_text("ref,phone\nA0,+447700900123\nA1,+12025550123\n")
print("pandas", *pandas.read_csv("list.csv")["phone"])
print("pandas with pyarrow", *pandas.read_csv("list.csv", engine="pyarrow")["phone"])
print("polars", *polars.read_csv("list.csv")["phone"])
print("polars with pyarrow", *polars.read_csv("list.csv", use_pyarrow=True)["phone"])
print("duckdb", *(phone for (phone,) in duckdb.sql("SELECT phone FROM 'list.csv'").fetchall()))
PY

diff - seen <<'EXPECTED'
pyarrow, plus: double "A0",4.47700900123e+11 "A1",1.2025550123e+10
pyarrow, plus, one with spaces: string "A0","+447700900123" "A1","+1 202 555 0123"
pyarrow, no plus: int64 "A0",447700900123 "A1",12025550123
pandas 447700900123 12025550123
pandas with pyarrow 447700900123.0 12025550123.0
polars +447700900123 +12025550123
polars with pyarrow 447700900123.0 12025550123.0
duckdb +447700900123 +12025550123
EXPECTED
