#!/usr/bin/env bash
# Sends the request bodies of the Publisher documentation's page on members with a command-line client. Only
# the ids are replaced. The client gets the contract from the server by reflection.
#
#   bodies.sh grpcurl|buf ADDRESS
set -euo pipefail

client=$1 address=$2
bodies=$(dirname "$0")/bodies
service=publisher.v1.MemberService

call() { # METHOD, body on standard input
  case $client in
    grpcurl) grpcurl -plaintext -d @ "$address" "$1" ;;
    buf) buf curl --protocol grpc --http2-prior-knowledge --data @- "http://$address/$1" ;;
  esac
}

body() { # NAME, with the ids of this run
  sed -e "s/mb_abc123/$base/" -e "s/m_x1y2z3/${first:-}/" -e "s/m_a4b5c6/${second:-}/" "$bodies/$1.json"
}

pick() { # EXPRESSION over `reply`, the JSON on standard input
  python3 -c 'import json, sys; reply = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1"
}

same() { # WHAT FOUND EXPECTED
  if [ "$2" != "$3" ]; then
    echo "$client: $1: found $2, expected $3" >&2
    exit 1
  fi
}

fails() { # CODE METHOD, body on standard input
  local said
  if said=$(call "$2" 2>&1); then
    echo "$client: $2 should fail with $1, but succeeded: $said" >&2
    exit 1
  fi
  # grpcurl says NotFound, buf not_found.
  if ! tr -d '_' <<<"$said" | grep -i "code\"\?: \?\"\?$1" >/dev/null; then
    echo "$client: $2 should fail with $1, but failed with: $said" >&2
    exit 1
  fi
}

base=$(call publisher.v1.MemberBaseService/CreateMemberBase <<<'{"name": "bodies"}' | pick 'reply["memberBase"]["id"]')

reply=$(body bulk_upsert | call $service/BulkUpsertMembers)
same "outcomes" "$(pick '[r["outcome"] for r in reply["results"]]' <<<"$reply")" "['OUTCOME_CREATED', 'OUTCOME_CREATED', 'OUTCOME_CREATED']"
ids=$(pick '[r["id"] for r in reply["results"]]' <<<"$reply")
first=$(pick 'reply["results"][0]["id"]' <<<"$reply")
second=$(pick 'reply["results"][1]["id"]' <<<"$reply")
reply=$(body bulk_upsert | call $service/BulkUpsertMembers)
same "unchanged on repeat" "$(pick 'reply["counts"]["unchanged"]' <<<"$reply")" 3
same "ids on repeat" "$(pick '[r["id"] for r in reply["results"]]' <<<"$reply")" "$ids"

same "get by ref" "$(body get_by_ref | call $service/GetMember | pick 'reply["member"]["id"]')" "$first"
same "get by id" "$(body get_by_id | call $service/GetMember | pick 'reply["member"]["ref"]')" user_001
same "list" "$(body list | call $service/ListMembers | pick '[m["ref"] for m in reply["members"]]')" "['user_001', 'user_002']"
same "page size" "$(body list | call $service/ListMembers | pick 'reply["page"]["pageSize"]')" 2

same "deleted" "$(body bulk_delete | call $service/BulkDeleteMembers | pick 'reply["deleted"]')" 2
same "deleted again" "$(body bulk_delete | call $service/BulkDeleteMembers | pick 'reply.get("deleted", "0")')" 0
body get_by_id | fails NotFound $service/GetMember
body get_by_ref | sed 's/mb_/mb-/' | fails InvalidArgument $service/GetMember
same "left" "$(call $service/ListMembers <<<"{\"member_base_id\": \"$base\"}" | pick '[m["ref"] for m in reply["members"]]')" "['user_003']"

if [ "$client" = grpcurl ]; then
  services=$(grpcurl -plaintext "$address" list)
  for name in grpc.health.v1.Health publisher.v1.MemberBaseService publisher.v1.MemberService; do
    grep -qx "$name" <<<"$services" || { echo "grpcurl list lacks $name: $services" >&2; exit 1; }
  done
  grpcurl -plaintext "$address" describe $service | grep "rpc BulkUpsertMembers" >/dev/null
  grpcurl -plaintext "$address" describe publisher.v1.Filter | grep "google.protobuf.ListValue in" >/dev/null
  grpcurl -plaintext "$address" describe google.rpc.BadRequest >/dev/null
  same "health" "$(grpcurl -plaintext "$address" grpc.health.v1.Health/Check | pick 'reply["status"]')" SERVING
fi
echo "$client: ok"
