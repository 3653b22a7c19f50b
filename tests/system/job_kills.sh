#!/usr/bin/env bash
# Kills a server with kill -9 at random moments of plans, of their application and of reverts, until there were
# KILLS kills of each, see job_kills.py. That takes minutes; CI has a short form.
#
#   [KILLS=100] [MEMBERS=20000] [SEED=1] tests/system/job_kills.sh PROGRAM TOOLS
#
# TOOLS is the folder with the Python client's packages, see tests/clients/run.sh.
set -euo pipefail

program=$(realpath "$1") tools=$(realpath "$2")
here=$(cd "$(dirname "$0")" && pwd)
code=$(mktemp -d)
trap 'rm -rf "$code"' EXIT
python=$tools/venv/bin/python
"$python" -m grpc_tools.protoc -I "$here/../../proto" --python_out="$code" --grpc_python_out="$code" \
  "$here"/../../proto/publisher/v1/*.proto
PYTHONPATH=$code "$python" "$here/job_kills.py" "$program" "${KILLS:-100}" "${MEMBERS:-20000}" "${SEED:-1}"
