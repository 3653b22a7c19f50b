#!/usr/bin/env bash
# calculate-age says 17 on the 18th birthday of half of the members, age-calculator 18 on the day before.
#
# Versions: calculate-age 0.1.2 with pandas 3.1.1 and polars 2.1.0 (PyPI), age-calculator 1.0.0 (npm); for
# comparison dob-to-age 4.0.0 (npm).
#
# A directory asks for the age at consents, prices and lists of those who come of age. calculate-age adds a
# column with the "age in whole years" to a table of pandas or polars, age-calculator counts from today.
#
# Guess: on the 18th birthday the age is 18, and on the day before it is 17.
#
# Seen: calculate-age divides the days by 365.25, and age-calculator reads the years off a time after 1970.
# 18 years have 4 or 5 days of February 29. So for half of those born from 2000 to 2007 the one says 18 a day
# late, and for half the other says it a day early. For 15, 21 and 65 a quarter to three quarters are wrong,
# for 16 nobody. calculate-age says 0 on the first birthday of three children of four. dob-to-age compares
# years, months and days, and is right each time. (Nobody in the count was born on February 29.)
#
# Why it matters: the error is one day, so a test with today's date and "30 years ago" does not show it, and
# the one day that matters in an age is this one.
# memberbase stores the date of birth, and computes no ages.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check calculate-age==0.1.2 pandas==3.1.1 polars==2.1.0
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts age-calculator@1.0.0 dob-to-age@4.0.0 >/dev/null

cat >age.py <<'PY'
import datetime

import calculate_age
import pandas
import polars

born, day = [], datetime.date(2000, 1, 1)
while day.year < 2008:
    if (day.month, day.day) != (2, 29):
        born.append(day)
    day += datetime.timedelta(days=1)
for years in 1, 15, 16, 18, 21, 65:
    birthday = [day.replace(year=day.year + years) for day in born]
    before = [day - datetime.timedelta(days=1) for day in birthday]
    counts = []
    for when, right in (birthday, years), (before, years - 1):
        table = {"born": born, "when": when}
        one = calculate_age.calculate_age(polars.DataFrame(table), "born", "when")["age"].to_list()
        two = calculate_age.calculate_age(pandas.DataFrame(table), "born", "when")["age"].to_list()
        assert one == two
        counts.append(sum(age != right for age in one))
    print(f"calculate-age, {years}: {counts[0]} of {len(born)} a day late, {counts[1]} a day early")
PY
cat >age.js <<'JS'
const { AgeFromDate } = require('age-calculator');
const dobToAge = require('dob-to-age').default;

const DAY = 86400000;
const now = Date.now;
const at = (ms, ask) => {
  Date.now = () => ms;
  const age = ask();
  Date.now = now;
  return age;
};
for (const years of [1, 15, 16, 18, 21, 65]) {
  const wrong = { 'age-calculator': [0, 0], 'dob-to-age': [0, 0] };
  let all = 0;
  for (let ms = Date.UTC(2000, 0, 1); ms < Date.UTC(2008, 0, 1); ms += DAY) {
    const born = new Date(ms);
    const [month, day] = [born.getUTCMonth(), born.getUTCDate()];
    if (month === 1 && day === 29) continue;
    all += 1;
    const birthday = Date.UTC(born.getUTCFullYear() + years, month, day);
    [[birthday, years], [birthday - DAY, years - 1]].forEach(([when, right], index) => {
      const first = at(when, () => new AgeFromDate(born).age);
      const options = { referenceDate: when, forcedCalendarUnit: 'years' };
      const second = dobToAge(born.toISOString().slice(0, 10), options).count;
      wrong['age-calculator'][index] += first !== right;
      wrong['dob-to-age'][index] += second !== right;
    });
  }
  for (const [name, [late, early]] of Object.entries(wrong)) {
    console.log(`${name}, ${years}: ${late} of ${all} a day late, ${early} a day early`);
  }
}
JS
{
    venv/bin/python age.py
    TZ=UTC node age.js
} | tee seen

diff - seen <<'EXPECTED'
calculate-age, 1: 2190 of 2920 a day late, 0 a day early
calculate-age, 15: 730 of 2920 a day late, 0 a day early
calculate-age, 16: 0 of 2920 a day late, 0 a day early
calculate-age, 18: 1460 of 2920 a day late, 0 a day early
calculate-age, 21: 2190 of 2920 a day late, 0 a day early
calculate-age, 65: 2190 of 2920 a day late, 0 a day early
age-calculator, 1: 0 of 2920 a day late, 730 a day early
dob-to-age, 1: 0 of 2920 a day late, 0 a day early
age-calculator, 15: 730 of 2920 a day late, 0 a day early
dob-to-age, 15: 0 of 2920 a day late, 0 a day early
age-calculator, 16: 0 of 2920 a day late, 0 a day early
dob-to-age, 16: 0 of 2920 a day late, 0 a day early
age-calculator, 18: 0 of 2920 a day late, 1460 a day early
dob-to-age, 18: 0 of 2920 a day late, 0 a day early
age-calculator, 21: 0 of 2920 a day late, 730 a day early
dob-to-age, 21: 0 of 2920 a day late, 0 a day early
age-calculator, 65: 0 of 2920 a day late, 730 a day early
dob-to-age, 65: 0 of 2920 a day late, 0 a day early
EXPECTED
