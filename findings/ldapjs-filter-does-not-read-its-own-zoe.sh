#!/usr/bin/env bash
# @ldapjs/filter writes Zoë into a filter as `Zo\c3\ab`, which it and two packages named ldap-filter misread.
#
# Versions: @ldapjs/filter 2.1.1 (which ldapjs 3.0.7 uses) and ldap-filter 0.3.3 (npm), ldap-filter 1.0.1
# (PyPI); for comparison ldap3 2.9.1 (PyPI).
#
# A filter of LDAP writes some characters as a backslash and two hex digits, and may do so with every byte.
# RFC 4515 has such a filter for a name with accents, in UTF-8. So `(cn=Zo\c3\ab)` asks for Zoë, and
# `(cn=Ann \28HR\29)` for "Ann (HR)", whose brackets have to be written so.
#
# Guess: all read both, and what a package wrote is read by itself.
#
# Seen: @ldapjs/filter writes the backslashes, but does not decode any. It asks for the nine characters
# `Zo\c3\ab`, also in the bytes that it makes for a server, and the text that it writes of a filter is that of
# another filter when it is read. The two packages named ldap-filter decode the brackets, but take each byte
# of UTF-8 for a character. ldap3 reads both as the RFC does.
#
# Why it matters: a search for a name with an accent or a bracket finds nobody, without an error. What syncs a
# directory then creates the member again.
# memberbase's filters are JSON or Protocol Buffers, so there is nothing in them to escape.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check ldap-filter==1.0.1 ldap3==2.9.1
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @ldapjs/filter@2.1.1 ldap-filter@0.3.3 >/dev/null

cat >ask.js <<'JS'
const ldapjs = require('@ldapjs/filter');
const ldapFilter = require('ldap-filter');

for (const name of ['Zoë', 'Ann (HR)']) {
  const written = new ldapjs.EqualityFilter({ attribute: 'cn', value: name }).toString();
  const read = ldapjs.parseString(written);
  const sent = read.toBer().buffer.toString('latin1').slice(8);
  console.log(`${name} is written ${written}, and matches:`);
  console.log(`  @ldapjs/filter: ${read.matches({ cn: name })}, sends ${sent}`);
  console.log(`  ldap-filter (npm): ${ldapFilter.parse(written).matches({ cn: name })}`);
}
JS
node ask.js | tee seen

venv/bin/python - <<'PY' | tee -a seen
from ldap3.operation.search import compile_filter, parse_filter
from ldap_filter import Filter

for name, written in ("Zoë", r"(cn=Zo\c3\ab)"), ("Ann (HR)", r"(cn=Ann \28HR\29)"):
    tree = parse_filter(written, None, True, True, None, False)
    sent = bytes(compile_filter(tree.elements[0]).getComponent()["assertionValue"]).decode()
    print(f"ldap-filter (PyPI): {written} matches {Filter.parse(written).match({'cn': name})}")
    print(f"  ldap3: sends {sent}")
PY

diff - seen <<'EXPECTED'
Zoë is written (cn=Zo\c3\ab), and matches:
  @ldapjs/filter: false, sends Zo\c3\ab
  ldap-filter (npm): false
Ann (HR) is written (cn=Ann \28HR\29), and matches:
  @ldapjs/filter: false, sends Ann \28HR\29
  ldap-filter (npm): true
ldap-filter (PyPI): (cn=Zo\c3\ab) matches False
  ldap3: sends Zoë
ldap-filter (PyPI): (cn=Ann \28HR\29) matches True
  ldap3: sends Ann (HR)
EXPECTED
