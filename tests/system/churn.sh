#!/usr/bin/env bash
# Deletes a fifth of the members and creates them again, many times. The size on disk should stay bounded, and
# the speed should not drop. The script prints its measurements, and fails only if a member is missing at the
# end or the audit finds something. It takes minutes, so CI leaves it out.
#
#   [MEMBERS=1000000] [ROUNDS=10] tests/system/churn.sh PROGRAM TOOLS
#
# TOOLS is the folder with the Python client's packages, see tests/clients/run.sh.
set -euo pipefail

program=$(realpath "$1") tools=$(realpath "$2")
here=$(cd "$(dirname "$0")" && pwd)
members=${MEMBERS:-1000000} rounds=${ROUNDS:-10}
work=$(mktemp -d)
# shellcheck source=server.sh
. "$here/server.sh"
clean_up() {
  kill_server
  rm -rf "$work"
}
trap clean_up EXIT

python=$tools/venv/bin/python
export PYTHONPATH=$work/python
mkdir "$PYTHONPATH"
"$python" -m grpc_tools.protoc -I "$here/../../proto" --python_out="$PYTHONPATH" --grpc_python_out="$PYTHONPATH" \
  "$here"/../../proto/publisher/v1/*.proto

awk -v n="$members" 'BEGIN { print "ref,email,first_name,last_name,tier,role"; for (i = 0; i < n; i++)
  printf "crm-%010.0f,m%d@mail.example.com,Alexandra,Montgomery-%d,Gold,Driver on the night shift number %d\n", (i * 2654435761) % 4294967296, i, i, i }' \
  >"$work/all.csv"

now() { date +%s.%N; }
rate() { # COUNT BEGUN
  awk -v n="$1" -v from="$2" -v to="$(now)" 'BEGIN { printf "%d/s", n / (to - from) }'
}
disk() { du -sm "$work/data" | cut -f 1; }

start_server "$program" "$work/data" --log error
begun=$(now)
"$program" import "$work/all.csv" --server "$server_url" --base churn --create-base --quiet >"$work/counts"
grep -qx "created $members" "$work/counts" || { cat "$work/counts" >&2; exit 1; }
echo "loaded $members members at $(rate "$members" "$begun"), $(disk) MB on disk"
some=$((members / 5))
for round in $(seq "$rounds"); do
  # Another fifth in each round, spread over all rows.
  awk -v r="$round" 'NR == 1 || NR % 5 == r % 5' "$work/all.csv" >"$work/part.csv"
  tail -n +2 "$work/part.csv" | cut -d , -f 1 >"$work/refs"
  some=$(wc -l <"$work/refs")
  begun=$(now)
  "$python" "$here/churn.py" "$server_address" churn "$work/refs"
  deleted=$(rate "$some" "$begun")
  begun=$(now)
  "$program" import "$work/part.csv" --server "$server_url" --base churn --quiet >"$work/counts"
  grep -qx "created $some" "$work/counts" || { cat "$work/counts" >&2; exit 1; }
  echo "round $round: $some deleted at $deleted, created again at $(rate "$some" "$begun"), $(disk) MB on disk"
done
stop_server
"$program" check --data "$work/data" --deep
echo "churn: ok, $(disk) MB on disk at the end"
