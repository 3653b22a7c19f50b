#!/usr/bin/env bash
# country-emoji takes South Sudan for Sudan, and country-locale-map takes the USA for Russia.
#
# Versions: country-emoji 1.5.6, country-locale-map 1.9.14; for comparison country-to-iso 1.6.3 and
# countrynames 0.1.1 (all npm), and countryguess 0.4.9 (PyPI).
#
# The countries in a list of members are names that people typed. These packages find the code of such a name:
# country-emoji takes a name that has more words than the country's, and country-locale-map has a fuzzy search
# by likeness, which is used if its second argument is true.
#
# Guess: a name in common use has its own code, or none.
#
# Seen: country-emoji has SD for South Sudan, CG for DR Congo and for Congo-Kinshasa, IE for Northern Ireland,
# and US for the United States Virgin Islands. country-locale-map takes the likest name also if it is not very
# like. So the USA are Russia, Scotland and Holland are Poland, Wales are the Maldives and Vatican is Latvia.
# The other three have the right code or none.
#
# Why it matters: country codes decide on prices, taxes and letters, and a wrong one looks like every other.
# "USA" is what most members from there write.
# memberbase has no field that it turns into the code of a country.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check countryguess==0.4.9
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts country-emoji@1.5.6 country-locale-map@1.9.14 \
  country-to-iso@1.6.3 countrynames@0.1.1 >/dev/null

cat >countries.json <<'JSON'
[["USA", "US"], ["Vatican", "VA"], ["Holland", "NL"], ["Scotland", "GB"], ["Wales", "GB"],
 ["Northern Ireland", "GB"], ["South Sudan", "SS"], ["DR Congo", "CD"], ["Congo-Kinshasa", "CD"],
 ["United States Virgin Islands", "VI"], ["Syria", "SY"], ["South Korea", "KR"], ["Guinea-Bissau", "GW"],
 ["Niger", "NE"], ["Dominican Republic", "DO"], ["Germany", "DE"], ["Unknown", ""]]
JSON
cat >codes.cjs <<'JS'
const emoji = require('country-emoji');
const { getCountryByName } = require('country-locale-map');
const { countryToAlpha2 } = require('country-to-iso');
const countrynames = require('countrynames');

const packages = {
  'country-emoji': (name) => emoji.code(name),
  'country-locale-map': (name) => getCountryByName(name, true)?.alpha2,
  'country-to-iso': (name) => countryToAlpha2(name),
  countrynames: (name) => countrynames.getCode(name),
};
const names = JSON.parse(require('node:fs').readFileSync('countries.json')).map(([name]) => name);
const codes = Object.entries(packages).map(([of, code]) => [of, names.map((name) => code(name) ?? '')]);
console.log(JSON.stringify(codes));
JS
cat >codes.py <<'PY'
import json
import subprocess

import countryguess

countries = json.load(open("countries.json"))
found = json.loads(subprocess.check_output(["node", "codes.cjs"]))
guesses = [countryguess.guess_country(name) for name, _ in countries]
found.append(["countryguess", [guess["iso2"] if guess else "" for guess in guesses]])
for package, codes in found:
    pairs = list(zip(countries, codes, strict=True))
    wrong = [f"{name} {code}" for (name, right), code in pairs if code not in ("", right)]
    none = [name for (name, right), code in pairs if code == "" != right]
    print(f"{package}: wrong: {', '.join(wrong) or 'none'}; not found: {', '.join(none) or 'none'}")
PY
venv/bin/python codes.py | tee seen

diff - seen <<'EXPECTED'
country-emoji: wrong: Northern Ireland IE, South Sudan SD, DR Congo CG, Congo-Kinshasa CG, United States Virgin Islands US; not found: Holland, Scotland, Wales
country-locale-map: wrong: USA RU, Vatican LV, Holland PL, Scotland PL, Wales MV, Northern Ireland MP, DR Congo CG, Congo-Kinshasa CK, United States Virgin Islands UM, Syria RS; not found: none
country-to-iso: wrong: none; not found: United States Virgin Islands
countrynames: wrong: none; not found: USA, Vatican, Holland, Scotland, Wales, Northern Ireland, DR Congo, Congo-Kinshasa, United States Virgin Islands
countryguess: wrong: none; not found: Holland, Scotland, Wales, Northern Ireland
EXPECTED
