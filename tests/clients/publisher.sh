#!/usr/bin/env bash
# The curl command of the published documentation as printed, with host, token and ids replaced, and its other bodies.
#
#   tests/clients/publisher.sh HOST:PORT
set -euo pipefail
host=$1 token=none

call() { # CALL BODY
  curl -sS --fail-with-body -X POST "http://$host/publisher.v1/$1" \
    -H "Authorization: Bearer $token" \
    -H "Content-Type: application/json" \
    -d "$2"
}

field() { # NAME, of the JSON on standard input
  python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"
}

base=$(call member-base/create '{"name": "Curl"}' | field id)
sed -e "s|https://<your-instance-url>|http://$host|; s|<token>|$token|; s|mb_abc123|$base|" >"${TMPDIR:-/tmp}/curl.$$" <<'DOCUMENTED'
curl -X POST https://<your-instance-url>/publisher.v1/member/bulk-upsert \
  -H "Authorization: Bearer <token>" \
  -H "Content-Type: application/json" \
  -d '{
    "member_base_id": "mb_abc123",
    "members": [
      { "ref": "user_001" },
      { "ref": "user_002" },
      { "ref": "user_003" }
    ]
  }'
DOCUMENTED
ids=$(bash "${TMPDIR:-/tmp}/curl.$$" 2>/dev/null)
rm "${TMPDIR:-/tmp}/curl.$$"
mapfile -t id < <(python3 -c 'import json, sys; print("\n".join(json.loads(sys.argv[1])))' "$ids")
[ ${#id[@]} = 3 ]
[ "$(call member/get '{"member_base_id": "'"$base"'", "ref": "user_001"}' | field id)" = "${id[0]}" ]
[ "$(call member/get '{"id": "'"${id[1]}"'"}' | field ref)" = user_002 ]
listed=$(call member/list '{
  "member_base_id": "'"$base"'",
  "pagination": { "limit": 100 },
  "filters": [{ "key": "ref", "in": ["user_001", "user_002"] }]
}')
[ "$(field page <<<"$listed")" = "{'page_size': 2, 'cursor': None, 'more': False}" ]
[ "$(call member/bulk-delete '{"member_base_id": "'"$base"'", "member_ids": ["'"${id[0]}"'", "'"${id[1]}"'"]}')" = '{"deleted":2}' ]
echo "curl: ok"
