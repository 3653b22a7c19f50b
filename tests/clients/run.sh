#!/usr/bin/env bash
# Runs independent clients against a server of this build.
#
#   tests/clients/run.sh PROGRAM TOOLS
#
# PROGRAM is the memberbase to test. TOOLS is the folder in which .ci/run installed the clients: `venv` and
# `node_modules`.
set -euo pipefail

program=$(realpath "$1") tools=$(realpath "$2")
here=$(cd "$(dirname "$0")" && pwd)
protos=$here/../../proto readme=$here/../../README.md
work=$(mktemp -d)
# shellcheck source=../system/server.sh
. "$here/../system/server.sh"
trap 'kill_server; rm -rf "$work"' EXIT

export PATH="$tools/venv/bin:$PATH"
export CLIENT_PACKAGES=$tools

start_server "$program" "$work/data"
bash "$here/bodies.sh" grpcurl "$server_address"
bash "$here/bodies.sh" buf "$server_address"
bash "$here/publisher.sh" "$server_address"
bash "$here/onsi.sh" "$server_address"
bash "$here/orbiit.sh" "$server_address"

mkdir "$work/python"
python3 -m grpc_tools.protoc -I "$protos" --python_out="$work/python" --grpc_python_out="$work/python" "$protos"/publisher/v1/*.proto
PYTHONPATH=$work/python:$here python3 "$here/generated.py" "$server_address" "$readme"
PYTHONPATH=$here python3 "$here/reflection.py" "$server_address"
node "$here/node.js" "$server_address" "$protos" "$readme"
stop_server

token=$("$program" token create --access admin --new-store --data "$work/closed" | tail -n 1)
start_server "$program" "$work/closed"
bash "$here/openapi.sh" "$server_address" "$token"
stop_server
bash "$here/tls.sh" "$program"
bash "$here/recipes/run.sh" "$program" "$tools"
echo "clients: all ok"
