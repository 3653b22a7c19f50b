#!/usr/bin/env bash
# What a store in PostgreSQL costs, what passing calls on costs, and what PostgreSQL itself does with a row
# for each member: one database, two servers and the clients on this machine. In each round two clients also
# work on the same memberbase, and on one each.
#
#   [MEMBERS=100000] [ROUNDS=2] [SECONDS_EACH=3] [LEASES=1] benches/cluster.sh PROGRAM TOOLS
#
# With LEASES=1 the servers lend memberbases to each other.
#
# TOOLS is the folder with the Python client's packages, see tests/clients/run.sh. docs/measurements.md has
# results.
set -euo pipefail

program=$(realpath "$1") tools=$(realpath "$2")
here=$(cd "$(dirname "$0")" && pwd)
members=${MEMBERS:-100000} rounds=${ROUNDS:-2} seconds=${SECONDS_EACH:-3}
binaries=$(dirname "$(find /usr/lib/postgresql -path '*/bin/postgres' | sort -V | tail -n 1)")
work=$(mktemp -d)
as() {
  if [ "$(id -u)" -eq 0 ]; then setpriv --reuid postgres --regid postgres --clear-groups "$@"; else "$@"; fi
}
servers=()
clean_up() {
  [ ${#servers[@]} -eq 0 ] || kill "${servers[@]}" 2>/dev/null || true
  wait
  as "$binaries/pg_ctl" stop -m immediate -D "$work/pg/data" >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap clean_up EXIT
cd /
chmod 755 "$work"
mkdir "$work/pg"
[ "$(id -u)" -ne 0 ] || chown postgres "$work/pg"
as "$binaries/initdb" -D "$work/pg/data" -U memberbase -A trust -E UTF8 --locale=C >/dev/null
as "$binaries/pg_ctl" start -w -D "$work/pg/data" -l "$work/pg/log" \
  -o "-c listen_addresses= -c unix_socket_directories=$work/pg -c shared_buffers=256MB -c max_wal_size=4GB" >/dev/null

serve() { # ADDRESS PROBE
  "$program" serve --store "postgres://memberbase@/postgres?host=$work/pg" --listen "$1" --advertise "http://$1" \
    --admin-listen off --log error ${LEASES:+--lease-memberbases} >/dev/null &
  servers+=($!)
  until curl -fs "http://$1/$2" >/dev/null; do sleep 0.1; done
}
active=127.0.0.1:7701 standby=127.0.0.1:7702
serve "$active" activez
serve "$standby" readyz
cpu() { awk '{ print ($14 + $15) / 100 }' "/proc/$1/stat"; }
bench() { "$program" bench --seconds "$seconds" "$@"; }

for round in $(seq "$rounds"); do
  for at in "$active" "$standby"; do
    before=("$(cpu "${servers[0]}")" "$(cpu "${servers[1]}")")
    echo "== round $round, calls to $([ "$at" = "$active" ] && echo "the active server" || echo "the standby")"
    bench --server "http://$at" --members "$members" --phases fresh,unchanged,get,single
    echo "CPU seconds since: active $(cpu "${servers[0]}") - ${before[0]}, standby $(cpu "${servers[1]}") - ${before[1]}"
  done
  for bases in one two; do
    for other in "$active" "$standby"; do
      echo "== round $round, two clients on $bases memberbase(s), the second at $([ "$other" = "$active" ] && echo "the same server" || echo "the standby")"
      pids=()
      for client in 1 2; do
        at=$active name="one-$round-$other"
        [ $client = 1 ] || at=$other
        [ $bases = one ] || name="two-$client-$round-$other"
        bench --server "http://$at" --base "$name" --members $((members / 2)) --phases fresh,get &
        pids+=($!)
      done
      # On one memberbase each finds members that the other has created, so bench calls its counts wrong.
      wait "${pids[@]}" || [ $bases = one ]
    done
  done
  "$tools/venv/bin/python" "$here/cluster_upserts.py" "$work/pg" "$members"
done
printf '%s\n' "\\set n random(0, $members - 1)" "SELECT * FROM m WHERE base = 1 AND ref = 'ref-' || :n;" >"$work/select.sql"
chmod 644 "$work/select.sql"
for clients in 1 16 64; do
  as "$binaries/pgbench" -n -M prepared -h "$work/pg" -U memberbase -f "$work/select.sql" -c "$clients" -T "$seconds" postgres |
    grep -E '^number of clients|^tps'
done
