#!/usr/bin/env bash
# scim2-parse-filter finds a member by the type of one e-mail address and the value of another.
#
# Versions: scim2-parse-filter 0.2.10; for comparison scim-patch 0.8.3, which uses it.
#
# A SCIM filter with brackets, `emails[type eq "work" and value eq "ann@example.com"]`, asks for one address
# that has both properties (RFC 7644, section 3.4.2.2). Without brackets, different addresses may have them.
#
# Guess: the brackets find a member only if one of its addresses has both properties.
#
# Seen: the brackets are dissolved into `emails.type eq "work" and emails.value eq "ann@example.com"`. A
# member with another work address, and this one at home, is found. `emails[not (type eq "work")]` does not
# find a member that has a work and a home address. scim-patch, which looks at one address at a time, finds
# none for the first filter and changes the home address for the second.
#
# Why it matters: HR systems look for a member in this way before they link or create an account. Private
# addresses of one person may be work addresses of another, as in a family business.
# memberbase has one address for each member.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts \
    scim2-parse-filter@0.2.10 scim-patch@0.8.3 >/dev/null

cat >find.js <<'JS'
const { parse, filter } = require('scim2-parse-filter');
const { scimPatch } = require('scim-patch');

const member = () => ({
  schemas: ['urn:ietf:params:scim:schemas:core:2.0:User'],
  userName: 'ann',
  emails: [
    { type: 'work', value: 'ann@example.org' },
    { type: 'home', value: 'ann@example.com' },
  ],
  meta: { resourceType: 'User', created: new Date(0), lastModified: new Date(0) },
});

const inBrackets = ['type eq "work" and value eq "ann@example.com"', 'not (type eq "work")'];
for (const text of inBrackets) {
  const found = filter(parse(`emails[${text}]`))(member());
  console.log('scim2-parse-filter', text, found ? 'found' : 'not found');
  try {
    const path = `emails[${text}].display`;
    const changed = scimPatch(member(), [{ op: 'replace', path, value: 'x' }]);
    console.log('scim-patch', text, 'changes', ...changed.emails.filter((e) => e.display).map((e) => e.type));
  } catch (error) {
    console.log('scim-patch', text, error.constructor.name);
  }
}
JS
node find.js | tee seen

diff - seen <<'EXPECTED'
scim2-parse-filter type eq "work" and value eq "ann@example.com" found
scim-patch type eq "work" and value eq "ann@example.com" NoTarget
scim2-parse-filter not (type eq "work") not found
scim-patch not (type eq "work") changes home
EXPECTED
