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
# The commands of docs/onsi.md about lists and batches, in their order. The second list has nobody of the first one, so
# its plan awaits a review.
docs=$here/../../docs/onsi.md
from_docs() { # NUMBER JOB HASH MEMBER
  python3 - "$docs" "$1" <<'PYTHON' |
import re, sys
text = open(sys.argv[1], encoding="utf-8").read().split("## Full lists")[1].split("## Errors")[0]
print(re.findall(r"(?m)^    curl .*\n(?:    .*\n)*", text)[int(sys.argv[2])])
PYTHON
    sed -e "s|127.0.0.1:50051|$host|; s|<api-key>|key|; s|mb_…|$base|; s|maj_…|$2|; s|mem_…|${4:-}|; s|\"…\"|\"$3\"|; s|^    curl |curl -sS --fail-with-body |" >"$work/command"
  (cd "$work" && bash ./command)
}
job() { # NUMBER, of the command that sends the list
  from_docs "$1" none none | field jobId
}
settled() { # JOB
  for _ in $(seq 600); do
    from_docs 2 "$1" none >"$work/job"
    stage=$(python3 -c 'import json, sys; print(json.load(sys.stdin)["progress"]["type"])' <"$work/job")
    case $stage in NotReady | Processing) sleep 0.1 ;; *) return ;; esac
  done
}

printf 'email,first_name,last_name,tier\nada@example.com,Ada,Example,Gold\n' >"$work/people.csv"
dry=$(job 1)
settled "$dry"
[ "$stage" = Completed ]
list=$(job 0)
settled "$list"
[ "$stage" = AwaitingReview ]
from_docs 3 "$list" "$(field planHash <"$work/job")" >"$work/approved"
settled "$list"
[ "$stage" = Completed ]
from_docs 4 "$list" none >"$work/results"
grep -q '^2,ada@example.com,mem_.*,Added,' "$work/results"
grep -q ',Offboarded,' "$work/results"
# The batch offboards the member whom it changed before.
mary=$(curl -sS --fail-with-body "http://$host/v1/members" -H "x-member-base-id: $base" -H 'Content-Type: application/json' \
  --data '{"email": "mary@example.com", "firstName": "Mary", "lastName": "Example", "tier": "Gold"}' | field memberId)
batch=$(from_docs 5 none none "$mary" | field jobId)
settled "$batch"
[ "$stage" = Completed ]
from_docs 4 "$batch" none >"$work/results"
grep -q '^1,ana@example.com,mem_.*,Added,' "$work/results"
grep -q "^3,,$mary,Offboarded," "$work/results"
echo "onsi.sh: ok"
