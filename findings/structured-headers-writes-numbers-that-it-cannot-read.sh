#!/usr/bin/env bash
# structured-headers writes 1.0004 as `1.`, which nobody can read, also not structured-headers.
#
# Versions: structured-headers 2.1.0; for comparison structured-field-values 2.0.4 and
# @svta/cml-structured-field-values 1.1.6 (all npm), and http-sf 1.5.0 (PyPI).
#
# Headers such as `Idempotency-Key`, `Priority` and `RateLimit` are structured fields (RFC 9651). A decimal
# of them is rounded to three digits after the point, and has at least one there (section 4.1.5): 1.0004 is
# written as `1.0`. A reader has to fail for `1.`.
#
# Guess: the package, which says that it implements the RFC, writes `1.0`.
#
# Seen: `1.`, and `0.` for 0.0001 and for 1e-7, so each number with a fraction that rounds to nothing. Inside
# a list or a dictionary the same. Its own parser then says that a decimal cannot end with a dot, and the
# reader has to ignore the whole header, with all its members. The other three write `1.0`.
#
# Why it matters: the header of a computed number, such as the weight of a quota or a time in seconds, is
# missing now and then, by its value.
# memberbase's headers have texts and whole numbers, and are no structured fields.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check http-sf==1.5.0
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts structured-headers@2.1.0 \
    structured-field-values@2.0.4 @svta/cml-structured-field-values@1.1.6 >/dev/null

cat >write.mjs <<'JS'
import { encodeSfItem } from '@svta/cml-structured-field-values';
import { encodeItem } from 'structured-field-values';
import { parseItem, serializeDictionary, serializeItem } from 'structured-headers';

for (const value of [1.5, 1.0004, 0.0001, 1e-7]) {
  const text = serializeItem(value);
  let read;
  try {
    [read] = parseItem(text);
  } catch (error) {
    read = error.message;
  }
  console.log(`${value}: structured-headers ${text}, read by itself as: ${read}`);
  console.log(`  others: ${encodeItem(value)} ${encodeSfItem(value)}`);
}
console.log(serializeDictionary({ user: 'ann', wait: 2.0001 }));
JS
cat >write.py <<'PY'
import http_sf

print("http-sf:", *(http_sf.ser(value) for value in (1.5, 1.0004, 0.0001, 1e-7)))
try:
    print(http_sf.parse(b'user="ann", wait=2.', tltype="dictionary"))
except ValueError as error:
    print("http-sf:", error)
PY
{
    node write.mjs
    venv/bin/python write.py
} | tee seen

diff - seen <<'EXPECTED'
1.5: structured-headers 1.5, read by itself as: 1.5
  others: 1.5 1.5
1.0004: structured-headers 1., read by itself as: Parse error: Decimal cannot end on a period at offset 2
  others: 1.0 1.0
0.0001: structured-headers 0., read by itself as: Parse error: Decimal cannot end on a period at offset 2
  others: 0.0 0.0
1e-7: structured-headers 0., read by itself as: Parse error: Decimal cannot end on a period at offset 2
  others: 0.0 0.0
user="ann", wait=2.
http-sf: 1.5 1.0 0.0 0.0
http-sf: Decimal ends in '.' at position 18 (in 'wait')
EXPECTED
