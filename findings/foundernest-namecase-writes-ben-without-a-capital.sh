#!/usr/bin/env bash
# @foundernest/namecase writes "ben Example", "ED Example" and "Anna do".
#
# Versions: @foundernest/namecase 1.0.5, and namecase 1.1.2, which has the same origin.
#
# Lists from older systems have names in capitals, and these packages put them right: MCDONALD to McDonald,
# VAN DER BERG to van der Berg.
#
# Guess: a first name and a surname begin with a capital letter.
#
# Seen: the first package writes a word small if it is a particle in some language (Ben, Al, Bin, Di, Le, Do,
# Van), and in capitals if it is a British title after a name (ED, MA, BA) or a Roman number (LIV, XI),
# wherever the word stands. So it does that to the first names Ben, Al, Ed and Liv, and to the surnames Ma and
# Do. A letter after û becomes a capital: BrûLé. namecase does only one of these things: Li XI.
#
# Why it matters: after an import of a list in capitals, the letters to Ben, Al and Ed begin with a wrong
# name. Names in small and capital letters are left alone, so nobody sees it in a test with "Ben Example".
# memberbase stores names as they are written.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @foundernest/namecase@1.0.5 namecase@1.1.2 \
    >/dev/null

cat >names.js <<'JS'
const { nameCase } = require('@foundernest/namecase');
const namecase = require('namecase');

const names = [
  'ANN MCDONALD', 'ANN VAN DER BERG', 'BEN EXAMPLE', 'AL EXAMPLE', 'ED EXAMPLE', 'LIV EXAMPLE', 'ANNA DO',
  'ANNA MA', 'LI BIN', 'LI XI', 'ÉLODIE BRÛLÉ', 'Ben Example',
];
for (const name of names) console.log(`${name} -> ${nameCase(name)} | ${namecase(name)}`);
JS
node names.js | tee seen

diff - seen <<'EXPECTED'
ANN MCDONALD -> Ann McDonald | Ann McDonald
ANN VAN DER BERG -> Ann van der Berg | Ann van der Berg
BEN EXAMPLE -> ben Example | Ben Example
AL EXAMPLE -> al Example | Al Example
ED EXAMPLE -> ED Example | Ed Example
LIV EXAMPLE -> LIV Example | Liv Example
ANNA DO -> Anna do | Anna Do
ANNA MA -> Anna MA | Anna Ma
LI BIN -> LI bin | Li Bin
LI XI -> LI XI | Li XI
ÉLODIE BRÛLÉ -> Élodie BrûLé | Élodie Brûlé
Ben Example -> Ben Example | Ben Example
EXPECTED
