#!/usr/bin/env bash
# The flagd cores of Python and of Node.js give half of the members of a split to another half.
#
# Versions: openfeature-flagd-core 2.0.0 and 1.0.0 (PyPI), @openfeature/flagd-core 4.0.1 (npm).
#
# flagd decides by rules who sees which variant of a feature. Its cores evaluate one and the same document in
# the process of each service, in its language. The operation `fractional` gives each member to a variant by a
# hash of the member's key, so that nobody changes from one to the other.
#
# Guess: the cores of Python and of Node.js give each member to the same variant, as all do for other rules.
#
# Seen: of 1,000 members 511 are in the other half, and 684 in another third if there are three. Version 1.0.0
# of the package for Python, which is the one before, agrees with Node.js for all of them. So the step to
# 2.0.0 moves half of the members in a running test, too. A number as the key, such as an id, has a variant in
# Python only; in Node.js all of them get the default.
#
# Why it matters: the page shows the old form and the server expects the new one, for half of the members. Who
# compares the halves afterwards compares two mixtures.
# memberbase chooses nobody by a hash: an audience is kept by a filter and by hand (docs/audiences.md).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

for version in 1.0.0 2.0.0; do
  python3 -m venv "$version"
  "$version/bin/pip" install --quiet --disable-pip-version-check "openfeature-flagd-core==$version"
done
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @openfeature/flagd-core@4.0.1 >/dev/null

cat >flags.json <<'JSON'
{"flags": {
  "halves": {"state": "ENABLED", "defaultVariant": "none", "variants": {"a": "a", "b": "b", "none": "none"},
    "targeting": {"fractional": [
      {"cat": [{"var": "$flagd.flagKey"}, {"var": "email"}]}, ["a", 50], ["b", 50]]}},
  "thirds": {"state": "ENABLED", "defaultVariant": "none",
    "variants": {"a": "a", "b": "b", "c": "c", "none": "none"},
    "targeting": {"fractional": [["a", 1], ["b", 1], ["c", 1]]}},
  "by number": {"state": "ENABLED", "defaultVariant": "none",
    "variants": {"a": "a", "b": "b", "none": "none"},
    "targeting": {"fractional": [{"var": "number"}, ["a", 50], ["b", 50]]}},
  "gold": {"state": "ENABLED", "defaultVariant": "none", "variants": {"a": "a", "b": "b", "none": "none"},
    "targeting": {"if": [
      {"and": [{"==": [{"var": "tier"}, "gold"]}, {">=": [{"var": "number"}, 500]}]}, "a", "b"]}}
}}
JSON
cat >members.mjs <<'JS'
import { writeFileSync } from 'node:fs';

const members = Array.from({ length: 1000 }, (_, number) => ({
  targetingKey: `member-${number}`,
  email: `member${number}@example.com`,
  number,
  tier: number % 3 ? 'gold' : 'silver',
}));
writeFileSync('members.json', JSON.stringify(members));
JS
cat >variants.py <<'PY'
import json
import logging

from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext

logging.disable(logging.CRITICAL)
core = FlagdCore()
core.set_flags(open("flags.json").read())
members = json.load(open("members.json"))
variants = {}
for flag in json.load(open("flags.json"))["flags"]:
    variants[flag] = [
        core.resolve_string_value(flag, "?", EvaluationContext(member["targetingKey"], member)).value
        for member in members
    ]
print(json.dumps(variants))
PY
cat >variants.cjs <<'JS'
const { readFileSync } = require('node:fs');
const { FlagdCore } = require('@openfeature/flagd-core');

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const core = new FlagdCore(undefined, quiet);
const flags = readFileSync('flags.json', 'utf8');
core.setConfigurations(flags);
const members = JSON.parse(readFileSync('members.json'));
const variants = {};
for (const flag of Object.keys(JSON.parse(flags).flags)) {
  variants[flag] = members.map((member) => core.resolveStringEvaluation(flag, '?', member, quiet).value);
}
console.log(JSON.stringify(variants));
JS
cat >compare.py <<'PY'
import collections
import json

old, new, node = (json.load(open(name)) for name in ("1.0.0.json", "2.0.0.json", "node.json"))
for flag, by_node in node.items():
    print(f"{flag}: Node.js {dict(sorted(collections.Counter(by_node).items()))}")
    for name, by_python in (("1.0.0", old[flag]), ("2.0.0", new[flag])):
        counts = dict(sorted(collections.Counter(by_python).items()))
        others = sum(a != b for a, b in zip(by_node, by_python, strict=True))
        print(f"  Python {name} {counts}, {others} members in another variant")
PY
node members.mjs
for version in 1.0.0 2.0.0; do "$version/bin/python" variants.py >"$version.json"; done
node variants.cjs >node.json
python3 compare.py | tee seen

diff - seen <<'EXPECTED'
halves: Node.js {'a': 482, 'b': 518}
  Python 1.0.0 {'a': 482, 'b': 518}, 0 members in another variant
  Python 2.0.0 {'a': 527, 'b': 473}, 511 members in another variant
thirds: Node.js {'a': 330, 'b': 348, 'c': 322}
  Python 1.0.0 {'a': 330, 'b': 348, 'c': 322}, 0 members in another variant
  Python 2.0.0 {'a': 357, 'b': 308, 'c': 335}, 684 members in another variant
by number: Node.js {'none': 1000}
  Python 1.0.0 {'none': 1000}, 0 members in another variant
  Python 2.0.0 {'a': 496, 'b': 504}, 1000 members in another variant
gold: Node.js {'a': 333, 'b': 667}
  Python 1.0.0 {'a': 333, 'b': 667}, 0 members in another variant
  Python 2.0.0 {'a': 333, 'b': 667}, 0 members in another variant
EXPECTED
