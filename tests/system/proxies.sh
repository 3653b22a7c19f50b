#!/usr/bin/env bash
# Calls through nginx, HAProxy and Envoy with the configurations under packaging/proxies, which docs/proxies.md
# describes. Only ports, certificates and, for streams that are cut, limits are replaced.
#
#   tests/system/proxies.sh PROGRAM TOOLS
#
# PROGRAM is the memberbase to test. TOOLS is the folder in which .ci/run installed Envoy and grpcio.
set -euo pipefail

program=$(realpath "$1") tools=$(realpath "$2")
here=$(cd "$(dirname "$0")" && pwd)
protos=$here/../../proto configurations=$here/../../packaging/proxies
work=$(mktemp -d)
# shellcheck source=server.sh
. "$here/server.sh"
proxies=()
kill_all() {
  kill -CONT ${server_pid:+"$server_pid"} 2>/dev/null || true
  # Not KILL, which would leave the processes that nginx and HAProxy have started.
  kill -TERM ${proxies[@]+"${proxies[@]}"} 2>/dev/null || true
  kill_server
  rm -rf "$work"
}
trap kill_all EXIT

export PATH="$tools/venv/bin:$PATH"
mkdir "$work/python" "$work/ssl" "$work/nginx"
python3 -m grpc_tools.protoc -I "$protos" --python_out="$work/python" --grpc_python_out="$work/python" "$protos"/publisher/v1/*.proto
for name in proxy- ""; do
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=members \
    -addext subjectAltName=DNS:localhost -keyout "$work/ssl/${name}key.pem" -out "$work/ssl/${name}cert.pem" 2>/dev/null
done
cat "$work/ssl/proxy-cert.pem" "$work/ssl/proxy-key.pem" >"$work/ssl/proxy.pem"
MEMBERBASE_TOKEN=$("$program" token create --access admin --new-store --data "$work/data" | tail -n 1)
export MEMBERBASE_TOKEN PROXY_CERT=$work/ssl/proxy-cert.pem PYTHONPATH=$work/python
through() {
  python3 "$here/proxies.py" "$@"
}

# Starts the service and the proxies, and sets `nginx`, `haproxy` and `envoy` to their ports.
begin() { # plain|tls LIMIT
  local mode=$1 limit=$2 arguments=() name port file
  [ "$mode" = plain ] || arguments=(--tls-cert "$work/ssl/cert.pem" --tls-key "$work/ssl/key.pem")
  start_server "$program" "$work/data" "${arguments[@]}"
  port=${server_url##*:}
  read -r nginx haproxy envoy < <(python3 -c 'import socket
ports = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
print(*[port.getsockname()[1] for port in ports])')
  for file in nginx.conf haproxy.cfg envoy.yaml; do
    sed -e "s|/etc/ssl/memberbase|$work/ssl|; s|127.0.0.1:50051|127.0.0.1:$port|; s|port_value: 50051|port_value: $port|" \
      -e "s|listen 443|listen 127.0.0.1:$nginx|; s|bind :443|bind 127.0.0.1:$haproxy|" \
      -e "s|address: 0.0.0.0, port_value: 443|address: 127.0.0.1, port_value: $envoy|" \
      -e "s/ 1h\(;\|$\)/ $limit\1/; s|stream_idle_timeout: 3600s|stream_idle_timeout: ${limit/1h/3600s}|" \
      "$configurations/$file" >"$work/$file"
    [ "$mode" = plain ] || sed -i -e '/# plain$/d; s|#tls ||' "$work/$file"
  done
  cat >"$work/nginx/nginx.conf" <<NGINX
user root;
daemon off;
pid $work/nginx/pid;
error_log stderr;
events {}
http {
    access_log off;
    $(for name in client_body proxy fastcgi uwsgi scgi; do echo "${name}_temp_path $work/nginx/$name;"; done)
    include $work/nginx.conf;
}
NGINX
  nginx -c "$work/nginx/nginx.conf" &
  nginx_pid=$!
  haproxy -W -f "$work/haproxy.cfg" 2>"$work/haproxy.log" &
  haproxy_pid=$!
  envoy -c "$work/envoy.yaml" --concurrency 1 --disable-hot-restart --log-level error &
  proxies=("$nginx_pid" "$haproxy_pid" "$!")
  for port in "$nginx" "$haproxy" "$envoy"; do
    curl -sS --noproxy '*' --cacert "$PROXY_CERT" --retry 100 --retry-delay 1 --retry-all-errors --fail -o "$work/ready" \
      "https://localhost:$port/publisher.v1/openapi.json" 2>/dev/null
  done
  all=("nginx=$nginx" "haproxy=$haproxy" "envoy=$envoy")
}

end() {
  kill -TERM "${proxies[@]}"
  wait "${proxies[@]}" || true
  proxies=()
  stop_server
}

# An import that is open while a proxy reads its configuration again goes on.
reload() { # NAME PORT COMMAND…
  local name=$1 port=$2 open ended=0
  shift 2
  rm -f "$work/go"
  through open "$work/go" "$name=$port" >"$work/replies" &
  open=$!
  until grep -q '^1$' "$work/replies"; do
    kill -0 "$open"
    sleep 0.1
  done
  "$@"
  sleep 1
  touch "$work/go"
  wait "$open" || ended=$?
  if [ "$ended" -ne 0 ]; then
    echo "$name cut a stream when it read its configuration again" >&2
    return 1
  fi
}

begin plain 1h
through silent "${all[@]}" &
silent=$!
through calls "${all[@]}"
wait "$silent"
reload nginx "$nginx" kill -HUP "$nginx_pid"
reload haproxy "$haproxy" kill -USR2 "$haproxy_pid"
end

begin tls 1h
through calls "${all[@]}"
end

begin plain 3s
through cut "${all[@]}"
# The command line follows a job over streams that are cut, while the service does nothing for longer than the
# limit.
python3 - >"$work/list.csv" <<'PYTHON'
print("ref,company")
for number in range(100_000):
    print(f"r{number},{'x' * 100}")
PYTHON
printf 'ref\nr1\n' >"$work/one.csv"
syncs=()
for proxy in "${all[@]}"; do
  name=${proxy%=*}
  "$program" import "$work/one.csv" --base "$name" --create-base --server "$server_url" --quiet >"$work/counts"
  "$program" sync "$work/list.csv" --base "$name" --yes --server "https://localhost:${proxy#*=}" --ca "$PROXY_CERT" \
    >"$work/sync-$name" 2>"$work/progress-$name" &
  syncs+=($!)
done
for proxy in "${all[@]}"; do
  until grep -q ": [0-9]* of " "$work/progress-${proxy%=*}"; do sleep 0.05; done
done
kill -STOP "$server_pid"
sleep 7
kill -CONT "$server_pid"
for sync in "${syncs[@]}"; do
  ended=0
  wait "$sync" || ended=$?
  if [ "$ended" -ne 0 ]; then
    tail -n 5 "$work"/progress-*
    echo "a sync through a proxy ended with $ended" >&2
    exit 1
  fi
done
end
echo "proxies: all ok"
