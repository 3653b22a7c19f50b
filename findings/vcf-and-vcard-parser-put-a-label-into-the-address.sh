#!/usr/bin/env bash
# vcf and vcard-parser put half of an address's label into the address, if the label has a colon.
#
# Versions: vcf 2.1.2, vcard-parser 1.0.0; for comparison ical.js 2.2.1, vcard4 4.0.5 and vcard4-ts 0.4.1 (all
# npm).
#
# A line of a vCard has a name, parameters, a colon and the value. A parameter whose text has a colon,
# semicolon or comma is in quotes. RFC 6350 shows an address so, with a place on the map (`GEO="geo:…"`) and a
# label for envelopes as parameters. A line that is too long goes on in the next, after one space.
#
# Guess: all five find the same address.
#
# Seen: vcf and vcard-parser end the parameters at the first colon, also in quotes. What comes after it is the
# first field of the address, the post office box: ` 5":`, or the place on the map. vcard-parser also takes
# all spaces from the beginning of a continued line, so two words become one. Neither says so, and the other
# three are right.
#
# Why it matters: phones and address books write labels and places. Addresses that they export then begin with
# a few signs of another field, and are printed so on envelopes.
# memberbase reads no vCards. In a quoted cell of its lists a separator is text (docs/lists.md).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts vcf@2.1.2 vcard-parser@1.0.0 ical.js@2.2.1 \
  vcard4@4.0.5 vcard4-ts@0.4.1 >/dev/null

cat >read.mjs <<'JS'
import ICAL from 'ical.js';
import { parse as parseVcard4 } from 'vcard4';
import vcardParser from 'vcard-parser';
import vcf from 'vcf';
import { parseVCards } from 'vcard4-ts';

const read = {
  vcf: (text) => vcf.parse(text)[0].toJSON()[1].find(([name]) => name === 'adr')[3],
  'vcard-parser': (text) => vcardParser.parse(text).adr[0].value,
  'ical.js': (text) => ICAL.parse(text)[1].find(([name]) => name === 'adr')[3],
  vcard4: (text) => Object.values(parseVcard4(text).getProperty('ADR')[0].value),
  'vcard4-ts': (text) => Object.values(parseVCards(text).vCards[0].ADR[0].value).flat(),
};
const card = (...lines) =>
  ['BEGIN:VCARD', 'VERSION:4.0', 'FN:Ann Example', ...lines, 'END:VCARD', ''].join('\r\n');
for (const parameters of [';LABEL="London"', ';LABEL="Mail drop: 5"', ';GEO="geo:51.5,-0.14"']) {
  const line = `ADR${parameters}:;;1 Example Street;London;;SW1A 1AA;UK`;
  console.log(line);
  for (const [name, f] of Object.entries(read)) console.log(`  ${name}: ${JSON.stringify(f(card(line)))}`);
}
const folded = card('NOTE:moved to', '  Example Street');
console.log('vcard-parser, note:', vcardParser.parse(folded).note[0].value);
console.log('vcf, note:', vcf.parse(folded)[0].get('note').valueOf());
JS
node read.mjs | tee seen

diff - seen <<'EXPECTED'
ADR;LABEL="London":;;1 Example Street;London;;SW1A 1AA;UK
  vcf: ["","","1 Example Street","London","","SW1A 1AA","UK"]
  vcard-parser: ["","","1 Example Street","London","","SW1A 1AA","UK"]
  ical.js: ["","","1 Example Street","London","","SW1A 1AA","UK"]
  vcard4: ["","","1 Example Street","London","","SW1A 1AA","UK"]
  vcard4-ts: ["","","1 Example Street","London","","SW1A 1AA","UK"]
ADR;LABEL="Mail drop: 5":;;1 Example Street;London;;SW1A 1AA;UK
  vcf: [" 5\":","","1 Example Street","London","","SW1A 1AA","UK"]
  vcard-parser: [" 5\":","","1 Example Street","London","","SW1A 1AA","UK"]
  ical.js: ["","","1 Example Street","London","","SW1A 1AA","UK"]
  vcard4: ["","","1 Example Street","London","","SW1A 1AA","UK"]
  vcard4-ts: ["","","1 Example Street","London","","SW1A 1AA","UK"]
ADR;GEO="geo:51.5,-0.14":;;1 Example Street;London;;SW1A 1AA;UK
  vcf: ["51.5,-0.14\":","","1 Example Street","London","","SW1A 1AA","UK"]
  vcard-parser: ["51.5,-0.14\":","","1 Example Street","London","","SW1A 1AA","UK"]
  ical.js: ["","","1 Example Street","London","","SW1A 1AA","UK"]
  vcard4: ["","","1 Example Street","London","","SW1A 1AA","UK"]
  vcard4-ts: ["","","1 Example Street","London","","SW1A 1AA","UK"]
vcard-parser, note: moved toExample Street
vcf, note: moved to Example Street
EXPECTED
