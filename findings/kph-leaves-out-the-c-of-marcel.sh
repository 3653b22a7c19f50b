#!/usr/bin/env bash
# kph leaves out the C of Marcel and Vincent, so Alice has the key of Ali, and Felice that of Phil.
#
# Versions: kph 0.4.1; for comparison cologne-phonetics 2.0.0 (both PyPI) and cologne-phonetic 1.1.1 (npm).
#
# Cologne phonetics writes a German name as digits by its sound, so that Meyer and Maier are found together. A
# directory stores this key beside the name. Within a name a C is a 4, as K is, before A, H, K, O, Q, U and X,
# and otherwise an 8, as S is.
#
# Guess: the three make the same key of each name.
#
# Seen: kph leaves out a C within a name that should be an 8. Marcel becomes 675, Cecilia 85, and Grace has
# the key of Gero. At the beginning it takes a C before Ä for an 8, so that Cäsar and Caesar have different
# keys. The other two make the same keys. Names without a C, such as those of the examples in descriptions of
# the algorithm, are right.
#
# Why it matters: a key that another program stored is not found, and a search for Alice finds Ali. It is easy
# to miss, because Claudia, Marco and Michael are right.
# memberbase makes no keys of sounds; its search compares letters (docs/search.md).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check kph==0.4.1 cologne-phonetics==2.0.0
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts cologne-phonetic@1.1.1 >/dev/null

cat >names.json <<'JSON'
["Meyer", "Maier", "Claudia", "Marco", "Michael", "Marcel", "Alice", "Ali", "Felice", "Phil", "Grace", "Gero",
 "Vincent", "Cecilia", "Lucia", "Lea", "Bruce", "Spencer", "Caesar", "Cäsar"]
JSON
cat >keys.mjs <<'JS'
import { readFileSync } from 'node:fs';
import * as cologne from 'cologne-phonetic';

const encode = cologne.default ?? Object.values(cologne)[0];
console.log(JSON.stringify(JSON.parse(readFileSync('names.json')).map((name) => encode(name))));
JS
cat >keys.py <<'PY'
import json
import subprocess

import kph
from cologne_phonetics import encode

by_node = json.loads(subprocess.check_output(["node", "keys.mjs"]))
for name, node in zip(json.load(open("names.json")), by_node, strict=True):
    keys = kph.encode(name), "".join(key for _, key in encode(name)), node
    print(f"{name}: kph {keys[0]}, cologne-phonetics {keys[1]}, cologne-phonetic {keys[2]}")
PY
venv/bin/python keys.py | tee seen

diff - seen <<'EXPECTED'
Meyer: kph 67, cologne-phonetics 67, cologne-phonetic 67
Maier: kph 67, cologne-phonetics 67, cologne-phonetic 67
Claudia: kph 452, cologne-phonetics 452, cologne-phonetic 452
Marco: kph 674, cologne-phonetics 674, cologne-phonetic 674
Michael: kph 645, cologne-phonetics 645, cologne-phonetic 645
Marcel: kph 675, cologne-phonetics 6785, cologne-phonetic 6785
Alice: kph 05, cologne-phonetics 058, cologne-phonetic 058
Ali: kph 05, cologne-phonetics 05, cologne-phonetic 05
Felice: kph 35, cologne-phonetics 358, cologne-phonetic 358
Phil: kph 35, cologne-phonetics 35, cologne-phonetic 35
Grace: kph 47, cologne-phonetics 478, cologne-phonetic 478
Gero: kph 47, cologne-phonetics 47, cologne-phonetic 47
Vincent: kph 3662, cologne-phonetics 36862, cologne-phonetic 36862
Cecilia: kph 85, cologne-phonetics 885, cologne-phonetic 885
Lucia: kph 5, cologne-phonetics 58, cologne-phonetic 58
Lea: kph 5, cologne-phonetics 5, cologne-phonetic 5
Bruce: kph 17, cologne-phonetics 178, cologne-phonetic 178
Spencer: kph 8167, cologne-phonetics 81687, cologne-phonetic 81687
Caesar: kph 487, cologne-phonetics 487, cologne-phonetic 487
Cäsar: kph 887, cologne-phonetics 487, cologne-phonetic 487
EXPECTED
