#!/usr/bin/env bash
# fiql_parser reads the plus of a phone number as a space.
#
# Versions: fiql-parser 1.0 (PyPI); for comparison @rsql/parser 1.6.0 (npm).
#
# FIQL is a language for filters in the query of a URL, such as `phone==+447700900123`. Its draft lists the
# plus as a character that stands for itself. What may not stand for itself is percent-encoded.
#
# Guess: the value is +447700900123.
#
# Seen: fiql_parser decodes values like a form field, where the plus is a space. The value is " 447700900123".
# That is so also behind a web framework, which has already decoded `%2B` into the plus: there is nothing that
# a correct client could send but `%252B`. Printed again, the expression has its plus, as if all were well.
# @rsql/parser returns the plus.
#
# Why it matters: the filter finds nobody, with no error. A job that creates whoever it does not find makes a
# second member.
# memberbase's filters are JSON, so nothing in them is percent-encoded.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check fiql-parser==1.0
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @rsql/parser@1.6.0 @rsql/ast@1.6.0 >/dev/null

venv/bin/python - <<'PY' | tee seen
import urllib.parse

from fiql_parser import parse_str_to_expression

sent = urllib.parse.urlencode({"filter": "phone==+447700900123"})
text = urllib.parse.parse_qs(sent)["filter"][0]
for text in (text, "phone==%2B447700900123"):
    expression = parse_str_to_expression(text)
    print("fiql_parser:", text, "->", expression.to_python(), "->", expression)
PY
node --input-type=module <<'JS' | tee -a seen
import { parse } from '@rsql/parser';
console.log('@rsql/parser:', JSON.stringify(parse('phone==+447700900123').right.value));
JS

diff - seen <<'EXPECTED'
fiql_parser: phone==+447700900123 -> ('phone', '==', ' 447700900123') -> phone==+447700900123
fiql_parser: phone==%2B447700900123 -> ('phone', '==', '+447700900123') -> phone==%2B447700900123
@rsql/parser: "+447700900123"
EXPECTED
