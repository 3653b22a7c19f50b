#!/usr/bin/env bash
# Tests the server against the OpenAPI documents of the JSON doors. schemathesis generates valid and invalid
# requests from them and compares every response with them. No response has a status 5xx, or a status, header,
# type or field that is not documented. The server refuses invalid requests, accepts valid ones, and refuses
# both without a token.
#
#   tests/clients/openapi.sh HOST:PORT TOKEN
#
# TOKEN has the access level admin. The requests are the same in every run.
set -euo pipefail
export MEMBERBASE_ADDRESS=$1 MEMBERBASE_TOKEN=$2
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

call() { # CALL BODY FIELD
  curl -sS --fail-with-body "http://$MEMBERBASE_ADDRESS/publisher.v1/$1" -H "Authorization: Bearer $MEMBERBASE_TOKEN" \
    -H "Content-Type: application/json" -d "$2" | python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$3"
}

# Each document is tested with a new memberbase, whose guard lets everything pass.
new_base() {
  MEMBERBASE_BASE=$(call member-base/create '{"name": "Document", "guard_limits": {"removals": {"percent": 100},
    "identities": {"percent": 100}, "clears": {"percent": 100}, "reactivations": {"percent": 100}, "tiers": {"percent": 100}}}' id)
  export MEMBERBASE_BASE
  call attribute.schema/set '{"member_base_id": "'"$MEMBERBASE_BASE"'", "schema": {"plan": {"type": "string"}}}' id >"$work/schema"
}

check() { # DOCUMENT HEADER
  (
    # schemathesis leaves a cache in its working folder. One worker, because `ast.parse` in several threads
    # sometimes crashes CPython before 3.12 (python/cpython#106905).
    cd "$work"
    export PYTHONPATH=$here/openapi PYTHONDONTWRITEBYTECODE=1 SCHEMATHESIS_HOOKS=hooks
    schemathesis --config-file "$here/openapi/schemathesis.toml" run "http://$MEMBERBASE_ADDRESS$1" --header "$2" \
      --phases examples,coverage,fuzzing --max-examples 30 --generation-deterministic --workers 1 --warnings off --no-color
  )
}

new_base
check /publisher.v1/openapi.json "Authorization: Bearer $MEMBERBASE_TOKEN"
new_base
# At the Onsi door a token of one memberbase needs no header that selects it.
bound=$(call api-token/create '{"access": "write", "member_base_id": "'"$MEMBERBASE_BASE"'"}' token)
check /v1/openapi.json "x-api-key: $bound"
new_base
bound=$(call api-token/create '{"access": "write", "member_base_id": "'"$MEMBERBASE_BASE"'"}' token)
check /v0/openapi.json "Authorization: Bearer $bound"
echo "openapi: ok"
