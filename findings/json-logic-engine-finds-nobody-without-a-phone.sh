#!/usr/bin/env bash
# json-logic-engine finds nobody without a phone number, where json-logic-js finds all with an empty one.
#
# Versions: json-logic-engine 5.0.7 and json-logic-js 2.0.5 (npm); json-logic-qubit 0.9.1 (PyPI).
#
# JsonLogic is a rule as JSON, which a page and a server can both evaluate. `{"missing": ["phone"]}` lists
# which of the fields a member lacks. json-logic-engine calls itself a drop-in replacement of json-logic-js,
# the library with which JsonLogic came.
#
# Guess: the three list the same fields.
#
# Seen: for json-logic-js and the Python library a field is missing if it is absent, null or "", for
# json-logic-engine only if it is absent. So "if the phone is missing, ask, else call" says "ask" in one
# library and "call" in the other. `missing_some` differs in the same way. A comparison with null comes out
# alike.
#
# Why it matters: members from CSV and from most JSON exports have each field, empty or null. After the change
# of the library, the rule that looks for incomplete members finds none, and fails nowhere.
# memberbase accepts no empty text as the value of a field (member.proto), and `exists` tells whether there is
# a value.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check json-logic-qubit==0.9.1
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts json-logic-engine@5.0.7 json-logic-js@2.0.5 \
    >/dev/null

cat >rules.json <<'JSON'
{
  "rules": [
    {"missing": ["phone"]},
    {"missing_some": [1, ["phone", "email"]]},
    {"if": [{"missing": ["phone"]}, "ask", "call"]},
    {"==": [{"var": "phone"}, null]}
  ],
  "members": [{}, {"phone": null}, {"phone": ""}, {"phone": "+447700900123"}]
}
JSON
cat >evaluate.js <<'JS'
const { LogicEngine } = require('json-logic-engine');
const jsonLogic = require('json-logic-js');
const { rules, members } = require('./rules.json');

const engine = new LogicEngine();
const packages = {
  'json-logic-engine': (rule, member) => engine.run(rule, member),
  'json-logic-js': (rule, member) => jsonLogic.apply(rule, member),
};
for (const [name, evaluate] of Object.entries(packages)) {
  for (const rule of rules) {
    const results = members.map((member) => JSON.stringify(evaluate(rule, member)));
    console.log(`${name}: ${Object.keys(rule)} -> ${results.join(' ')}`);
  }
}
JS
node evaluate.js | tee seen

venv/bin/python - <<'PY' | tee -a seen
import json

from json_logic import jsonLogic

given = json.load(open("rules.json"))
for rule in given["rules"]:
    results = (json.dumps(jsonLogic(rule, member), separators=(",", ":")) for member in given["members"])
    print(f"json-logic-qubit: {next(iter(rule))} ->", *results)
PY

diff - seen <<'EXPECTED'
json-logic-engine: missing -> ["phone"] [] [] []
json-logic-engine: missing_some -> ["phone","email"] [] [] []
json-logic-engine: if -> "ask" "call" "call" "call"
json-logic-engine: == -> true true false false
json-logic-js: missing -> ["phone"] ["phone"] ["phone"] []
json-logic-js: missing_some -> ["phone","email"] ["phone","email"] ["phone","email"] []
json-logic-js: if -> "ask" "ask" "ask" "call"
json-logic-js: == -> true true false false
json-logic-qubit: missing -> ["phone"] ["phone"] ["phone"] []
json-logic-qubit: missing_some -> ["phone","email"] ["phone","email"] ["phone","email"] []
json-logic-qubit: if -> "ask" "ask" "ask" "call"
json-logic-qubit: == -> true true false false
EXPECTED
