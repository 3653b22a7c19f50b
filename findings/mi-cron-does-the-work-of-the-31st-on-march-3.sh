#!/usr/bin/env bash
# mi-cron does the work of the 31st on March 3 and May 1, and leaves out the Sunday of "5-7".
#
# Versions: @cheap-glitch/mi-cron 1.0.1, @datasert/cronjs-matcher 1.4.0, cronosjs 1.7.1, cron-schedule 6.0.0;
# for comparison croner 11.0.1 and cron-parser 5.10.6 (all npm).
#
# A server does its regular work, such as sending lists and deleting the data of former members, by
# expressions of cron: minute, hour, day of the month, month and day of the week. Days that a month lacks are
# left out, and 7 is Sunday, as 0 is.
#
# Guess: the six packages find the same next times, or call an expression invalid.
#
# Seen: mi-cron goes on from a day that the month lacks into the next month. So `31` is also March 3 and May
# 1, and February 29 is March 1 in other years. In "5-7" mi-cron sees Friday alone, and cronjs-matcher Friday
# and Saturday. "0-7" is Sunday alone for mi-cron and cronosjs, and each day for the others. cron-schedule
# leaves out what it does not know: "1#2", the second Monday of the month, is each Monday, and "5L", the last
# Friday, each Friday. "5/15" is 5 alone for it. None of these is an error. (mi-cron, whose README says so,
# has no next time for the two.)
#
# Why it matters: a list that is due monthly goes out each week, or the work of the weekend is not done on
# Sundays, which nobody sees on the day when the expression is written.
# memberbase has no expressions of cron; what it deletes follows from the age of the data
# (docs/operations.md).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @cheap-glitch/mi-cron@1.0.1 \
  @datasert/cronjs-matcher@1.4.0 cronosjs@1.7.1 cron-schedule@6.0.0 croner@11.0.1 \
  cron-parser@5.10.6 >/dev/null

cat >next.cjs <<'JS'
const { Cron } = require('croner');
const { CronExpressionParser } = require('cron-parser');
const { CronosExpression } = require('cronosjs');
const { parseCronExpression } = require('cron-schedule');
const { getFutureMatches } = require('@datasert/cronjs-matcher');
const { parseCron } = require('@cheap-glitch/mi-cron');

const from = new Date('2026-01-05T10:30:30Z');
const timezone = 'UTC';
const times = (next) => {
  const found = [];
  for (let at = from; found.length < 4 && at; ) if ((at = next(at))) found.push(at);
  return found;
};
const packages = {
  croner: (text) => new Cron(text, { timezone, paused: true }).nextRuns(4, from),
  'cron-parser': (text) => {
    const expression = CronExpressionParser.parse(text, { currentDate: from, tz: timezone });
    return times(() => expression.next().toDate());
  },
  cronosjs: (text) => CronosExpression.parse(text, { timezone }).nextNDates(from, 4),
  'cronjs-matcher': (text) =>
    getFutureMatches(text, { startAt: from.toISOString(), matchCount: 4, timezone })
      .map((at) => new Date(at)),
  'cron-schedule': (text) => parseCronExpression(text).getNextDates(4, from),
  'mi-cron': (text) => times((at) => parseCron.nextDate(text, at)),
};
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
for (const text of [
  '0 9 * * 1', '0 9 31 * *', '0 9 29 2 *', '0 9 * * 5-7', '0 9 * * 0-7', '0 9 * * 1#2', '0 9 * * 5L',
  '5/15 9 * * *',
]) {
  const same = new Map();
  for (const [name, next] of Object.entries(packages)) {
    let result;
    try {
      result = next(text).map((at) => `${DAYS[at.getUTCDay()]} ${at.toISOString().slice(0, 16)}`).join(', ');
    } catch {
      result = 'an error';
    }
    result ||= 'none';
    same.set(result, [...(same.get(result) ?? []), name]);
  }
  console.log(text);
  for (const [result, names] of same) console.log(`  ${names.join(', ')}:\n    ${result}`);
}
JS
TZ=UTC node next.cjs | tee seen

diff - seen <<'EXPECTED'
0 9 * * 1
  croner, cron-parser, cronosjs, cronjs-matcher, cron-schedule, mi-cron:
    Mon 2026-01-12T09:00, Mon 2026-01-19T09:00, Mon 2026-01-26T09:00, Mon 2026-02-02T09:00
0 9 31 * *
  croner, cron-parser, cronosjs, cronjs-matcher, cron-schedule:
    Sat 2026-01-31T09:00, Tue 2026-03-31T09:00, Sun 2026-05-31T09:00, Fri 2026-07-31T09:00
  mi-cron:
    Sat 2026-01-31T09:00, Tue 2026-03-03T09:00, Tue 2026-03-31T09:00, Fri 2026-05-01T09:00
0 9 29 2 *
  croner, cron-parser, cronosjs, cronjs-matcher, cron-schedule:
    Tue 2028-02-29T09:00, Sun 2032-02-29T09:00, Fri 2036-02-29T09:00, Wed 2040-02-29T09:00
  mi-cron:
    Sun 2026-03-01T09:00, Mon 2027-03-01T09:00, Tue 2028-02-29T09:00, Thu 2029-03-01T09:00
0 9 * * 5-7
  croner, cron-parser, cronosjs, cron-schedule:
    Fri 2026-01-09T09:00, Sat 2026-01-10T09:00, Sun 2026-01-11T09:00, Fri 2026-01-16T09:00
  cronjs-matcher:
    Fri 2026-01-09T09:00, Sat 2026-01-10T09:00, Fri 2026-01-16T09:00, Sat 2026-01-17T09:00
  mi-cron:
    Fri 2026-01-09T09:00, Fri 2026-01-16T09:00, Fri 2026-01-23T09:00, Fri 2026-01-30T09:00
0 9 * * 0-7
  croner, cron-parser, cronjs-matcher, cron-schedule:
    Tue 2026-01-06T09:00, Wed 2026-01-07T09:00, Thu 2026-01-08T09:00, Fri 2026-01-09T09:00
  cronosjs, mi-cron:
    Sun 2026-01-11T09:00, Sun 2026-01-18T09:00, Sun 2026-01-25T09:00, Sun 2026-02-01T09:00
0 9 * * 1#2
  croner, cron-parser, cronosjs, cronjs-matcher:
    Mon 2026-01-12T09:00, Mon 2026-02-09T09:00, Mon 2026-03-09T09:00, Mon 2026-04-13T09:00
  cron-schedule:
    Mon 2026-01-12T09:00, Mon 2026-01-19T09:00, Mon 2026-01-26T09:00, Mon 2026-02-02T09:00
  mi-cron:
    none
0 9 * * 5L
  croner, cron-parser, cronosjs, cronjs-matcher:
    Fri 2026-01-30T09:00, Fri 2026-02-27T09:00, Fri 2026-03-27T09:00, Fri 2026-04-24T09:00
  cron-schedule:
    Fri 2026-01-09T09:00, Fri 2026-01-16T09:00, Fri 2026-01-23T09:00, Fri 2026-01-30T09:00
  mi-cron:
    none
5/15 9 * * *
  croner:
    an error
  cron-parser, cronosjs, cronjs-matcher, mi-cron:
    Tue 2026-01-06T09:05, Tue 2026-01-06T09:20, Tue 2026-01-06T09:35, Tue 2026-01-06T09:50
  cron-schedule:
    Tue 2026-01-06T09:05, Wed 2026-01-07T09:05, Thu 2026-01-08T09:05, Fri 2026-01-09T09:05
EXPECTED
