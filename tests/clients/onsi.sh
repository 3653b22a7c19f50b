#!/usr/bin/env bash
# Runs the curl commands of the published Onsi documentation as printed, with host, key and id replaced.
#
#   tests/clients/onsi.sh HOST:PORT
#
# The server has no tokens, so it accepts any key; an additional header selects the memberbase.
set -euo pipefail
host=$1
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

field() { # NAME, of the JSON on standard input
  python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"
}

base=$(curl -sS --fail-with-body "http://$host/publisher.v1/member-base/create" \
  -H "Content-Type: application/json" -d '{"name": "Onsi", "new_members": "invited"}' | field id)

documented() { # NAME ID
  sed -e "s|https://api.onsi.com|http://$host|; s|<api-key>|key|; s|{id}|$2|" \
    -e "s|^curl |curl -sS --fail-with-body --header 'x-member-base-id: $base' |" "$here/documented/onsi_$1.sh" >"$work/command"
  bash "$work/command"
}

documented create none >"$work/created"
id=$(field memberId <"$work/created")
[ "$(field status <"$work/created")" = invited ]
[ "$(field gender <"$work/created")" = Female ]

documented replace "$id" >"$work/replaced"
[ "$(field memberId <"$work/replaced")" = "$id" ]
[ "$(field dob <"$work/replaced")" = None ]

found=$(curl -sS --fail-with-body -G "http://$host/v1/members" -H "x-member-base-id: $base" \
  --data-urlencode 'emails[]=JANE-SMITH@onsi.com' --data-urlencode 'statuses=invited' | field total)
[ "$found" = 1 ]
echo "onsi.sh: ok"
