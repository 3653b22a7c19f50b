#!/usr/bin/env bash
# natural's Double Metaphone leaves out the S of Alison, who then sounds like Alan.
#
# Versions: natural 8.1.1; for comparison double-metaphone 2.0.1 (npm) and DoubleMetaphone 1.2 (PyPI).
#
# Double Metaphone writes a name as it sounds, so that Smith and Schmidt are found together. A directory
# stores this key beside the name, and searches by the key of what somebody typed.
#
# Guess: each of the three makes the same key of an English name, and different keys of names that sound
# different.
#
# Seen: natural leaves out the S of many names. Alison becomes ALN, as does Alan, Jason becomes JN, as does
# John, Lisa becomes L, as does Lee, Thomas becomes TM, as does Tim, and Christopher becomes KRTFR. Its G is
# always hard: George is KRK, as are Craig and Greg. Caesar begins with a K. The other two packages agree with
# each other: ALSN, JSN, LS, TMS, KRSTFR, JRJ and SSR.
#
# Why it matters: keys that one program stored are not found by another, and a search for duplicates puts Lisa
# beside Lee. Smith, the example in each description, comes out right.
# memberbase makes no keys of sounds.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check DoubleMetaphone==1.2
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts natural@8.1.1 double-metaphone@2.0.1 >/dev/null

printf '%s\n' Smith Alison Alan Jason John Lisa Lee Thomas Tim Christopher George Craig Greg Caesar >names

cat >keys.mjs <<'JS'
import { readFileSync, writeFileSync } from 'fs';
import { doubleMetaphone } from 'double-metaphone';
import natural from 'natural';

const names = readFileSync('names', 'utf8').trim().split('\n');
const keys = (key) => names.map((name) => `${key(name)[0]}\n`).join('');
writeFileSync('natural', keys((name) => new natural.DoubleMetaphone().process(name)));
writeFileSync('double-metaphone', keys(doubleMetaphone));
JS
node keys.mjs >/dev/null

cat >keys.py <<'PY'
from doublemetaphone import doublemetaphone

for name in open("names"):
    print(doublemetaphone(name.strip())[0])
PY
venv/bin/python keys.py >DoubleMetaphone
paste -d ' ' names natural double-metaphone DoubleMetaphone | tee seen

diff - seen <<'EXPECTED'
Smith SM0 SM0 SM0
Alison ALN ALSN ALSN
Alan ALN ALN ALN
Jason JN JSN JSN
John JN JN JN
Lisa L LS LS
Lee L L L
Thomas TM TMS TMS
Tim TM TM TM
Christopher KRTFR KRSTFR KRSTFR
George KRK JRJ JRJ
Craig KRK KRK KRK
Greg KRK KRK KRK
Caesar KSR SSR SSR
EXPECTED
