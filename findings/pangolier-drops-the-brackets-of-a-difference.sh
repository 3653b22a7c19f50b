#!/usr/bin/env bash
# pangolier writes a - (b - c) as a - b - c, and the backslash of EXAMPLE\ben as it is.
#
# Versions: pangolier 0.4.2 and promql-builder 0.0.6; for comparison promcraft 0.6.2 (all PyPI).
#
# They build queries of Prometheus from expressions of Python. In such a query operators of one rank are
# evaluated from the left, so a difference or a quotient on the right needs brackets. In a text with quotes a
# backslash begins an escape, as in Go.
#
# Guess: a query means what the expression meant: brackets are written where they matter, and a label's value
# is found as it was given.
#
# Seen: pangolier writes brackets around a sum within a product, and none around a difference within a
# difference, nor around a quotient within a quotient. The account `EXAMPLE\ben` is written with one
# backslash, by promql-builder too, so it is EXAMPLE, a backspace and "en", which is nobody. promcraft is
# right.
#
# Why it matters: the query is valid, so nothing is reported. An alert about members less those who left for
# good (who left, less who came back) has a wrong sign at the latter, and one for an account finds nothing.
# memberbase shows its numbers to Prometheus, and the queries of its documentation are written by hand.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pangolier==0.4.2 promcraft==0.6.2 \
  promql-builder==0.0.6

cat >queries.py <<'PY'
from pangolier.metrics import Metric
from promcraft import InstantVector, Label
from promql_builder.builders import promql

a, b, c = (Metric(name) for name in "abc")
x, y, z = (InstantVector(name, []) for name in "abc")
u, v, w = (promql.vector(name) for name in "abc")

for what, *queries in (
    ("(a + b) * c", (a + b) * c, (x + y) * z, promql.mul(promql.add(u, v), w)),
    ("a - (b - c)", a - (b - c), x - (y - z), promql.sub(u, promql.sub(v, w))),
    ("a / (b / c)", a / (b / c), x / (y / z), promql.div(u, promql.div(v, w))),
    (
        r"a of EXAMPLE\ben",
        a.filter(account=r"EXAMPLE\ben"),
        InstantVector("a", [Label.eq("account", r"EXAMPLE\ben")]),
        promql.vector("a").label("account", r"EXAMPLE\ben"),
    ),
):
    print(what)
    texts = (queries[0].to_str(), str(queries[1]), str(queries[2].build()))
    for name, text in zip(("pangolier", "promcraft", "promql-builder"), texts, strict=True):
        print(f"  {name}: {text}")
PY
venv/bin/python queries.py | tee seen

diff - seen <<'EXPECTED'
(a + b) * c
  pangolier: (a + b) * c
  promcraft: (a{} + b{}) * c{}
  promql-builder: ((a) + (b)) * (c)
a - (b - c)
  pangolier: a - b - c
  promcraft: a{} - (b{} - c{})
  promql-builder: (a) - ((b) - (c))
a / (b / c)
  pangolier: a / b / c
  promcraft: a{} / (b{} / c{})
  promql-builder: (a) / ((b) / (c))
a of EXAMPLE\ben
  pangolier: a{account="EXAMPLE\ben"}
  promcraft: a{ account = "EXAMPLE\\ben" }
  promql-builder: a{account="EXAMPLE\ben"}
EXPECTED
