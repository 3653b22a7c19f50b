#!/usr/bin/env bash
# Runs the recipes of docs/clients against a server with TLS and tokens, which is killed in the middle of their
# imports, and checks that the pages quote the recipes as they are.
#
#   tests/clients/recipes/run.sh PROGRAM TOOLS
set -euo pipefail

program=$(realpath "$1") tools=$(realpath "$2")
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../../..
work=$(mktemp -d)
# shellcheck source=../../system/server.sh
. "$root/tests/system/server.sh"
trap 'kill_server; rm -rf "$work"' EXIT

export PATH="$tools/venv/bin:$tools/node_modules/.bin:$PATH"
python3 "$here/quoted.py" "$root/docs/clients" "$here"

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=members \
  -addext subjectAltName=DNS:localhost -keyout "$work/key.pem" -out "$work/cert.pem" 2>/dev/null
token=$("$program" token create --access admin --new-store --data "$work/data" | tail -n 1)
start() {
  start_server "$program" "$work/data" --tls-cert "$work/cert.pem" --tls-key "$work/key.pem"
}
start
server_listen=127.0.0.1:${server_url##*:}

# Runs a recipe: COMMAND… ADDRESS TOKEN AUTHORITY FOLDER.
recipe() { # NAME COMMAND…
  local name=$1 folder=$work/$1-folder running ended=0
  shift
  mkdir "$folder"
  "$@" "localhost:${server_listen##*:}" "$token" "$work/cert.pem" "$folder" &
  running=$!
  until [ -e "$folder/half" ]; do
    kill -0 "$running"
    sleep 0.05
  done
  kill_server
  start
  touch "$folder/again"
  wait "$running" || ended=$?
  if [ "$ended" -ne 0 ]; then
    echo "the $name recipe ended with $ended" >&2
    return 1
  fi
}

mkdir "$work/python"
python3 -m grpc_tools.protoc -I "$root/proto" --python_out="$work/python" --grpc_python_out="$work/python" "$root"/proto/publisher/v1/*.proto
PYTHONPATH=$work/python:$here/python recipe python python3 "$here/python/run.py"

cp -r "$here/typescript" "$work/typescript"
ln -s "$tools/node_modules" "$work/typescript/node_modules"
(cd "$work/typescript" && buf generate "$root/proto" && tsc)
recipe typescript node "$work/typescript/built/run.js"
stop_server
