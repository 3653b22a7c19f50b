#!/usr/bin/env bash
# Python's FieldMask clears `email`, but keeps `address.city`, if the update has no address.
#
# Versions: protobuf 7.36.2, with protoc of grpcio-tools 1.85.1.
#
# An update sends a member and a mask of the fields to write. A field that the mask names and the member lacks
# is to be cleared. `FieldMask.MergeMessage` of the protobuf package does this to the stored member.
#
# Guess: the masks `email` and `address.city`, with an empty member, clear the two fields.
#
# Seen: `email` is cleared, also if it is `optional`. `address.city` is kept, because the part of the mask
# below a message is skipped if the update has no such message. With an empty address in the update, which is
# the same to most people, the city is cleared. The mask `address` keeps the address in both cases.
# `replace_message_field=True` helps with `address`, and not with `address.city`.
#
# Why it matters: a client that sends only what changed has no address in such an update. So a city that
# somebody removed stays in the directory, and the call succeeds.
# memberbase clears each field of the mask that the member lacks (docs/grpc.md, "Changing some fields of a
# member").
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check protobuf==7.36.2 grpcio-tools==1.85.1

cat >member.proto <<'PROTO'
syntax = "proto3";
message Address { string street = 1; string city = 2; }
message Member { string email = 1; optional string phone = 2; Address address = 3; }
PROTO
venv/bin/python -m grpc_tools.protoc -I. --python_out=. member.proto

cat >update.py <<'PY'
from google.protobuf.field_mask_pb2 import FieldMask
from member_pb2 import Address, Member

STORED = Member(email="ann@example.com", phone="+447700900123")
STORED.address.CopyFrom(Address(street="1 Street", city="Oslo"))
WITHOUT, EMPTY = Member(), Member(address=Address())


def update(path, source, **options):
    member = Member()
    member.CopyFrom(STORED)
    FieldMask(paths=[path]).MergeMessage(source, member, **options)
    had = "an empty" if source.HasField("address") else "no"
    left = [member.email, member.phone, member.address.street, member.address.city]
    print(f"{path}, {had} address{', replace' if options else ''} -> {left}")


update("email", WITHOUT)
update("phone", WITHOUT)
update("address.city", WITHOUT)
update("address.city", EMPTY)
update("address", WITHOUT)
update("address", EMPTY)
update("address.city", WITHOUT, replace_message_field=True)
update("address", WITHOUT, replace_message_field=True)
PY
venv/bin/python update.py | tee seen

diff - seen <<'EXPECTED'
email, no address -> ['', '+447700900123', '1 Street', 'Oslo']
phone, no address -> ['ann@example.com', '', '1 Street', 'Oslo']
address.city, no address -> ['ann@example.com', '+447700900123', '1 Street', 'Oslo']
address.city, an empty address -> ['ann@example.com', '+447700900123', '1 Street', '']
address, no address -> ['ann@example.com', '+447700900123', '1 Street', 'Oslo']
address, an empty address -> ['ann@example.com', '+447700900123', '1 Street', 'Oslo']
address.city, no address, replace -> ['ann@example.com', '+447700900123', '1 Street', 'Oslo']
address, no address, replace -> ['ann@example.com', '+447700900123', '', '']
EXPECTED
