#!/usr/bin/env bash
# cel-js keeps the backslash of 'O\'Brien', and 7 / 2 is 3.5 for it.
#
# Versions: cel-js 0.8.2; for comparison @marcbachmann/cel-js 8.0.0 and @bufbuild/cel 0.6.1 (npm), and
# cel-python 0.5.0 (PyPI).
#
# CEL is a language for conditions, whose specification says what each expression is. In its texts a backslash
# escapes the next character, as in JSON, and the quotient of two whole numbers is a whole number.
#
# Guess: what one package accepts has the same result in the others.
#
# Seen: cel-js knows the backslash only so far that a quote after it does not end the text. It stays in the
# text, as do those of `\\`, `\n` and `\u00e9`. So `name == 'O\'Brien'` is false of O'Brien, and a text with
# both kinds of quotes cannot be written. Whole numbers are divided as in JavaScript. The other three agree.
#
# Why it matters: a program that writes conditions escapes each name, as one should. Members with an
# apostrophe are then never found, although the same condition finds them on a server with another package.
# memberbase's filters are JSON or Protocol Buffers, where an operand is not part of a text (filter.proto).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check cel-python==0.5.0
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts cel-js@0.8.2 @marcbachmann/cel-js@8.0.0 \
  @bufbuild/cel@0.6.1 >/dev/null

cat >conditions.json <<'JSON'
[
  "name == \"O'Brien\"",
  "name == 'O\\'Brien'",
  "size('O\\'Brien') == 7",
  "size('\\u00e9') == 1",
  "size('a\\\\b') == 3",
  "7 / 2 == 3",
  "350 / 100 > 3"
]
JSON
cat >ask.mjs <<'JS'
import { readFileSync } from 'node:fs';
import { run } from '@bufbuild/cel';
import { evaluate as marcbachmann } from '@marcbachmann/cel-js';
import { evaluate as celJs } from 'cel-js';

const ask = { 'cel-js': celJs, '@marcbachmann/cel-js': marcbachmann, '@bufbuild/cel': run };
for (const condition of JSON.parse(readFileSync('conditions.json'))) {
  const answers = Object.entries(ask).map(([name, f]) => `${name} ${f(condition, { name: "O'Brien" })}`);
  console.log(`${condition}: ${answers.join(', ')}`);
}
JS
node ask.mjs | tee seen

venv/bin/python - <<'PY' | tee -a seen
import json

import celpy

environment = celpy.Environment()
member = celpy.json_to_cel({"name": "O'Brien"})
for condition in json.load(open("conditions.json")):
    program = environment.program(environment.compile(condition))
    print(f"{condition}: cel-python {bool(program.evaluate(member))}")
PY

diff - seen <<'EXPECTED'
name == "O'Brien": cel-js true, @marcbachmann/cel-js true, @bufbuild/cel true
name == 'O\'Brien': cel-js false, @marcbachmann/cel-js true, @bufbuild/cel true
size('O\'Brien') == 7: cel-js false, @marcbachmann/cel-js true, @bufbuild/cel true
size('\u00e9') == 1: cel-js false, @marcbachmann/cel-js true, @bufbuild/cel true
size('a\\b') == 3: cel-js false, @marcbachmann/cel-js true, @bufbuild/cel true
7 / 2 == 3: cel-js false, @marcbachmann/cel-js true, @bufbuild/cel true
350 / 100 > 3: cel-js true, @marcbachmann/cel-js false, @bufbuild/cel false
name == "O'Brien": cel-python True
name == 'O\'Brien': cel-python True
size('O\'Brien') == 7: cel-python True
size('\u00e9') == 1: cel-python True
size('a\\b') == 3: cel-python True
7 / 2 == 3: cel-python True
350 / 100 > 3: cel-python False
EXPECTED
