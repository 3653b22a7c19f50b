#!/usr/bin/env bash
# id-validation makes a Dane who was born in 1994 100 years older, and refuses nine of ten Mexicans.
#
# Versions: id-validation 0.6.1; for comparison python-stdnum 2.2 (both PyPI) and stdnum 1.12.0 (npm).
# id-validation needs typing-extensions (4.15.0), which it does not install.
#
# A directory may check the personal numbers of its members, and take the date of birth from them. In a Danish
# number the seventh digit and the year say the century together: with a 9 the years from 37 on are those
# after 1900. In a CURP of Mexico the last digit is a check digit, for which the first place counts 18 times,
# the second 17 times, and so on.
#
# Guess: what one package accepts the others accept, and the dates are the same.
#
# Seen: with a 9 as the seventh digit id-validation has 1894 in place of 1994. With a 5 it is the other way
# round, 1994 in place of 1894. In the CURP it counts each place once less, so of numbers that the other two
# accept it accepts one in ten, by chance. Of the numbers of Finland it knows the signs for the century that
# were used until 2022, and those that are given out since then, such as B, are invalid. The other two
# packages accept all of these, which are made up.
#
# Why it matters: a Dane of 32 is 132, or gets a letter for those over 65. With a 0 to 3 as the seventh digit,
# as most numbers in examples have, the year is right.
# memberbase stores such a number as a text that the client sends.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check id-validation==0.6.1 python-stdnum==2.2 \
  typing-extensions==4.15.0
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts stdnum@1.12.0 >/dev/null

cat >valid.cjs <<'JS'
const { stdnum } = require('stdnum');

const kinds = { DK: stdnum.DK.cpr, MX: stdnum.MX.curp, FI: stdnum.FI.hetu };
const numbers = JSON.parse(require('node:fs').readFileSync(0));
console.log(JSON.stringify(numbers.map(([country, number]) => kinds[country].validate(number).isValid)));
JS
cat >numbers.py <<'PY'
import datetime
import json
import subprocess

import id_validation
from stdnum.dk import cpr
from stdnum.fi import hetu
from stdnum.mx import curp

KINDS = {"DK": cpr, "MX": curp, "FI": hetu}
BORN = datetime.date(1994, 5, 17)
numbers = [("DK", f"170594{digit}001") for digit in (0, 3, 4, 5, 9)]
for place in range(1000):
    letters = "BCDFGHJKLM"
    name = letters[place % 10] + "E" + letters[place // 10 % 10] + letters[place // 100]
    first = f"{name}{BORN:%y%m%d}HDFBCD0"
    numbers.append(("MX", first + curp.calc_check_digit(first)))
for sign in "ABF":
    first = "170505", "123"
    numbers.append(("FI", f"{first[0]}{sign}{first[1]}{hetu._calc_checksum(''.join(first))}"))

by_node = json.loads(subprocess.check_output(["node", "valid.cjs"], input=json.dumps(numbers).encode()))
accepted = {}
for (country, number), node in zip(numbers, by_node, strict=True):
    validator = id_validation.ValidatorFactory.get_validator(country)
    valid = KINDS[country].is_valid(number), node, validator.validate(number)
    counts = accepted.setdefault(country, [0, 0, 0, 0])
    for at, result in enumerate((True, *valid)):
        counts[at] += result
    if country == "DK":
        born = KINDS[country].get_birth_date(number), validator.extract_data(number)["dob"]
        print(f"{number}: python-stdnum {born[0]}, id-validation {born[1]}")
    if country == "FI":
        print(f"{number}: python-stdnum {valid[0]}, stdnum {valid[1]}, id-validation {valid[2]}")
for country, (count, python_stdnum, stdnum, validation) in accepted.items():
    counts = f"python-stdnum {python_stdnum}, stdnum {stdnum}, id-validation {validation}"
    print(f"{country}, {count} numbers: {counts}")
PY
venv/bin/python numbers.py | tee seen

diff - seen <<'EXPECTED'
1705940001: python-stdnum 1994-05-17, id-validation 1994-05-17
1705943001: python-stdnum 1994-05-17, id-validation 1994-05-17
1705944001: python-stdnum 1994-05-17, id-validation 1994-05-17
1705945001: python-stdnum 1894-05-17, id-validation 1994-05-17
1705949001: python-stdnum 1994-05-17, id-validation 1894-05-17
170505A1238: python-stdnum True, stdnum True, id-validation True
170505B1238: python-stdnum True, stdnum True, id-validation False
170505F1238: python-stdnum True, stdnum True, id-validation False
DK, 5 numbers: python-stdnum 5, stdnum 5, id-validation 5
MX, 1000 numbers: python-stdnum 1000, stdnum 1000, id-validation 103
FI, 3 numbers: python-stdnum 3, stdnum 3, id-validation 1
EXPECTED
