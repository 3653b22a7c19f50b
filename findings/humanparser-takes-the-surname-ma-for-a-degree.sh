#!/usr/bin/env bash
# humanparser says that Ann Lee Ma is called Lee, because it takes the surname Ma for a degree.
#
# Versions: humanparser 2.7.0, humanname 0.2.2, human-name-splitter 1.0.1, another-name-parser 0.1.0; for
# comparison parse-full-name 1.2.7 (all npm).
#
# Lists have one column with the name, and a directory has first and last names. These packages split a name
# into its parts, and know degrees and other suffixes, such as Jr., MD and MA, from a list.
#
# Guess: a suffix is what follows a whole name, or a comma, as in "Ann Example, MA".
#
# Seen: humanparser, humanname and human-name-splitter take Ma, a common surname, for the degree MA also if it
# is the only surname, so "Ann Ma" has none, and "Ann Lee Ma" is Ann Lee. humanparser does so even for
# "Ma, Ann", where the comma says which the surname is. human-name-splitter and another-name-parser take Do
# for a degree, and the latter also the middle name of "Ann Do Example" and the first name of "Vi Example",
# who is then called Example, without a surname. parse-full-name is right each time.
#
# Why it matters: names of many members of one origin are cut, and all others are right. In capitals, as
# older systems have them, the names look like degrees to a person too.
# memberbase has first and last names as separate fields, and splits none.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts humanparser@2.7.0 humanname@0.2.2 \
    human-name-splitter@1.0.1 another-name-parser@0.1.0 parse-full-name@1.2.7 >/dev/null

cat >split.js <<'JS'
const another = require('another-name-parser');
const { splitter } = require('human-name-splitter');
const humanname = require('humanname');
const { parseName } = require('humanparser');
const { parseFullName } = require('parse-full-name');

const packages = {
  humanparser: parseName,
  humanname: (name) => humanname.parse(name),
  'human-name-splitter': splitter,
  'another-name-parser': another,
  'parse-full-name': parseFullName,
};
const names = ['Ann Example, MA', 'Ann Ma', 'Ann Lee Ma', 'Ma, Ann', 'Ann Do', 'Ann Do Example', 'Vi Example'];
for (const name of names) {
  console.log(name);
  for (const [title, split] of Object.entries(packages)) {
    const parts = split(name);
    const last = parts.lastName ?? parts.last;
    console.log(`  ${title}: first ${parts.firstName ?? parts.first}, last ${last || '-'}, suffix ${parts.suffix || '-'}`);
  }
}
JS
node split.js | tee seen

diff - seen <<'EXPECTED'
Ann Example, MA
  humanparser: first Ann, last Example, suffix MA
  humanname: first Ann, last Example, suffix MA
  human-name-splitter: first Ann, last Example,, suffix MA
  another-name-parser: first MA, last Example, suffix -
  parse-full-name: first Ann, last Example, suffix MA
Ann Ma
  humanparser: first Ann, last -, suffix Ma
  humanname: first Ann, last -, suffix MA
  human-name-splitter: first Ann, last -, suffix MA
  another-name-parser: first Ann, last Ma, suffix -
  parse-full-name: first Ann, last Ma, suffix -
Ann Lee Ma
  humanparser: first Ann, last Lee, suffix Ma
  humanname: first Ann, last Lee, suffix MA
  human-name-splitter: first Ann, last Lee, suffix MA
  another-name-parser: first Ann, last Ma, suffix -
  parse-full-name: first Ann, last Ma, suffix -
Ma, Ann
  humanparser: first Ann, last -, suffix Ma
  humanname: first Ma, last Ann, suffix -
  human-name-splitter: first Ma,, last Ann, suffix -
  another-name-parser: first Ann, last Ma, suffix -
  parse-full-name: first Ann, last Ma, suffix -
Ann Do
  humanparser: first Ann, last Do, suffix -
  humanname: first Ann, last Do, suffix -
  human-name-splitter: first Ann, last -, suffix DO
  another-name-parser: first Ann, last -, suffix Do
  parse-full-name: first Ann, last Do, suffix -
Ann Do Example
  humanparser: first Ann, last Example, suffix -
  humanname: first Ann Do, last Example, suffix -
  human-name-splitter: first Ann Do, last Example, suffix -
  another-name-parser: first Ann, last Example, suffix Do
  parse-full-name: first Ann, last Example, suffix -
Vi Example
  humanparser: first Vi, last Example, suffix -
  humanname: first Vi, last Example, suffix -
  human-name-splitter: first Vi, last Example, suffix -
  another-name-parser: first Example, last -, suffix Vi
  parse-full-name: first Vi, last Example, suffix -
EXPECTED
