#!/usr/bin/env bash
# No spelling of a number's two types is read right by both vcard4 and vcard4-ts, though vCard has three.
#
# Versions: vcard4 4.0.5, vcard4-ts 0.4.1; for comparison ical.js 2.2.1 (all npm).
#
# A phone number of a vCard may have several types: `TYPE=work,voice`, `TYPE=work;TYPE=voice`, or, as in the
# example of a card in RFC 6350 (section 8), `TYPE="work,voice"`. The name of a company may be followed by its
# units (6.6.4), with a semicolon between them. A semicolon that belongs to the name has a backslash.
#
# Guess: two packages for vCard 4.0 alone, with its number in their names, read all three as two types.
#
# Seen: vcard4 reads `TYPE=work,voice` as one type "work,voice", and of `TYPE=work;TYPE=voice` it keeps the
# second. Only in quotes are there two. vcard4-ts reads these two right, and in quotes as one type. It also
# gives a company and its units as one name, in which the semicolon of "Example; Sons" is like the others.
# ical.js reads all as they are.
#
# Why it matters: who writes cards for both cannot write two types. A reader that looks for the number at work
# finds none, and says so for some senders only.
# memberbase has no vCards.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts vcard4-ts@0.4.1 vcard4@4.0.5 ical.js@2.2.1 >/dev/null

cat >read.mjs <<'JS'
import ICAL from 'ical.js';
import * as vcard4 from 'vcard4';
import * as vcard4ts from 'vcard4-ts';

const lines = [
  'TEL;VALUE=uri;TYPE="work,voice":tel:+44-7700-900123',
  'TEL;VALUE=uri;TYPE=work,voice:tel:+44-7700-900123',
  'TEL;VALUE=uri;TYPE=work;TYPE=voice:tel:+44-7700-900123',
  'ORG:Example;Sales;North',
  'ORG:Example\\; Sons;Sales',
];
for (const line of lines) {
  const card = ['BEGIN:VCARD', 'VERSION:4.0', 'FN:Ann Example', line, 'END:VCARD', ''].join('\r\n');
  const key = line.split(/[:;]/)[0];
  console.log(line);
  const one = [vcard4ts.parseVCards(card).vCards[0][key]].flat()[0];
  const two = vcard4.parse(card).parsedVcard.find(({ property }) => property === key);
  const three = new ICAL.Component(ICAL.parse(card)).getFirstProperty(key.toLowerCase());
  if (key === 'TEL') {
    console.log('  vcard4-ts:', JSON.stringify(one.parameters.TYPE));
    console.log('  vcard4:   ', JSON.stringify((two.params ?? two.parameters).TYPE));
    console.log('  ical.js:  ', JSON.stringify(three.getParameter('type')));
  } else {
    console.log('  vcard4-ts:', JSON.stringify(one.value));
    console.log('  vcard4:   ', JSON.stringify(two.value));
    console.log('  ical.js:  ', JSON.stringify(three.getFirstValue()));
  }
}
JS
node read.mjs | tee seen

diff - seen <<'EXPECTED'
TEL;VALUE=uri;TYPE="work,voice":tel:+44-7700-900123
  vcard4-ts: ["work,voice"]
  vcard4:    ["work","voice"]
  ical.js:   ["work","voice"]
TEL;VALUE=uri;TYPE=work,voice:tel:+44-7700-900123
  vcard4-ts: ["work","voice"]
  vcard4:    "work,voice"
  ical.js:   ["work","voice"]
TEL;VALUE=uri;TYPE=work;TYPE=voice:tel:+44-7700-900123
  vcard4-ts: ["work","voice"]
  vcard4:    "voice"
  ical.js:   ["work","voice"]
ORG:Example;Sales;North
  vcard4-ts: ["Example;Sales;North"]
  vcard4:    ["Example","Sales","North"]
  ical.js:   ["Example","Sales","North"]
ORG:Example\; Sons;Sales
  vcard4-ts: ["Example; Sons;Sales"]
  vcard4:    ["Example; Sons","Sales"]
  ical.js:   ["Example; Sons","Sales"]
EXPECTED
