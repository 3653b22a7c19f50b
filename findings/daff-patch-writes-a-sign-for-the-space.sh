#!/usr/bin/env bash
# daff's patch writes the sign ␣ into phone numbers and postcodes, where the change was a space.
#
# Versions: daff 1.4.2, of PyPI and of npm.
#
# daff compares two tables. Its diff is a table too, made for reading and for `daff patch`, which turns the
# old table into the new one.
#
# Guess: the patched list is the new list.
#
# Seen: if two texts differ in their spaces alone, the diff shows each space of the new one as U+2423, the
# open box. The patch does not take it back: `+44 7700 900123` is patched in as `+44␣7700␣900123`. To remove
# spaces works. If another letter changes too, spaces stay spaces.
#
# Why it matters: the clean-up of a list ("SW1A1AA" to "SW1A 1AA") is what makes such changes, and in most
# columns it makes nothing else. The sign looks right in a report, and is in the data afterwards.
# memberbase's plans have values, and no signs in place of them.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check daff==1.4.2
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts daff@1.4.2 >/dev/null

cat >old.csv <<'CSV'
ref,name,phone,postcode
A1,Ann Example,+447700900123,SW1A1AA
A2,MaryAnn,+44 7700 900456,EH1 1AA
A3,vanderBerg,+44 7700 900789,M11AE
CSV
cat >new.csv <<'CSV'
ref,name,phone,postcode
A1,Ann Example,+44 7700 900123,SW1A 1AA
A2,Mary Ann,+447700900456,EH1 1AA
A3,Van der Berg,+44 7700 900789,M1 1AE
CSV

for daff in venv/bin/daff.py node_modules/.bin/daff; do
    "$daff" diff --output diff.csv old.csv new.csv
    "$daff" patch --output patched.csv old.csv diff.csv
    echo "$(basename "$daff"):"
    cat patched.csv
done | tee seen

diff - seen <<'EXPECTED'
daff.py:
ref,name,phone,postcode
A1,Ann Example,+44␣7700␣900123,SW1A␣1AA
A2,Mary␣Ann,+447700900456,EH1 1AA
A3,Van der Berg,+44 7700 900789,M1␣1AE
daff:
ref,name,phone,postcode
A1,Ann Example,+44␣7700␣900123,SW1A␣1AA
A2,Mary␣Ann,+447700900456,EH1 1AA
A3,Van der Berg,+44 7700 900789,M1␣1AE
EXPECTED
