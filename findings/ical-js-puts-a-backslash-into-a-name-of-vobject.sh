#!/usr/bin/env bash
# ical.js puts a backslash into a name with a semicolon that vobject wrote, and one more at each exchange.
#
# Versions: vobject 0.9.9 (PyPI), ical.js 2.2.1 (npm).
#
# In a vCard a semicolon may separate the parts of a value, so one that belongs to a text is written as `\;`.
# Where a value has no parts, such as in FN and NOTE, it may be written in this way too (RFC 6350, section
# 3.4).
#
# Guess: ical.js reads `FN:Ann\; Dr`, as vobject writes it, as "Ann; Dr", and the text stays so however often
# the two exchange it.
#
# Seen: in N, which has parts, it reads a semicolon. In FN and NOTE it keeps the backslash, in version 3.0 and
# in 4.0, and writes it as `\\;`. vobject reads that as a backslash and a semicolon, and each further exchange
# adds one. Commas and line breaks stay what they were.
#
# Why it matters: an address book that speaks CardDAV with a server in Python exchanges a card at each change.
# memberbase has no vCards. It compares texts byte for byte, so a name with a backslash is another name.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check vobject==0.9.9
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts ical.js@2.2.1 >/dev/null

cat >exchange.py <<'PY'
"""Makes the card, or reads it, prints it and writes it again."""
import sys

import vobject

version, *again = sys.argv[1:]
if again:
    card = vobject.readOne(open("card.vcf", newline=""))
    values = card.fn.value, card.n.value.family, card.note.value
    print(version, "vobject:", " | ".join(values).replace("\n", " / "))
else:
    card = vobject.vCard()
    card.add("fn").value = "Ann; Dr"
    card.add("n").value = vobject.vcard.Name(family="Example; Dr", given="Ann")
    card.add("note").value = "a, b; c\nd"
text = card.serialize().replace("VERSION:3.0", f"VERSION:{version}")
open("card.vcf", "w", newline="").write(text)
PY
cat >exchange.mjs <<'JS'
import { readFileSync, writeFileSync } from 'fs';
import ICAL from 'ical.js';

const version = process.argv[2];
const card = ICAL.parse(readFileSync('card.vcf', 'utf8'));
const [, properties] = typeof card[0] === 'string' ? card : card[0];
const value = (name) => properties.find((property) => property[0] === name)[3];
console.log(version, 'ical.js:', value('fn'), '|', value('n')[0], '|', value('note').replace('\n', ' / '));
writeFileSync('card.vcf', ICAL.stringify(card));
JS
for version in 3.0 4.0; do
    venv/bin/python exchange.py "$version"
    for _ in 1 2 3; do
        node exchange.mjs "$version"
        venv/bin/python exchange.py "$version" again
    done
done | tee seen

diff - seen <<'EXPECTED'
3.0 ical.js: Ann\; Dr | Example; Dr | a, b\; c / d
3.0 vobject: Ann\; Dr | Example; Dr | a, b\; c / d
3.0 ical.js: Ann\\; Dr | Example; Dr | a, b\\; c / d
3.0 vobject: Ann\\; Dr | Example; Dr | a, b\\; c / d
3.0 ical.js: Ann\\\; Dr | Example; Dr | a, b\\\; c / d
3.0 vobject: Ann\\\; Dr | Example; Dr | a, b\\\; c / d
4.0 ical.js: Ann\; Dr | Example; Dr | a, b\; c / d
4.0 vobject: Ann\; Dr | Example; Dr | a, b\; c / d
4.0 ical.js: Ann\\; Dr | Example; Dr | a, b\\; c / d
4.0 vobject: Ann\\; Dr | Example; Dr | a, b\\; c / d
4.0 ical.js: Ann\\\; Dr | Example; Dr | a, b\\\; c / d
4.0 vobject: Ann\\\; Dr | Example; Dr | a, b\\\; c / d
EXPECTED
