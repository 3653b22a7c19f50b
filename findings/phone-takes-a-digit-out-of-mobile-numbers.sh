#!/usr/bin/env bash
# phone takes a digit out of mobile numbers of Argentina, Gabon and Liberia, and says that they are valid.
#
# Versions: phone 3.1.72; for comparison libphonenumber-js 1.13.16 (both npm).
#
# Its README says that phone writes a number in the international format, and that it may leave out the trunk
# code `0` after the country code, as in +44 07911 123456.
#
# Guess: a number with a plus and no such 0 is either returned as it was, or is not valid.
#
# Seen: if a number has one digit more than phone knows for the country, it leaves out the first one, whatever
# that is, and tests the rest. Mobile numbers of Argentina have a 9 there. Those of Liberia and Gabon have a
# digit more than phone knows: +231 77 012 3456 becomes +231 70 123 456. An extension of one digit counts as
# a digit of the number, so +44 7700 900123 ext 7 becomes +44 7009 001237. `isValid` is true each time. With
# `strictDetection` they are invalid. libphonenumber-js leaves out the 0 and the extension, but no other
# digit.
#
# Why it matters: the number that is stored belongs to somebody else, or to nobody.
# memberbase leaves out a trunk zero, and no other digit, and rejects an extension (docs/onsi.md, "Fields").
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts phone@3.1.72 libphonenumber-js@1.13.16 >/dev/null

cat >numbers.js <<'JS'
const { parsePhoneNumber } = require('libphonenumber-js/max');
const { phone } = require('phone');

for (const number of [
  '+44 07700 900123',
  '+44 7700 900123',
  '+44 7700 900123 ext 7',
  '+54 9 11 2345 6789',
  '+231 77 012 3456',
  '+241 06 03 12 34',
]) {
  const { phoneNumber, isValid } = phone(number);
  const strict = phone(number, { strictDetection: true }).phoneNumber;
  console.log(`${number}: phone ${phoneNumber} (valid: ${isValid}), strict ${strict}`);
  console.log(`  libphonenumber-js: ${parsePhoneNumber(number).number}`);
}
JS
node numbers.js | tee seen

diff - seen <<'EXPECTED'
+44 07700 900123: phone +447700900123 (valid: true), strict null
  libphonenumber-js: +447700900123
+44 7700 900123: phone +447700900123 (valid: true), strict +447700900123
  libphonenumber-js: +447700900123
+44 7700 900123 ext 7: phone +447009001237 (valid: true), strict null
  libphonenumber-js: +447700900123
+54 9 11 2345 6789: phone +541123456789 (valid: true), strict null
  libphonenumber-js: +5491123456789
+231 77 012 3456: phone +23170123456 (valid: true), strict null
  libphonenumber-js: +231770123456
+241 06 03 12 34: phone +2416031234 (valid: true), strict null
  libphonenumber-js: +24106031234
EXPECTED
