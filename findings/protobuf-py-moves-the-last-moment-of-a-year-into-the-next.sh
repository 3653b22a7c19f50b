#!/usr/bin/env bash
# protobuf-py reads the last moment of 2026 as January 1, 2027, and the last moment of all as an error.
#
# Versions: protobuf-py 0.7.0, which connectrpc 0.13.0 uses; for comparison protobuf 7.36.2 (all PyPI).
#
# A `google.protobuf.Timestamp` has nanoseconds, and a `datetime` of Python has microseconds. Ends of periods
# are often written as the last nanosecond: `2026-12-31T23:59:59.999999999Z`. The last of year 9999, which is
# the largest that is allowed, often stands for "never".
#
# Guess: `to_datetime()` leaves out the digits that do not fit, as `ToDatetime()` of Google's package does.
#
# Seen: protobuf-py rounds to the nearest microsecond, so the end of 2026 becomes 2027-01-01 00:00:00. All
# nanoseconds from 999,999,500 on are in the next second. For the largest timestamp `to_datetime()` ends with
# OverflowError. Google's package returns 23:59:59.999999 for both. A duration of 59.9999999 seconds is a
# minute. `to_nanos()` and JSON have all digits.
#
# Why it matters: a membership that ends with the year is there on January 1, and is counted in both years. A
# member whose time never ends cannot be read. Servers of Connect use the one package, of gRPC the other.
# memberbase's times are whole microseconds (docs/formats.md).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check protobuf-py==0.7.0 protobuf==7.36.2

cat >read.py <<'PY'
from google.protobuf.duration_pb2 import Duration as GoogleDuration
from google.protobuf.timestamp_pb2 import Timestamp as GoogleTimestamp
from protobuf.wkt.google.protobuf.duration_pb import Duration
from protobuf.wkt.google.protobuf.timestamp_pb import Timestamp


def ask(read):
    try:
        return read()
    except (OverflowError, ValueError) as error:
        return f"{type(error).__name__}: {error}"


for text in (
    "2026-12-31T23:59:59.999Z",
    "2026-12-31T23:59:59.999999Z",
    "2026-12-31T23:59:59.999999499Z",
    "2026-12-31T23:59:59.999999999Z",
    "9999-12-31T23:59:59.999999999Z",
):
    one, two = Timestamp.from_json(f'"{text}"'), GoogleTimestamp()
    two.FromJsonString(text)
    assert one.to_binary() == two.SerializeToString()
    print(text)
    print("  protobuf-py:", ask(one.to_datetime))
    print("  protobuf:   ", ask(two.ToDatetime))
    print("  protobuf-py again:", one.to_json(), one.to_nanos() % 10**9)
one, two = Duration(seconds=59, nanos=999999900), GoogleDuration(seconds=59, nanos=999999900)
print("duration:", one.to_timedelta(), two.ToTimedelta())
PY
venv/bin/python read.py | tee seen

diff - seen <<'EXPECTED'
2026-12-31T23:59:59.999Z
  protobuf-py: 2026-12-31 23:59:59.999000+00:00
  protobuf:    2026-12-31 23:59:59.999000
  protobuf-py again: "2026-12-31T23:59:59.999Z" 999000000
2026-12-31T23:59:59.999999Z
  protobuf-py: 2026-12-31 23:59:59.999999+00:00
  protobuf:    2026-12-31 23:59:59.999999
  protobuf-py again: "2026-12-31T23:59:59.999999Z" 999999000
2026-12-31T23:59:59.999999499Z
  protobuf-py: 2026-12-31 23:59:59.999999+00:00
  protobuf:    2026-12-31 23:59:59.999999
  protobuf-py again: "2026-12-31T23:59:59.999999499Z" 999999499
2026-12-31T23:59:59.999999999Z
  protobuf-py: 2027-01-01 00:00:00+00:00
  protobuf:    2026-12-31 23:59:59.999999
  protobuf-py again: "2026-12-31T23:59:59.999999999Z" 999999999
9999-12-31T23:59:59.999999999Z
  protobuf-py: OverflowError: date value out of range
  protobuf:    9999-12-31 23:59:59.999999
  protobuf-py again: "9999-12-31T23:59:59.999999999Z" 999999999
duration: 0:01:00 0:00:59.999999
EXPECTED
