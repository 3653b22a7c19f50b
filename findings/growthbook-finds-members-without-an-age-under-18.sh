#!/usr/bin/env bash
# GrowthBook's SDK for JavaScript takes members without an age for members under 18, its SDK for Python does
# not.
#
# Versions: @growthbook/growthbook 1.8.0 (npm), growthbook 4.0.0 (PyPI).
#
# GrowthBook targets features at people by conditions on their attributes, such as `{"age": {"$lt": 18}}`. The
# server of an application evaluates them in one language, and its pages in another.
#
# Guess: both find the same people, and nobody by an attribute that he or she lacks.
#
# Seen: in JavaScript a missing or null attribute counts as 0, and so does an empty text. So such a member is
# less than 18, has at least 0 points, and has exactly 0. In Python none of this is true. Numbers that came as
# texts (`"10"`) are compared in JavaScript as numbers, and in Python never match. A condition on a name, or
# `$exists`, comes out alike.
#
# Why it matters: the page shows one thing and the server does another. What is meant for minors, or for
# members without points, goes to everybody whose record is incomplete.
# memberbase has one evaluation of filters. Apart from `ne`, `nin` and `exists`, no condition matches a member
# without the field (filter.proto).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check growthbook==4.0.0
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @growthbook/growthbook@1.8.0 >/dev/null

cat >cases.json <<'JSON'
[
  [{"age": {"$lt": 18}}, {}],
  [{"age": {"$lt": 18}}, {"age": null}],
  [{"age": {"$lt": 18}}, {"age": ""}],
  [{"age": {"$lt": 18}}, {"age": "10"}],
  [{"age": {"$lt": 18}}, {"age": 10}],
  [{"points": {"$gte": 0}}, {}],
  [{"points": 0}, {}],
  [{"points": 0}, {"points": "0"}],
  [{"name": "Ann"}, {}],
  [{"age": {"$exists": true}}, {}]
]
JSON
cat >ask.js <<'JS'
const { GrowthBook } = require('@growthbook/growthbook');

for (const [condition, attributes] of require('./cases.json')) {
  const features = { shown: { defaultValue: false, rules: [{ condition, force: true }] } };
  const book = new GrowthBook({ attributes, features });
  console.log(book.isOn('shown'));
}
JS
cat >ask.py <<'PY'
import json
import subprocess

from growthbook import GrowthBook

by_javascript = subprocess.check_output(["node", "ask.js"], text=True).split()
for javascript, (condition, attributes) in zip(by_javascript, json.load(open("cases.json")), strict=True):
    features = {"shown": {"defaultValue": False, "rules": [{"condition": condition, "force": True}]}}
    python = str(GrowthBook(attributes=attributes, features=features).is_on("shown")).lower()
    print(json.dumps(condition), json.dumps(attributes), f"-> JavaScript {javascript}, Python {python}")
PY
venv/bin/python ask.py | tee seen

diff - seen <<'EXPECTED'
{"age": {"$lt": 18}} {} -> JavaScript true, Python false
{"age": {"$lt": 18}} {"age": null} -> JavaScript true, Python false
{"age": {"$lt": 18}} {"age": ""} -> JavaScript true, Python false
{"age": {"$lt": 18}} {"age": "10"} -> JavaScript true, Python false
{"age": {"$lt": 18}} {"age": 10} -> JavaScript true, Python true
{"points": {"$gte": 0}} {} -> JavaScript true, Python false
{"points": 0} {} -> JavaScript true, Python false
{"points": 0} {"points": "0"} -> JavaScript true, Python false
{"name": "Ann"} {} -> JavaScript false, Python false
{"age": {"$exists": true}} {} -> JavaScript false, Python false
EXPECTED
