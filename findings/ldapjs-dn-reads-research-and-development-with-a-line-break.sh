#!/usr/bin/env bash
# @ldapjs/dn and rfc2253 read `ou=Research\+Development` as "Research", a line break and "evelopment".
#
# Versions: @ldapjs/dn 1.1.0 (which ldapjs 3.0.7 uses), rfc2253 0.2.0 (both npm); for comparison ldap3 2.9.1
# (PyPI).
#
# In the name of an entry of LDAP a plus that belongs to a value has a backslash before it, and a space may
# have one (RFC 4514, section 2.4). A backslash and two hexadecimal digits are a byte.
# `ou=Research\+Development` is how a directory writes the department "Research+Development".
#
# Guess: the value is "Research+Development", and is written as `\+` or `\2b` again.
#
# Seen: both read `+D` as a number of two hexadecimal digits, with its sign, so it is byte 13, a carriage
# return. The same happens to each plus or space before a digit or a letter from A to F, such as in
# `Ann\ Example`. Of `R\+D` @ldapjs/dn leaves the R. It writes what it read (`\0d`), which is the name of
# another entry. Before other letters, as in `Sales\+Marketing`, the plus is read, and `\2b` always is.
# rfc2253 also reads each byte of a letter as a letter, so the example of RFC 2253 itself,
# `Lu\C4\8Di\C4\87`, is not "Lučić". ldap3 leaves all backslashes as they are.
#
# Why it matters: a sync finds no members of the department, or stores its name with a control character;
# other departments show no error.
# memberbase has no names of LDAP.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check ldap3==2.9.1
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @ldapjs/dn@1.1.0 rfc2253@0.2.0 >/dev/null

cat >read.js <<'JS'
const { DN } = require('@ldapjs/dn');
const rfc2253 = require('rfc2253');

for (const name of [
  String.raw`ou=Research\+Development`,
  String.raw`ou=R\+D`,
  String.raw`cn=Ann\ Example`,
  String.raw`ou=Sales\+Marketing`,
  String.raw`ou=Research\2BDevelopment`,
  String.raw`sn=Lu\C4\8Di\C4\87`,
]) {
  const key = name.slice(0, 2);
  const dn = DN.fromString(name);
  console.log(name);
  console.log('  @ldapjs/dn:', JSON.stringify(dn.rdnAt(0).getValue(key)), 'written', dn.toString());
  console.log('  rfc2253:   ', JSON.stringify(rfc2253.parse(name).get(key)));
}
JS
cat >read.py <<'PY'
from ldap3.utils.dn import parse_dn

for name in r"ou=Research\+Development", r"cn=Ann\ Example":
    print("ldap3:", parse_dn(name))
PY
{
    node read.js
    venv/bin/python read.py
} | tee seen

diff - seen <<'EXPECTED'
ou=Research\+Development
  @ldapjs/dn: "Research\revelopment" written ou=Research\0development
  rfc2253:    "Research\revelopment"
ou=R\+D
  @ldapjs/dn: "R" written ou=R
  rfc2253:    "R\r"
cn=Ann\ Example
  @ldapjs/dn: "Ann\u000example" written cn=Ann\0example
  rfc2253:    "Ann\u000example"
ou=Sales\+Marketing
  @ldapjs/dn: "Sales+Marketing" written ou=Sales\2bMarketing
  rfc2253:    "Sales+Marketing"
ou=Research\2BDevelopment
  @ldapjs/dn: "Research+Development" written ou=Research\2bDevelopment
  rfc2253:    "Research+Development"
sn=Lu\C4\8Di\C4\87
  @ldapjs/dn: "Lučić" written sn=Lu\c4\8di\c4\87
  rfc2253:    "LuÄiÄ"
ldap3: [('ou', 'Research\\+Development', '')]
ldap3: [('cn', 'Ann\\ Example', '')]
EXPECTED
