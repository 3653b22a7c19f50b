#!/usr/bin/env bash
# scim2-filter-parser reads the filter `a or b and c` as `(a or b) and c`.
#
# Versions: scim2-filter-parser 0.7.0 with sly 0.5.
#
# HR systems ask a directory for its members with filters of SCIM (RFC 7644, section 3.4.2.2). There "and"
# binds more tightly than "or". The package turns a filter into SQL. Its parser quotes that section of the
# RFC.
#
# Guess: `a or b and c` becomes `a OR (b AND c)`, as in the RFC and in SQL.
#
# Seen: "and" and "or" are equal there, and the first one is evaluated first. `a and b or c` comes out right.
# `a or b and c` becomes `(a OR b) AND c` and finds fewer members. Parentheses in the filter help.
#
# Why it matters: "is Ann, or works in sales and is active" loses Ann if she is inactive. A job that creates
# whoever it does not find then makes a second member.
# memberbase's filters are trees of `and` and `or`, so there is no order of evaluation to agree on.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check scim2-filter-parser==0.7.0 sly==0.5

venv/bin/python - <<'PY' | tee seen
import sqlite3

from scim2_filter_parser.queries import SQLQuery

COLUMNS = {
    ("userName", None, None): "member.user_name",
    ("department", None, None): "member.department",
    ("active", None, None): "member.active",
}
store = sqlite3.connect(":memory:")
store.execute("CREATE TABLE member (user_name, department, active)")
store.executemany(
    "INSERT INTO member VALUES (?, ?, ?)",
    [("ann", "Law", "FALSE"), ("bob", "Sales", "TRUE"), ("cy", "Sales", "FALSE")],
)

ANN, SALES, ACTIVE = 'userName eq "ann"', 'department eq "Sales"', "active eq true"
for text in (
    f"{ANN} or {SALES} and {ACTIVE}",
    f"{ANN} or ({SALES} and {ACTIVE})",
    f"{SALES} and {ACTIVE} or {ANN}",
):
    query = SQLQuery(text, "member", COLUMNS)
    # `{a}` is the package's mark for a value, `:a` is SQLite's.
    where = " ".join(query.where_sql.split()).replace("{", ":").replace("}", "")
    found = store.execute(f"SELECT user_name FROM member WHERE {where}", query.params_dict)
    print(text, "->", *sorted(name for (name,) in found))
PY

diff - seen <<'EXPECTED'
userName eq "ann" or department eq "Sales" and active eq true -> bob
userName eq "ann" or (department eq "Sales" and active eq true) -> ann bob
department eq "Sales" and active eq true or userName eq "ann" -> ann bob
EXPECTED
