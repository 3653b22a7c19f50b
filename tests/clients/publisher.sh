#!/usr/bin/env bash
# Runs the curl command of the published documentation as printed, with host, token and ids replaced; then its
# other bodies, and the calls about records.
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

member=${id[2]}
of_member='"member_id": "'"$member"'"'
count() { # prints the length of the list on standard input
  python3 -c 'import json, sys; print(len(json.load(sys.stdin)["data"]))'
}
event() { # EXTERNAL_ID [MORE]
  echo '{ '"$of_member"', "external_id": "'"$1"'", "auth_code": "A1", "network": "visa", "bin": "411111",
    "merchant_id": "mer_1", "authed_at": "2026-02-03T04:05:06Z"'"${2:-}"' }'
}
ingested=$(call transaction/ingest '{"events": ['"$(event tx_1)"', '"$(event tx_2)"']}')
[ "$ingested" = '{"status":"ok","created":2,"updated":0,"unchanged":0}' ]
ingested=$(call transaction/ingest '{"events": ['"$(event tx_1 ', "cleared_at": "2026-02-04T00:00:00Z"')"', '"$(event tx_2)"']}')
[ "$ingested" = '{"status":"ok","created":0,"updated":1,"unchanged":1}' ]
[ "$(call transaction/list '{'"$of_member"'}' | count)" = 2 ]
clip=$(call wallet.clip/save '{'"$of_member"', "creative_id": "dc_1"}' | field id)
[ "$(call wallet.clip/save '{'"$of_member"', "creative_id": "dc_1", "deal_id": "deal_1"}' | field id)" = "$clip" ]
[ "$(call wallet.clip/list-with-creative '{'"$of_member"', "pagination": {"limit": 10}}' | count)" = 1 ]
[ "$(call wallet.clip/delete '{'"$of_member"', "id": "'"$clip"'"}')" = '{"deleted":1}' ]
call stamp-collection/create '{'"$of_member"', "loyalty_program_id": "lp_1", "external_id": "sc_1"}' >/dev/null
[ "$(call stamp-collection/add-stamps '{'"$of_member"', "external_id": "sc_1", "stamps": 3}' | field stamps)" = 3 ]
[ "$(call stamp-collection/list '{'"$of_member"'}' | count)" = 1 ]
echo "curl: ok"
