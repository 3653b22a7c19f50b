#!/usr/bin/env bash
# The Python package uuid7 makes ids that say 2199 to everybody else.
#
# Versions: uuid7 0.1.0 (imported as uuid_extensions), uuid6 2025.0.1, uuid7-standard 1.1.2, uuid 14.0.3 of
# npm.
#
# A UUID of version 7 (RFC 9562) begins with the milliseconds since 1970 in 48 bits. So its owner reads the
# time of an id from it, and ids of several makers sort by time.
#
# Guess: a package of this name, which says "version 7" in its ids, makes ids of the RFC.
#
# Seen: it makes those of a draft of 2021, with whole seconds in 36 bits before the fraction. Version and
# variant are the same, so nothing can tell the two apart. An id of 2026-01-05 has the time 2199-06-04 for the
# two Python packages that read it. An id that uuid of npm made a day later sorts before it.
#
# Why it matters: sorted by id, the members of this program come last for 173 years. A reader that asks for
# ids after the last one that it saw gets no new member of the other programs.
# memberbase reads no time from a UUID, and sorts members by their own times.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check uuid7==0.1.0 uuid6==2025.0.1 uuid7-standard==1.1.2
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts uuid@14.0.3 >/dev/null

node --input-type=module >later <<'JS'
import { v7 } from 'uuid';
console.log(v7({ msecs: Date.UTC(2026, 0, 6), random: new Uint8Array(16) }));
JS

venv/bin/python - <<'PY' | tee seen
import datetime
import pathlib
import uuid

import uuid6
import uuid7 as standard
import uuid_extensions

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
day = datetime.datetime(2026, 1, 5, tzinfo=datetime.timezone.utc)
first = uuid_extensions.uuid7(int(day.timestamp()) * 10**9)
later = uuid.UUID(pathlib.Path("later").read_text().strip())
for name, made in ("uuid7", first), ("npm", later):
    by_uuid6 = EPOCH + datetime.timedelta(milliseconds=uuid6.UUID(str(made)).time)
    print(name, str(made)[:15], f"version {made.version}:", by_uuid6.date(), standard.time(made).date())
print("sorted:", *(str(made)[:8] for made in sorted([first, later])))
PY

diff - seen <<'EXPECTED'
uuid7 0695aff0-0000-7 version 7: 2199-06-04 2199-06-04
npm 019b909a-7400-7 version 7: 2026-01-06 2026-01-06
sorted: 019b909a 0695aff0
EXPECTED
