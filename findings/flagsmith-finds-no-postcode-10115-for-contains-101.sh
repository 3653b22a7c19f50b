#!/usr/bin/env bash
# Flagsmith's engine for Python finds no postcode 10115 for "contains 101", nor 80331 for "not contains 101".
#
# Versions: flagsmith-flag-engine 11.1.1 (PyPI), which flagsmith 6.3.0 uses, and flagsmith-nodejs 8.1.2 (npm).
#
# Flagsmith has segments of people by their traits, such as `postcode CONTAINS 101`. Its packages for servers
# evaluate them in the process, from the same document.
#
# Guess: a trait that is a text is compared as a text, in both languages.
#
# Seen: in Python a text that consists of digits is a number, which contains nothing and lacks nothing. "10115
# Berlin" is found. For the same reason "0012" is equal to "12", and "80331" is not different from "A1". In
# Node.js texts are texts. A number as the trait is different from a text in Node.js, and in Python neither
# equal nor different.
#
# Why it matters: member numbers, postcodes and phone numbers have digits only, apart from a few. A feature
# for "all but 101" reaches those few in one service, and everybody in the other.
# memberbase compares a text attribute as a text, whatever is in it (filter.proto).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check flagsmith-flag-engine==11.1.1
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts flagsmith-nodejs@8.1.2 >/dev/null

cat >cases.json <<'JSON'
[["10115", "CONTAINS", "101"], ["10115 Berlin", "CONTAINS", "101"], ["SW1A 1AA", "CONTAINS", "1A"],
 ["80331", "NOT_CONTAINS", "101"], ["80331 Munich", "NOT_CONTAINS", "101"], ["0012", "EQUAL", "12"],
 ["80331", "NOT_EQUAL", "10115"], ["80331", "NOT_EQUAL", "A1"], [18, "EQUAL", "18"],
 [18, "NOT_EQUAL", "none"], ["10115", "REGEX", "^101"]]
JSON
cat >segments.cjs <<'JS'
const engine = './node_modules/flagsmith-nodejs/build/cjs/flagsmith-engine/index.js';
const { getEvaluationResult } = require(engine);

const contexts = JSON.parse(require('node:fs').readFileSync(0));
console.log(JSON.stringify(contexts.map((context) => getEvaluationResult(context).segments.length > 0)));
JS
cat >segments.py <<'PY'
import json
import subprocess

from flag_engine.engine import get_evaluation_result


def context(trait, operator, value):
    condition = {"property": "postcode", "operator": operator, "value": value}
    segment = {"key": "1", "name": "segment", "rules": [{"type": "ALL", "conditions": [condition]}]}
    return {
        "environment": {"key": "key", "name": "test"},
        "identity": {"key": "member", "identifier": "member", "traits": {"postcode": trait}},
        "segments": {"1": segment},
        "features": {},
    }


cases = json.load(open("cases.json"))
contexts = [context(*case) for case in cases]
node = json.loads(subprocess.check_output(["node", "segments.cjs"], input=json.dumps(contexts).encode()))
for (trait, operator, value), members, by_node in zip(cases, contexts, node, strict=True):
    by_python = bool(get_evaluation_result(members)["segments"])
    print(f"{trait!r} {operator} {value!r}: Python {by_python}, Node.js {by_node}")
PY
venv/bin/python segments.py | tee seen

diff - seen <<'EXPECTED'
'10115' CONTAINS '101': Python False, Node.js True
'10115 Berlin' CONTAINS '101': Python True, Node.js True
'SW1A 1AA' CONTAINS '1A': Python True, Node.js True
'80331' NOT_CONTAINS '101': Python False, Node.js True
'80331 Munich' NOT_CONTAINS '101': Python True, Node.js True
'0012' EQUAL '12': Python True, Node.js False
'80331' NOT_EQUAL '10115': Python True, Node.js True
'80331' NOT_EQUAL 'A1': Python False, Node.js True
18 EQUAL '18': Python True, Node.js True
18 NOT_EQUAL 'none': Python False, Node.js True
'10115' REGEX '^101': Python True, Node.js True
EXPECTED
