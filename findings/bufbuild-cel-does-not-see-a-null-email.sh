#!/usr/bin/env bash
# @bufbuild/cel says that a map with `"email": null` has no email, although its list of keys has it.
#
# Versions: @bufbuild/cel 0.6.1; for comparison @marcbachmann/cel-js 8.0.0 and cel-js 0.8.2 (npm), and
# cel-python 0.5.0 and common-expression-language 0.10.0 (PyPI).
#
# CEL is a language for conditions. `'email' in member` and `has(member.email)` say whether a map has a key,
# whatever its value is.
#
# Guess: all say yes for {"email": null}. An update that sets an address to null differs from one without it.
#
# Seen: @bufbuild/cel says no to both. `member.exists(key, key == 'email')` and `size(member) == 1` are true
# of the same map, and so is `member.email == null`, which is an error for a map without the key. The other
# four say yes to all.
#
# Why it matters: `has(update.email)` decides in a rule whether an update touches the address. The pages of a
# directory, with this library, and its server, with another, come to different results for the same update.
# memberbase has one evaluation of filters, and its members have no nulls: a null in a PATCH removes the
# value, and `exists` asks whether there is one (docs/onsi.md, filter.proto).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check cel-python==0.5.0 common-expression-language==0.10.0
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @bufbuild/cel@0.6.1 @marcbachmann/cel-js@8.0.0 \
  cel-js@0.8.2 >/dev/null

cat >conditions.json <<'JSON'
[
  "'email' in member",
  "has(member.email)",
  "member.email == null",
  "size(member) == 1",
  "member.exists(key, key == 'email')"
]
JSON
cat >ask.mjs <<'JS'
import { readFileSync } from 'node:fs';
import { run } from '@bufbuild/cel';
import { evaluate as marcbachmann } from '@marcbachmann/cel-js';
import { evaluate as celJs } from 'cel-js';

const ask = { '@bufbuild/cel': run, '@marcbachmann/cel-js': marcbachmann, 'cel-js': celJs };
for (const condition of JSON.parse(readFileSync('conditions.json'))) {
  const context = { member: { email: null } };
  const answers = Object.entries(ask).map(([name, f]) => `${name} ${f(condition, context)}`);
  console.log(`${condition}: ${answers.join(', ')}`);
}
JS
node ask.mjs | tee seen

venv/bin/python - <<'PY' | tee -a seen
import json

import cel
import celpy

environment = celpy.Environment()
member = {"member": {"email": None}}
for condition in json.load(open("conditions.json")):
    program = environment.program(environment.compile(condition))
    by_celpy = bool(program.evaluate(celpy.json_to_cel(member)))
    print(f"{condition}: cel-python {by_celpy}, common-expression-language {cel.evaluate(condition, member)}")
PY

diff - seen <<'EXPECTED'
'email' in member: @bufbuild/cel false, @marcbachmann/cel-js true, cel-js true
has(member.email): @bufbuild/cel false, @marcbachmann/cel-js true, cel-js true
member.email == null: @bufbuild/cel true, @marcbachmann/cel-js true, cel-js true
size(member) == 1: @bufbuild/cel true, @marcbachmann/cel-js true, cel-js true
member.exists(key, key == 'email'): @bufbuild/cel true, @marcbachmann/cel-js true, cel-js true
'email' in member: cel-python True, common-expression-language True
has(member.email): cel-python True, common-expression-language True
member.email == null: cel-python True, common-expression-language True
size(member) == 1: cel-python True, common-expression-language True
member.exists(key, key == 'email'): cel-python True, common-expression-language True
EXPECTED
