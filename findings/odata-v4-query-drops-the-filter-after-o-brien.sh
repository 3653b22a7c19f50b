#!/usr/bin/env bash
# odata-v4-query looks for O where the filter says O'Brien, and drops the rest of the filter.
#
# Versions: odata-v4-query 0.4.1 with SQLAlchemy 2.0.51; for comparison odata-query 0.10.0.
#
# In a filter of OData 4 an apostrophe in a text is written twice (`'O''Brien'`), and a date has no quotes
# (`2026-01-05`). The two packages parse such filters, and odata-v4-query has a helper that adds them to a
# query of SQLAlchemy.
#
# Guess: both parse the whole filter, or raise an error.
#
# Seen: odata-v4-query stops where it does not know how to go on, and what it has until then is the filter. Of
# `name eq 'O''Brien' and status eq 'active'` it keeps `name eq 'O'`, and of a date its year. With `ne` in
# place of `eq` the query finds O'Brien, and the member who has left. odata-query parses all of it.
#
# Why it matters: conditions are lost without an error. What is done with the result (an export, a letter, a
# deletion) goes to members that the filter leaves out, as soon as it has a name with an apostrophe.
# memberbase's filters are trees in JSON or Protocol Buffers, and what it cannot evaluate is an error
# (filter.proto).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check odata-v4-query==0.4.1 sqlalchemy==2.0.51 \
  odata-query==0.10.0

venv/bin/python - <<'PY' | tee seen
import logging

import sqlalchemy as sa
from odata_query.grammar import ODataLexer, ODataParser
from odata_query.sql import AstToSqlVisitor
from odata_v4_query import ODataFilterParser, ODataQueryParser
from odata_v4_query.utils.sqlalchemy import apply_to_sqlalchemy_query
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

logging.disable(logging.WARNING)


class Base(DeclarativeBase):
    pass


class Member(Base):
    __tablename__ = "member"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    status: Mapped[str]


parser = ODataFilterParser()
for text in (
    "name eq 'O''Brien' and status eq 'active'",
    "joined ge 2026-01-05 and status eq 'active'",
    "age mod 2 eq 1 and status eq 'active'",
    "status eq 'active' and name eq 'Example'",
):
    print(text)
    print("  odata-v4-query:", parser.evaluate(parser.parse(text)))
    print("  odata-query:   ", AstToSqlVisitor().visit(ODataParser().parse(ODataLexer().tokenize(text))))

engine = sa.create_engine("sqlite://")
Base.metadata.create_all(engine)
with Session(engine) as session:
    people = {"O'Brien": "active", "Example": "active", "Beispiel": "left"}
    session.add_all([Member(name=name, status=status) for name, status in people.items()])
    for operator in "eq", "ne":
        text = f"name {operator} 'O''Brien' and status eq 'active'"
        options = ODataQueryParser().parse_query_string(f"$filter={text}")
        found = session.scalars(apply_to_sqlalchemy_query(options, Member))
        print(text, "->", *[member.name for member in found] or ["(nobody)"])
PY

diff - seen <<'EXPECTED'
name eq 'O''Brien' and status eq 'active'
  odata-v4-query: name eq 'O'
  odata-query:    "name" = 'O''Brien' AND "status" = 'active'
joined ge 2026-01-05 and status eq 'active'
  odata-v4-query: joined ge 2026
  odata-query:    "joined" >= DATE '2026-01-05' AND "status" = 'active'
age mod 2 eq 1 and status eq 'active'
  odata-v4-query: age
  odata-query:    "age" % 2 = 1 AND "status" = 'active'
status eq 'active' and name eq 'Example'
  odata-v4-query: status eq 'active' and name eq 'Example'
  odata-query:    "status" = 'active' AND "name" = 'Example'
name eq 'O''Brien' and status eq 'active' -> (nobody)
name ne 'O''Brien' and status eq 'active' -> O'Brien Example Beispiel
EXPECTED
