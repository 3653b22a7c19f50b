# Runs a PostgreSQL server of its own for tests, as a user other than root, until standard input ends.
# usage: cluster.sh DIRECTORY BINARIES
# Commands on standard input: `crash` stops it at once and starts it again, `follow` makes it a standby of nobody, and
# `promote` a primary again, on the next timeline. Each command is answered by `ready`.
dir=$1 bin=$2
if [ "$(id -u)" = 0 ]; then
  user=nobody
  id postgres >/dev/null 2>&1 && user=postgres
  as() { setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups "$@"; }
  chown "$user" "$dir"
else
  as() { "$@"; }
fi
cd "$dir" || exit 1
exec 2>"$dir/script.log"
start() { as "$bin/pg_ctl" -D "$dir/data" -w -t 60 -l "$dir/log" start >/dev/null </dev/null && echo ready; }
as "$bin/initdb" -D "$dir/data" -A trust -U postgres -E UTF8 --locale=C --no-sync >/dev/null </dev/null || exit 1
cat >>"$dir/data/postgresql.conf" <<CONF
listen_addresses = ''
unix_socket_directories = '$dir'
fsync = off
max_connections = 400
shared_buffers = 32MB
autovacuum_naptime = 10s
CONF
# What a test has prepared.
[ -f "$dir/extra.conf" ] && cat "$dir/extra.conf" >>"$dir/data/postgresql.conf"
[ -f "$dir/server.key" ] && chmod 600 "$dir/server.key" && [ "$(id -u)" = 0 ] && chown "$user" "$dir/server.key"
start
while read -r command; do
  case $command in
    follow)
      as "$bin/pg_ctl" -D "$dir/data" -m fast stop >/dev/null </dev/null
      as touch "$dir/data/standby.signal"
      start
      ;;
    promote) as "$bin/pg_ctl" -D "$dir/data" -w promote >/dev/null </dev/null && echo ready ;;
    crash) as "$bin/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null </dev/null; start ;;
  esac
done
as "$bin/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null </dev/null
rm -rf "$dir"
