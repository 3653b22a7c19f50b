#!/usr/bin/env bash
# The curl commands of the published Onsi documentation as printed, with host, key and id replaced.
#
#   tests/clients/onsi.sh HOST:PORT
#
# The server has no tokens, so any key does; the memberbase is named by a header more.
set -euo pipefail
host=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

field() { # NAME, of the JSON on standard input
  python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"
}

base=$(curl -sS --fail-with-body "http://$host/publisher.v1/member-base/create" \
  -H "Content-Type: application/json" -d '{"name": "Onsi", "new_members": "invited"}' | field id)

documented() { # ID, of the command on standard input
  sed -e "s|https://api.onsi.com|http://$host|; s|<api-key>|key|; s|{id}|$1|" \
    -e "s|^curl |curl -sS --fail-with-body --header 'x-member-base-id: $base' |" >"$work/command"
  bash "$work/command"
}

documented none >"$work/created" <<'DOCUMENTED'
curl --request POST \
  --url https://api.onsi.com/v1/members \
  --header 'Content-Type: application/json' \
  --header 'X-API-KEY: <api-key>' \
  --data '{
  "email": "jane-smith@onsi.com",
  "firstName": "John",
  "lastName": "Smith",
  "phone": "+447123456789",
  "workerId": "ID_123",
  "tier": "Gold",
  "accountDetails": {
    "accountHolder": "John Smith",
    "sortCode": "123456",
    "accountNumber": "12345678"
  },
  "enablePayroll": true,
  "dob": "1990-01-01",
  "gender": "Female"
}'
DOCUMENTED
id=$(field memberId <"$work/created")
[ "$(field status <"$work/created")" = invited ]
[ "$(field gender <"$work/created")" = Female ]

documented "$id" >"$work/replaced" <<'DOCUMENTED'
curl --request PUT \
  --url https://api.onsi.com/v1/members/{id} \
  --header 'Content-Type: application/json' \
  --header 'X-API-KEY: <api-key>' \
  --data '{
  "email": "jane-smith@onsi.com",
  "firstName": "John",
  "lastName": "Smith",
  "phone": "+447123456789",
  "workerId": "ID_123",
  "tier": "Gold",
  "accountDetails": {
    "accountHolder": "John Smith",
    "sortCode": "123456",
    "accountNumber": "12345678"
  },
  "enablePayroll": true
}'
DOCUMENTED
[ "$(field memberId <"$work/replaced")" = "$id" ]
[ "$(field dob <"$work/replaced")" = None ]

found=$(curl -sS --fail-with-body -G "http://$host/v1/members" -H "x-member-base-id: $base" \
  --data-urlencode 'emails[]=JANE-SMITH@onsi.com' --data-urlencode 'statuses=invited' | field total)
[ "$found" = 1 ]
echo "onsi.sh: ok"
