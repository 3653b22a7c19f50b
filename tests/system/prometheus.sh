#!/usr/bin/env bash
# Lets a real Prometheus scrape a server, and checks that it stores what the server counted.
#
#   prometheus.sh PROGRAM
#
# Needs `prometheus` and `promtool` of the distribution.
set -euo pipefail
program=$(realpath "$1")
root=$(realpath "$(dirname "$0")/../..")
# shellcheck source=tests/system/server.sh
. "$root/tests/system/server.sh"

work=$(mktemp -d)
prometheus_pid=
clean_up() {
  if [ -n "$prometheus_pid" ]; then
    kill "$prometheus_pid" 2>/dev/null || true
    wait "$prometheus_pid" 2>/dev/null || true
  fi
  kill_server
  rm -rf "$work"
}
trap clean_up EXIT

# A port that is free now.
free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

promtool check rules "$root/packaging/prometheus/memberbase.yml"

admin=127.0.0.1:$(free_port)
start_server "$program" "$work/data" --admin-listen "$admin" --reserve 32MiB
call() { # PATH BODY
  curl --silent --show-error --fail -H 'content-type: application/json' -d "$2" "$server_url/publisher.v1/$1"
}
base=$(call member-base/create '{"name": "Staff"}' | python3 -c 'import json, sys; print(json.load(sys.stdin)["id"])')
call member/bulk-upsert "{\"member_base_id\": \"$base\", \"members\": [{\"ref\": \"a\"}, {\"ref\": \"b\"}]}" >"$work/reply"
cat "$work/reply"
echo
curl --silent --fail "http://$admin/readyz"

# promtool reads the older format, whose parser takes everything here but the names of counters.
curl --silent --fail "http://$admin/metrics" >"$work/page"
sed -n 's/^# TYPE \(.*\) counter$/\1/p' "$work/page" >"$work/counters"
while read -r name; do
  sed -i "s/^# \(HELP\|TYPE\) $name /# \1 ${name}_total /" "$work/page"
done <"$work/counters"
promtool check metrics <"$work/page"

port=$(free_port)
cat >"$work/prometheus.yml" <<END
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: ["$root/packaging/prometheus/memberbase.yml"]
scrape_configs:
  - job_name: memberbase
    static_configs: [{targets: ["$admin"]}]
END
promtool check config "$work/prometheus.yml"
prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/tsdb" \
  --web.listen-address="127.0.0.1:$port" --log.level=warn &
prometheus_pid=$!

# ask EXPRESSION VALUE: waits until the expression has the value.
ask() {
  local found=
  for _ in $(seq 120); do
    # Fails until Prometheus serves.
    found=$(promtool query instant "http://127.0.0.1:$port" "$1" 2>/dev/null | sed -n 's/.*=> \([^ ]*\) .*/\1/p') || true
    if [ "$found" = "$2" ]; then
      echo "$1 is $2"
      return
    fi
    sleep 0.5
  done
  echo "$1 is \"$found\", not $2" >&2
  return 1
}
ask 'up{job="memberbase"}' 1
ask 'sum(memberbase_rows_total{outcome="created"})' 2
ask "sum(memberbase_members{base=\"$base\"})" 2
ask 'sum(http_server_request_duration_seconds_count{http_route="/publisher.v1/member/bulk-upsert"})' 1
ask 'count(memberbase_health == 1)' 4
# Every rule was evaluated on these metrics, and none of them fires.
ask 'count(ALERTS{alertstate="firing"}) or vector(0)' 0
rules=$(curl --silent --fail "http://127.0.0.1:$port/api/v1/rules")
printf '%s' "$rules" | python3 -c '
import json, sys
rules = [rule for group in json.load(sys.stdin)["data"]["groups"] for rule in group["rules"]]
bad = [rule["name"] for rule in rules if rule["health"] != "ok"]
assert rules and not bad, bad
print(f"{len(rules)} rules were evaluated")'

stop_server
ask 'up{job="memberbase"}' 0
echo "prometheus: passed"
