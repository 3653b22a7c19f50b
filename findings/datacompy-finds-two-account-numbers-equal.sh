#!/usr/bin/env bash
# datacompy finds two account numbers of 18 digits equal, and so does its port to Rust.
#
# Versions: datacompy 1.1.0 with pandas 2.3.3 and with polars 1.33.1, rdatacompy 1.1.3; for comparison diffly
# 1.6.0.
#
# These packages compare two tables by a key and report each row that differs. Numbers may differ by a
# tolerance, which is 0 unless one is given.
#
# Guess: two columns of 64-bit integers are equal if the integers are equal.
#
# Seen: datacompy and rdatacompy compare them as 64-bit floats, which do not have all integers of more than 15
# digits. 100000000000000001 and 100000000000000002 match, with pandas and with polars, and the report says
# that all rows are equal. In the key column, where the tables are joined, they differ. diffly finds the
# difference.
#
# Why it matters: a bank account or a card moved to its neighbour's number is what a comparison of two member
# lists should find first.
# memberbase refuses whole numbers of 2^53 and more, so such numbers are texts (docs/publisher.md).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check datacompy==1.1.0 pandas==2.3.3 polars==1.33.1 \
    rdatacompy==1.1.3 pyarrow==23.0.1 diffly==1.6.0

venv/bin/python - <<'PY' | tee seen
import datacompy
import diffly
import pandas
import polars
import pyarrow
import rdatacompy

OLD = {"ref": ["A1", "A2"], "account": [100000000000000001, 5]}
NEW = {"ref": ["A1", "A2"], "account": [100000000000000002, 5]}
old, new = pandas.DataFrame(OLD), pandas.DataFrame(NEW)
print("pandas:", datacompy.PandasCompare(old, new, "ref").matches())
print("as the key:", datacompy.PandasCompare(old, new, "account").matches())
old, new = polars.DataFrame(OLD), polars.DataFrame(NEW)
print("polars:", datacompy.PolarsCompare(old, new, "ref").matches())
print("diffly:", diffly.compare_frames(old, new, primary_key="ref").equal())
old, new = pyarrow.table(OLD), pyarrow.table(NEW)
print("rdatacompy:", rdatacompy.Compare(old, new, ["ref"]).matches())
PY

diff - seen <<'EXPECTED'
pandas: True
as the key: False
polars: True
diffly: False
rdatacompy: True
EXPECTED
