#!/usr/bin/env bash
# odata-query finds annxyb@example.com for "ann_b", and not ann_b@example.com.
#
# Versions: odata-query 0.10.0, with the SQLite of Python.
#
# odata-query turns filters of OData into conditions of SQL. In a pattern of LIKE an underscore stands for any
# one character, and a percent sign for any number of them. To stand for themselves they need a character
# before them, which `ESCAPE` names.
#
# Guess: `contains(email, 'ann_b')` finds the addresses that contain ann_b, or also those such as annxb.
#
# Seen: the visitors for SQL, SQLite and Athena write the underscore twice, without `ESCAPE`. That stands for
# two characters of any kind, so ann_b is just what is not found. Its visitor for SQLAlchemy does not do that.
# The SQL visitors also leave out the brackets of a difference: `a sub (b sub c)` becomes `a - b - c`.
#
# Why it matters: underscores are usual in e-mail addresses and user names. A search finds other people, and
# whoever is not found is created again.
# memberbase has no patterns of SQL. `prefix` is compared byte for byte, and `regex` is a regular expression
# (filter.proto).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check odata-query==0.10.0

venv/bin/python - <<'PY' | tee seen
import logging
import sqlite3

from odata_query.grammar import ODataLexer, ODataParser
from odata_query.sql import AstToAthenaSqlVisitor, AstToSqliteSqlVisitor, AstToSqlVisitor

VISITORS = AstToSqlVisitor, AstToSqliteSqlVisitor, AstToAthenaSqlVisitor
logging.disable(logging.WARNING)
db = sqlite3.connect(":memory:")
db.execute("CREATE TABLE member (email TEXT, total INTEGER, paid INTEGER, refunded INTEGER)")
for email in "ann_b@example.com", "annxb@example.com", "annxyb@example.com", "50%off@example.com":
    db.execute("INSERT INTO member VALUES (?, 10, 10, 4)", (email,))
for text in (
    "email eq 'ann_b@example.com'",
    "contains(email, 'ann_b')",
    "startswith(email, 'ann_b@')",
    "contains(email, '50%off')",
    "total sub (paid sub refunded) eq 4",
    "total sub paid sub refunded eq -4",
):
    tree = ODataParser().parse(ODataLexer().tokenize(text))
    made = {visitor().visit(tree) for visitor in VISITORS}
    print(text, "->", *made)
    condition = AstToSqliteSqlVisitor().visit(tree)
    found = [email for (email,) in db.execute(f"SELECT email FROM member WHERE {condition}")]
    print("  ", *(found or ["(nobody)"]))
PY

diff - seen <<'EXPECTED'
email eq 'ann_b@example.com' -> "email" = 'ann_b@example.com'
   ann_b@example.com
contains(email, 'ann_b') -> "email" LIKE '%ann__b%'
   annxyb@example.com
startswith(email, 'ann_b@') -> "email" LIKE 'ann__b@%'
   annxyb@example.com
contains(email, '50%off') -> "email" LIKE '%50%%off%'
   50%off@example.com
total sub (paid sub refunded) eq 4 -> "total" - "paid" - "refunded" = 4
   (nobody)
total sub paid sub refunded eq -4 -> "total" - "paid" - "refunded" = -4
   ann_b@example.com annxb@example.com annxyb@example.com 50%off@example.com
EXPECTED
