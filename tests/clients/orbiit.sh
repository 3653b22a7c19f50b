#!/usr/bin/env bash
# Runs the curl commands of docs/orbiit.md in their order, with host, token and ids replaced. They are the calls
# of the published Orbiit documentation.
#
#   tests/clients/orbiit.sh HOST:PORT
#
# The server has no tokens, so it accepts any token.
set -euo pipefail
host=$1
here=$(cd "$(dirname "$0")" && pwd)
docs=$here/../../docs/orbiit.md
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

value() { # EXPRESSION about `reply`, the JSON on standard input
  python3 -c 'import json, sys; reply = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1"
}

base=$(curl -sS --fail-with-body "http://$host/publisher.v1/member-base/create" \
  -H "Content-Type: application/json" -d '{"name": "Orbiit"}' | value 'reply["id"]')

audience=none
from_docs() { # NUMBER MEMBER
  python3 - "$docs" "$1" <<'PYTHON' |
import re, sys
text = open(sys.argv[1], encoding="utf-8").read()
print(re.findall(r"(?m)^    curl .*\n(?:    .*\n)*", text)[int(sys.argv[2])])
PYTHON
    sed -e "s|127.0.0.1:50051|$host|; s|<token>|token|; s|mb_…|$base|; s|aud_…|$audience|; s|m_…|$2|; s|^    curl |curl -sS --fail-with-body |" >"$work/command"
  bash "$work/command"
}

from_docs 0 none >"$work/saved"
[ "$(value '[one["outcome"] for one in reply["results"]]' <"$work/saved")" = "['created', 'created']" ]
timothy=$(value 'reply["results"][0]["id"]' <"$work/saved")
from_docs 1 none >"$work/listed"
[ "$(value 'reply["totalCount"]' <"$work/listed")" = 2 ]
[ "$(value 'reply["nodes"][1]["_id"]' <"$work/listed")" = "$timothy" ]
[ "$(value 'reply["nodes"][1]["fields"]["role"]' <"$work/listed")" = "QA Tester" ]
[ "$(from_docs 2 "$timothy")" = '{"deletedCount":1}' ]
[ "$(from_docs 1 none | value 'reply["totalCount"]')" = 1 ]

audience=$(from_docs 3 none | value 'reply["id"]')
from_docs 4 none >"$work/changed"
[ "$(value 'reply["filter"] == [{"key": "role", "eq": "QA Tester"}]' <"$work/changed")" = True ]
[ "$(from_docs 5 none | value 'reply["addedCount"]')" = 1 ]
from_docs 0 none >"$work/saved"
[ "$(from_docs 6 none | value '[one["email"] for one in reply["nodes"]]')" = "['timothy@example.com', 'ada@example.com']" ]
echo "orbiit.sh: ok"
