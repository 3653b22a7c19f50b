#!/usr/bin/env bash
# Checks that the certificate from the openssl command in docs/operations.md works with curl and with the
# program's own client.
#
#   tests/clients/tls.sh PROGRAM
set -euo pipefail

program=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
# shellcheck source=../system/server.sh
. "$here/../system/server.sh"
trap 'kill_server; rm -rf "$work"' EXIT

sed -n '/^openssl req -x509/,/^```/{/^```/!p}' "$here/../../docs/operations.md" >"$work/recipe"
[ -s "$work/recipe" ]
(cd "$work" && bash -e recipe 2>/dev/null)

start_server "$program" "$work/data" --tls-cert "$work/cert.pem" --tls-key "$work/key.pem"
url=https://localhost:${server_url##*:}
curl -sS --fail --noproxy '*' --cacert "$work/cert.pem" "$url/publisher.v1/openapi.json" >"$work/document"
printf 'ref\nuser_1\n' >"$work/members.csv"
"$program" import "$work/members.csv" --base staff --create-base --server "$url" --ca "$work/cert.pem" --quiet >"$work/counts"
grep -q '^created 1$' "$work/counts"
if "$program" get --id m_x --server "$url" 2>"$work/refused"; then
  echo "a certificate of an unknown authority was accepted" >&2
  exit 1
fi
grep -q "the certificate of $url was refused" "$work/refused"
stop_server
echo "tls: ok"
