#!/usr/bin/env bash
# vcf joins the lines of a text, and writes a comma and a semicolon so that others cut the name there.
#
# Versions: vcf 2.1.2 (writer and reader), vobject 0.9.9 (PyPI); for comparison vcards-js 2.11.1 (writer).
#
# In a vCard the parts of a name are separated by semicolons, and several values by commas. So a semicolon, a
# comma, a backslash and a line break that belong to a text are written as `\;`, `\,`, `\\` and `\n`.
#
# Guess: vcf writes them so, and what was put in comes back, in vcf itself and in others.
#
# Seen: vcf writes commas and semicolons as they are, and leaves out line breaks. vobject then reads the
# surname "Example; Jr" as the surname Example and the first name Jr, and "Ann, Dr" as Ann. The two lines of
# the note are one, without a space. vcf reads what vcards-js wrote with all its backslashes, and has no way
# to remove them. vobject reads that as it was.
#
# Why it matters: names are exchanged between members in these files, and a phone keeps the wrong ones.
# memberbase has no vCards.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check vobject==0.9.9
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts vcf@2.1.2 vcards-js@2.11.1 >/dev/null

cat >write.js <<'JS'
const { writeFileSync } = require('fs');
const Vcf = require('vcf');
const vcards = require('vcards-js');

const NAME = 'Ann, Dr';
const SURNAME = 'Example; Jr';
const NOTE = '1 Street\nOslo';

const card = new Vcf();
card.set('fn', NAME);
card.set('n', [SURNAME, NAME, '', '', '']);
card.set('note', NOTE);
writeFileSync('vcf.vcf', card.toString('3.0'));

const other = vcards();
Object.assign(other, { formattedName: NAME, lastName: SURNAME, firstName: NAME, note: NOTE });
writeFileSync('vcards-js.vcf', other.getFormattedString());
JS
node write.js

cat >read.js <<'JS'
const { readFileSync } = require('fs');
const Vcf = require('vcf');

for (const writer of ['vcf', 'vcards-js']) {
  const card = new Vcf().parse(readFileSync(`${writer}.vcf`, 'utf8').replace(/\r?\n/g, '\r\n'));
  for (const key of ['fn', 'n', 'note']) {
    console.log(`${writer}, read by vcf: ${key} ${JSON.stringify(card.get(key).valueOf())}`);
  }
}
JS
cat >read.py <<'PY'
import vobject

for writer in "vcf", "vcards-js":
    with open(f"{writer}.vcf", newline="") as file:
        card = vobject.readOne(file)
    for value in card.fn.value, card.n.value.family, card.n.value.given, card.note.value:
        print(f"{writer}, read by vobject: {value!r}")
PY
{
    node read.js
    venv/bin/python read.py
} | tee seen

diff - seen <<'EXPECTED'
vcf, read by vcf: fn "Ann, Dr"
vcf, read by vcf: n "Example; Jr;Ann, Dr;;;"
vcf, read by vcf: note "1 StreetOslo"
vcards-js, read by vcf: fn "Ann\\, Dr"
vcards-js, read by vcf: n "Example\\; Jr;Ann\\, Dr;;;"
vcards-js, read by vcf: note "1 Street\\nOslo"
vcf, read by vobject: 'Ann'
vcf, read by vobject: 'Example'
vcf, read by vobject: ' Jr'
vcf, read by vobject: '1 StreetOslo'
vcards-js, read by vobject: 'Ann, Dr'
vcards-js, read by vobject: 'Example; Jr'
vcards-js, read by vobject: 'Ann, Dr'
vcards-js, read by vobject: '1 Street\nOslo'
EXPECTED
