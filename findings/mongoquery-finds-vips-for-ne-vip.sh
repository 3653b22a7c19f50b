#!/usr/bin/env bash
# mongoquery finds the VIPs for `{"tags": {"$ne": "vip"}}`, and no missing phone for `{"phone": None}`.
#
# Versions: mongoquery 1.4.3; for comparison mongomock 4.3.0 with pymongo 4.20.1 (PyPI), and mingo 7.2.7
# (npm).
#
# mongoquery finds the objects of a list that match a query of MongoDB, and follows, says its README, the
# specification of MongoDB 3.4. There `$ne` is the opposite of equality, so an array matches if none of its
# elements is equal, and null is equal to a missing field.
#
# Guess: it finds what mongomock and mingo find.
#
# Seen: mongoquery compares the whole array with the text, and they differ. So `$ne`, and `$not` of `$eq`,
# find everybody whose tags are an array. The same is true of a field of the elements of an array. `$nin` with
# one value is right. A null finds only a field that is there and has a null, and `$ne` with a null finds
# those without the field. `$gt` finds nobody by an array.
#
# Why it matters: "all but the VIPs" is everybody, which no test with a text as the field shows.
# memberbase's `ne` is the opposite of `eq`, also for arrays, and `exists: false` finds a missing value
# (filter.proto).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check mongoquery==1.4.3 mongomock==4.3.0 pymongo==4.20.1
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts mingo@7.2.7 >/dev/null

cat >queries.json <<'JSON'
[
  {"tags": "vip"},
  {"tags": {"$ne": "vip"}},
  {"tags": {"$nin": ["vip"]}},
  {"tags": {"$not": {"$eq": "vip"}}},
  {"emails.type": {"$ne": "work"}},
  {"phone": null},
  {"phone": {"$ne": null}},
  {"shifts": {"$gt": 30}}
]
JSON
cat >people.json <<'JSON'
[
  {
    "_id": "ann", "tags": ["vip", "red"], "emails": [{"type": "work"}], "phone": "+447700900123",
    "shifts": [4, 40]
  },
  {"_id": "ben", "tags": ["blue"], "emails": [{"type": "home"}], "phone": null, "shifts": [4]},
  {"_id": "cem", "tags": "vip", "emails": []}
]
JSON
cat >find.mjs <<'JS'
import { readFileSync } from 'node:fs';
import { Query } from 'mingo';

const [people, queries] = ['people', 'queries'].map((name) => JSON.parse(readFileSync(`${name}.json`)));
for (const query of queries) console.log(new Query(query).find(people).all().map(({ _id }) => _id).join(' '));
JS
cat >find.py <<'PY'
import json
import subprocess

import mongomock
import mongoquery

people = json.load(open("people.json"))
collection = mongomock.MongoClient().directory.people
collection.insert_many(people)
by_mingo = subprocess.check_output(["node", "find.mjs"], text=True).splitlines()
for query, mingo in zip(json.load(open("queries.json")), by_mingo, strict=True):
    found = " ".join(one["_id"] for one in people if mongoquery.Query(query).match(one))
    mongomocks = " ".join(one["_id"] for one in collection.find(query))
    print(f"{json.dumps(query)}: mongoquery ({found}), mongomock ({mongomocks}), mingo ({mingo})")
PY
venv/bin/python find.py | tee seen

diff - seen <<'EXPECTED'
{"tags": "vip"}: mongoquery (ann cem), mongomock (ann cem), mingo (ann cem)
{"tags": {"$ne": "vip"}}: mongoquery (ann ben), mongomock (ben), mingo (ben)
{"tags": {"$nin": ["vip"]}}: mongoquery (ben), mongomock (ben), mingo (ben)
{"tags": {"$not": {"$eq": "vip"}}}: mongoquery (ann ben), mongomock (ben), mingo (ben)
{"emails.type": {"$ne": "work"}}: mongoquery (ann ben cem), mongomock (ben cem), mingo (ben cem)
{"phone": null}: mongoquery (ben), mongomock (ben cem), mingo (ben cem)
{"phone": {"$ne": null}}: mongoquery (ann cem), mongomock (ann), mingo (ann)
{"shifts": {"$gt": 30}}: mongoquery (), mongomock (ann), mingo (ann)
EXPECTED
