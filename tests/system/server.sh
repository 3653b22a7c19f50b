# Starts and stops a server for the scripts in this folder. Source it after `set -euo pipefail`.
#
#   start_server PROGRAM DATA [ARGUMENTS…]   sets server_pid, server_url and server_address; fails if it does not start
#   stop_server                              stops the server, and fails if it ends with an error
#   kill_server                              for traps: kills the server if it runs
#
# The server listens on $server_listen, or else on a free port.

server_pid=

start_server() {
  local program=$1 data=$2 line
  shift 2
  local out
  out=$(mktemp -u)
  mkfifo "$out"
  "$program" serve --listen "${server_listen:-127.0.0.1:0}" --data "$data" "$@" >"$out" &
  server_pid=$!
  exec 9<"$out"
  rm "$out"
  # The pipe ends with the server, so this loop cannot hang if the server does not start.
  while read -r line <&9; do
    case $line in
      "listening on "*)
        server_url=${line#listening on }
        server_address=${server_url#http://}
        return 0
        ;;
    esac
  done
  echo "the server did not start" >&2
  return 1
}

stop_server() {
  kill -TERM "$server_pid"
  local ended=0
  wait "$server_pid" || ended=$?
  server_pid=
  exec 9<&-
  if [ "$ended" -ne 0 ]; then
    echo "the server ended with $ended" >&2
    return 1
  fi
}

kill_server() {
  if [ -n "$server_pid" ]; then
    kill -KILL "$server_pid" 2>/dev/null || true
    wait "$server_pid" 2>/dev/null || true
    server_pid=
  fi
}
