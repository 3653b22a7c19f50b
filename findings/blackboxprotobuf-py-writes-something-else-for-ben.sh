#!/usr/bin/env bash
# blackboxprotobuf-py takes the name Ben for a message, and writes other bytes back than it has read.
#
# Versions: blackboxprotobuf-py 0.1.1; for comparison bbpb 1.4.2 and protobuf 7.36.2 (all PyPI).
#
# Both decode a message of Protocol Buffers whose definition is not at hand, to look at a call or to change a
# value in it, and encode it again. Text, bytes and messages within look alike on the wire, so they guess what
# a field is. The README of blackboxprotobuf-py shows that what it decodes is encoded again.
#
# Guess: a wrong guess shows a value in a strange form, and encoding it gives the same bytes.
#
# Seen: blackboxprotobuf-py takes a text for a message if its letters can be read as one, up to an end that it
# does not check. Of Ben it keeps "n", of Roma "ma", and of Jürgen "gen". These are encoded without the rest,
# so a change of another field changes the name as well. A field that has several values, of which the first
# looks like text, cannot be encoded at all. bbpb gives the same bytes for all.
#
# Why it matters: a tool that changes one value of a recorded call breaks the names of some members in it, and
# says nothing. With names such as Ann it works.
# memberbase has the definitions of its messages on the server, which reflection hands out.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check blackboxprotobuf-py==0.1.1 bbpb==1.4.2 \
  protobuf==7.36.2

cat >again.py <<'PY'
import blackboxprotobuf
import blackboxprotobuf_py
from google.protobuf.wrappers_pb2 import StringValue


def again(package, data):
    message, typedef = package.decode_message(data)[:2]
    try:
        return message, bytes(package.encode_message(message, typedef))
    except AttributeError as error:
        return message, f"AttributeError: {error}"


for name in ("Ann", "Ben", "Roma", "Jürgen"):
    data = StringValue(value=name).SerializeToString()
    message, new = again(blackboxprotobuf_py, data)
    print(f"{name}: {message}, then {StringValue.FromString(new).value!r};", end=" ")
    print("bbpb the same bytes:", again(blackboxprotobuf, data)[1] == data)

data = b"".join(StringValue(value=name).SerializeToString() for name in ("vip", "red"))
print("vip and red:", *again(blackboxprotobuf_py, data), end="; ")
print("bbpb the same bytes:", again(blackboxprotobuf, data)[1] == data)
PY
venv/bin/python again.py | tee seen

diff - seen <<'EXPECTED'
Ann: {'1': 'Ann'}, then 'Ann'; bbpb the same bytes: True
Ben: {'1': {'8': 'n'}}, then 'B\x01n'; bbpb the same bytes: True
Roma: {'1': {'10': 'ma'}}, then 'R\x02ma'; bbpb the same bytes: True
Jürgen: {'1': {'9': 'gen'}}, then 'J\x03gen'; bbpb the same bytes: True
vip and red: {'1': ['vip', {'14': 'd'}]} AttributeError: 'str' object has no attribute 'items'; bbpb the same bytes: True
EXPECTED
