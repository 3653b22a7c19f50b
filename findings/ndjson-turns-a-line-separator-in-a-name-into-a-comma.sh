#!/usr/bin/env bash
# The Python package ndjson reads a line separator (U+2028) in a name as a comma.
#
# Versions: ndjson 0.3.1; for comparison jsonlines 4.0.0.
#
# A line of NDJSON ends with LF. The line separator U+2028 and the paragraph separator U+2029 are ordinary
# characters of a JSON text, and JSON writers such as JavaScript's do not escape them. They come from text
# that was pasted from a word processor or a page.
#
# Guess: the name comes back as it was, or the reader fails because it breaks the line there.
#
# Seen: ndjson.loads() and ndjson.load() split the text at every line end that Unicode knows, and join the
# pieces with commas before they parse it. In a name, the separator becomes a comma and nothing fails. The
# package's own ndjson.reader() and jsonlines return the name as it was.
#
# Why it matters: "Ann,Example" is a valid name, so a list that passed through this package changes the name
# of a member, and in a CSV made of it the name is two cells if the writer does not quote.
# memberbase does not take these characters for line ends.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check ndjson==0.3.1 jsonlines==4.0.0

node >list.ndjson <<'JS'
for (const separator of ['\u2028', '\u2029']) {
  console.log(JSON.stringify({ ref: 'A1', name: `Ann${separator}Example` }));
}
JS

venv/bin/python - <<'PY' | tee seen
import pathlib

import jsonlines
import ndjson

text = pathlib.Path("list.ndjson").read_text(encoding="utf-8")
with open("list.ndjson", encoding="utf-8") as file:
    print("ndjson.load", *(ascii(member["name"]) for member in ndjson.load(file)))
print("ndjson.loads", *(ascii(member["name"]) for member in ndjson.loads(text)))
with open("list.ndjson", encoding="utf-8") as file:
    print("ndjson.reader", *(ascii(member["name"]) for member in ndjson.reader(file)))
with jsonlines.open("list.ndjson") as file:
    print("jsonlines", *(ascii(member["name"]) for member in file))
PY

diff - seen <<'EXPECTED'
ndjson.load 'Ann,Example' 'Ann,Example'
ndjson.loads 'Ann,Example' 'Ann,Example'
ndjson.reader 'Ann\u2028Example' 'Ann\u2029Example'
jsonlines 'Ann\u2028Example' 'Ann\u2029Example'
EXPECTED
