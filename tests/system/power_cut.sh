#!/usr/bin/env bash
# Simulates power cuts. A server writes to ext4 in an image on another ext4. The script freezes the outer file
# system at a random moment and copies the image. The copy has what had reached the disk, and nothing that was
# only in memory. Then a server opens the copy, which must have everything that was acknowledged before the
# cut. Needs root, to mount and freeze file systems.
#
#   [CUTS=30] tests/system/power_cut.sh PROGRAM TOOLS
#
# TOOLS is the folder with the Python client's packages, see tests/clients/run.sh.
set -euo pipefail

program=$(realpath "$1") tools=$(realpath "$2")
here=$(cd "$(dirname "$0")" && pwd)
cuts=${CUTS:-30}
# After every so many cuts: the load continues on the copy, as after a real cut; the store starts empty, which
# limits the size of copies; the folder of sled is deleted.
go_on_every=4 anew_every=12 without_sled_every=10
# So small that several snapshots and removals of old log happen between two cuts.
settings=(--reserve 8MiB --memory 128MiB --log error --snapshot-after 1MiB)
work=$(mktemp -d)
outer=$work/outer disk=$work/disk copy=$work/copy
journal=$work/journal
loader='' live_pid='' failed_opens=0 generation=0

# shellcheck source=server.sh
. "$here/server.sh"
kill_process() {
  if [ -n "$1" ]; then
    kill -KILL "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
  fi
}
clean_up() {
  # Thaw first: writers to a frozen file system hang.
  fsfreeze -u "$outer" 2>/dev/null || true
  kill_process "$loader"
  kill_server
  kill_process "$live_pid"
  for mounted in "$copy" "$disk" "$outer"; do
    if mountpoint -q "$mounted"; then umount "$mounted"; fi
  done
  rm -rf "$work"
}
trap clean_up EXIT

fail() {
  echo "power_cut: cut $cut: $1" >&2
  exit 1
}

python=$tools/venv/bin/python
export PYTHONPATH=$work/python
client() {
  "$python" "$here/power_cut.py" "$@"
}

# Starts a server on the disk, and a loader for it. The variables of server.sh are for the server on the copy.
begin_life() {
  start_server "$program" "$disk/data" "${settings[@]}"
  live_pid=$server_pid live_address=$server_address server_pid=
  exec 8<&9 9<&-
  generation=$((generation + 1))
  # Not through the function `client`, because then $! would be a shell's process.
  "$python" "$here/power_cut.py" load "$live_address" "$journal" "g$generation-" &
  loader=$!
}

end_life() {
  kill_process "$loader"
  kill_process "$live_pid"
  loader='' live_pid=''
  exec 8<&-
  umount "$disk"
}

begin_anew() {
  truncate -s 0 "$outer/image"
  truncate -s 1500M "$outer/image"
  mkfs.ext4 -q -m 0 "$outer/image"
  mount -o loop "$outer/image" "$disk"
  : >"$journal"
}

acknowledged() {
  grep -c '"done"' "$journal" || true
}

# Lets the loader work until at least one more acknowledgement, and returns at a random moment.
work_on() {
  local before tries=0
  before=$(acknowledged)
  sleep "0.$((RANDOM % 900 + 100))"
  while [ "$(acknowledged)" -eq "$before" ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 300 ] || fail "the loader got no acknowledgement"
    kill -0 "$loader" 2>/dev/null || fail "the loader ended"
    sleep 0.1
  done
}

# After a real cut another kernel runs, with another boot id.
restart_machine() {
  echo "another start of the machine" >"$1/data/wal/BOOT"
}

cut_power() {
  # Everything in the journal at this point was acknowledged before the freeze begins.
  done_bytes=$(stat -c %s "$journal")
  fsfreeze -f "$outer"
  if [ -n "$loader" ]; then kill -STOP "$loader"; fi
  sent_bytes=$(stat -c %s "$journal")
  cp --sparse=always "$outer/image" "$work/image"
  fsfreeze -u "$outer"
}

mount_copy() {
  mount -o loop "$work/image" "$copy" || fail "the copy's file system cannot be mounted"
  restart_machine "$copy"
}

check_copy() { # WHAT
  if ! start_server "$program" "$copy/data" "${settings[@]}"; then
    failed_opens=$((failed_opens + 1))
    fail "the store does not open"
  fi
  said=$(client verify "$server_address" "$journal" "$done_bytes" "$sent_bytes") || fail "rows are lost or wrong"
  echo "power_cut: cut $cut$1: $said"
  stop_server || fail "the server on the copy did not stop in order"
  umount "$copy"
}

mkdir "$outer" "$disk" "$copy" "$work/python"
"$python" -m grpc_tools.protoc -I "$here/../../proto" --python_out="$work/python" --grpc_python_out="$work/python" \
  "$here"/../../proto/publisher/v1/*.proto
truncate -s 4G "$work/outer.image"
mkfs.ext4 -q -m 0 "$work/outer.image"
mount -o loop,noatime "$work/outer.image" "$outer"

cut=0
touch "$outer/image"
begin_anew
begin_life
while [ "$cut" -lt "$cuts" ]; do
  cut=$((cut + 1)) what=''
  work_on
  cut_power
  mount_copy
  if [ $((cut % without_sled_every)) -eq 0 ]; then
    rm -r "$copy/data/sled"
    what=", sled deleted"
  fi
  check_copy "$what"
  if [ "$cut" -eq "$cuts" ]; then
    break
  elif [ $((cut % anew_every)) -eq 0 ]; then
    end_life
    begin_anew
    begin_life
  elif [ $((cut % go_on_every)) -eq 0 ]; then
    end_life
    client cut "$journal" "$done_bytes" "$sent_bytes" >"$work/journal.cut"
    mv "$work/journal.cut" "$journal"
    cp --sparse=always "$work/image" "$outer/image"
    mount -o loop "$outer/image" "$disk"
    restart_machine "$disk"
    begin_life
  else
    kill -CONT "$loader"
  fi
done

# One more cut after an orderly stop: then the server trusts sled, which must have everything by itself.
kill_process "$loader"
loader=''
kill -TERM "$live_pid"
wait "$live_pid" || fail "the server did not stop in order"
live_pid=''
cut_power
mount_copy
said=$("$program" check --data "$copy/data" 2>"$work/progress") || fail "the check fails: $said"
case $said in
  *"sled is confirmed"*) ;;
  *) fail "sled is not trusted after an orderly stop: $said" ;;
esac
check_copy ", stopped before"
end_life
echo "power_cut: ok, $cuts cuts, 0 rows lost, $failed_opens failed opens, $SECONDS s"
