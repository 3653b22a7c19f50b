#!/usr/bin/env bash
# Several servers on one PostgreSQL, of which one is active at a time: servers are killed and paused, and the
# database is killed, under load and under jobs. Nothing that was acknowledged may be lost, and nothing old
# may be read (cluster.py says what is checked). PostgreSQL runs as its own user, in a folder of this run; a
# cluster of the distribution is not used. With CLUSTER_NODES=3 it has three nodes under Patroni with etcd, in
# network namespaces where they can be made; nodes and servers are cut off from each other, and etcd loses its
# quorum.
#
#   [CLUSTER_NODES=3] [CLUSTER_LONG=1] [CLUSTER_SEED=…] tests/system/cluster.sh PROGRAM TOOLS
#
# It takes about two minutes, and less than four with three nodes. The long form, about 50 minutes with nodes,
# does all of it often, in an order that the seed decides; it rests between calls, so that it can run beside
# other work. cluster.py has a variable for the number of each fault. TOOLS is the folder with the Python
# client's packages, see tests/clients/run.sh. The binaries of PostgreSQL are those in PATH, or else the
# newest of the distribution.
set -euo pipefail

program=$(realpath "$1") tools=$(realpath "$2")
here=$(cd "$(dirname "$0")" && pwd)
binaries=$(find /usr/lib/postgresql -mindepth 3 -maxdepth 3 -path '*/bin/postgres' 2>/dev/null | sort -V | tail -n 1)
binaries=$(dirname "$(realpath "${binaries:-$(command -v postgres)}")")
work=$(mktemp -d)
client=

clean_up() {
  if [ -n "$client" ]; then
    # It ends what it has started.
    kill -TERM "$client" 2>/dev/null && wait "$client" || true
  fi
  rm -rf "$work"
}
trap clean_up EXIT

chmod 755 "$work"
mkdir "$work/python" "$work/run"
if [ "$(id -u)" -eq 0 ]; then
  chown postgres "$work/run"
fi
"$tools/venv/bin/python" -m grpc_tools.protoc -I "$here/../../proto" --python_out="$work/python" \
  --grpc_python_out="$work/python" "$here"/../../proto/publisher/v1/*.proto
PYTHONPATH=$work/python "$tools/venv/bin/python" "$here/cluster.py" "$program" "$binaries" "$work/run" &
client=$!
wait "$client"
client=
