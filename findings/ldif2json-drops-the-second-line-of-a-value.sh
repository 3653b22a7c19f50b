#!/usr/bin/env bash
# ldif2json drops the second line of a value, and makes a new attribute of it if it has a colon.
#
# Versions: ldif2json 1.0.8; for comparison ldif 4.3.0 and ldif2csv 1.0.1 (all PyPI), and ldif 0.5.1 (npm).
#
# LDIF (RFC 2849) is the text format of directories. A long line of it is folded: the next line begins with a
# space, and goes on where the line ended. `ldapsearch` folds at 78 characters if not told otherwise.
#
# Guess: the tool, whose README shows it behind a pipe from `ldapsearch`, joins the lines.
#
# Seen: it removes the space, and then takes the rest for a line of its own. A line without ": " is dropped,
# so the name of the entry, the description and the surname, which is in Base64, end in the middle. The rest
# of the postal address has a colon, and is now an attribute called "mple, note". No error is shown. The other
# three join the lines.
#
# Why it matters: short names are right, so all looks well. The entries whose names were cut are not found in
# the directory, and two of one long name may be one now.
# memberbase reads no LDIF.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check ldif2json==1.0.8 ldif==4.3.0 ldif2csv==1.0.1
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts ldif@0.5.1 >/dev/null

cat >members.ldif <<'LDIF'
dn: cn=Ann Example,ou=Research and Development,ou=Headquarters,ou=Employees,o=
 Example
cn: Ann Example
description: The desk is open from Monday to Friday from nine to five, in Augu
 st on request
sn:: RXhhbXBsZS1NdXN0ZXJtYW5uLUJlaXNwaWVsLUV4ZW1wbGUtRXNlbXBpby1FamVtcGxvLVZv
 b3JiZWVsZC1Qcnp5a8WCYWQ=
postalAddress: 1 Example Street, Building 3, 2nd floor, room 12$Attention: Exa
 mple, note: ring twice
LDIF

{
    echo ldif2json:
    venv/bin/ldif2json --decode members.ldif
    echo ldif:
    venv/bin/python - <<'PY'
import ldif

with open("members.ldif", "rb") as file:
    for name, entry in ldif.LDIFParser(file).parse():
        print(f"  dn: {name}")
        for key, values in entry.items():
            print(f"  {key}: {values[0]}")
PY
    echo ldif2csv:
    venv/bin/ldif2csv -i members.ldif -o members.csv -s '|' >/dev/null
    tail -n 1 members.csv | tr -d '\r'
    echo ldif of npm:
    node -e "
      const { parse } = require('ldif');
      const text = require('fs').readFileSync('members.ldif', 'utf8');
      const { dn, attributes } = parse(text).shift().toObject();
      console.log(dn, attributes.sn, '|', attributes.postalAddress);
    "
} | tee seen

diff - seen <<'EXPECTED'
ldif2json:
[
  {
    "cn": "Ann Example",
    "description": "The desk is open from Monday to Friday from nine to five, in Augu",
    "dn": "cn=Ann Example,ou=Research and Development,ou=Headquarters,ou=Employees,o=",
    "mple, note": "ring twice",
    "postalAddress": "1 Example Street, Building 3, 2nd floor, room 12$Attention: Exa",
    "sn": "Example-Mustermann-Beispiel-Exemple-Esempio-Ejemplo-Vo"
  }
]
ldif:
  dn: cn=Ann Example,ou=Research and Development,ou=Headquarters,ou=Employees,o=Example
  cn: Ann Example
  description: The desk is open from Monday to Friday from nine to five, in August on request
  sn: Example-Mustermann-Beispiel-Exemple-Esempio-Ejemplo-Voorbeeld-Przykład
  postalAddress: 1 Example Street, Building 3, 2nd floor, room 12$Attention: Example, note: ring twice
ldif2csv:
Ann Example|The desk is open from Monday to Friday from nine to five, in August on request|1 Example Street, Building 3, 2nd floor, room 12$Attention: Example, note: ring twice|Example-Mustermann-Beispiel-Exemple-Esempio-Ejemplo-Voorbeeld-Przykład
ldif of npm:
cn=Ann Example,ou=Research and Development,ou=Headquarters,ou=Employees,o=Example Example-Mustermann-Beispiel-Exemple-Esempio-Ejemplo-Voorbeeld-Przykład | 1 Example Street, Building 3, 2nd floor, room 12$Attention: Example, note: ring twice
EXPECTED
