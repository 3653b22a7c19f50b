#!/usr/bin/env bash
# Tests a full disk: the server refuses writes before the disk is full, and reads continue. Once there is room
# again, writes continue without a restart. Also tests a read-only disk, on which no server starts, and which
# can be backed up. Needs root, to mount a file system from a file.
#
#   tests/system/disk_full.sh PROGRAM
set -euo pipefail

program=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
disk=$work/disk
# shellcheck source=server.sh
. "$here/server.sh"
clean_up() {
  kill_server
  if mountpoint -q "$disk"; then umount "$disk"; fi
  rm -rf "$work"
}
trap clean_up EXIT

fail() {
  echo "disk_full: $1" >&2
  exit 1
}

count() { # prints the number of members in an export
  "$program" export --server "$server_url" --base staff --format ndjson --out "$work/export.ndjson" 2>/dev/null
  wc -l <"$work/export.ndjson"
}

truncate -s 100M "$work/image"
mkfs.ext4 -q -m 0 "$work/image"
mkdir "$disk"
mount -o loop "$work/image" "$disk"
# Takes up space that is freed later: less than docs/operations.md says to free.
fallocate -l 30M "$disk/ballast"

awk 'BEGIN { print "ref,email,first_name,last_name,tier,role"; for (i = 0; i < 300000; i++)
  printf "crm-%010.0f,m%d@mail.example.com,Alexandra,Montgomery-%d,Gold,Driver on the night shift number %d\n", (i * 2654435761) % 4294967296, i, i, i }' \
  >"$work/many.csv"
head -n 1001 "$work/many.csv" >"$work/first.csv"
sed 's/Gold/Silver/' "$work/first.csv" >"$work/changed.csv"

start_server "$program" "$disk/data" --reserve 8MiB
"$program" import "$work/first.csv" --server "$server_url" --base staff --create-base --quiet >/dev/null

# 1. Writes continue until the server refuses them.
ended=0
"$program" import "$work/many.csv" --server "$server_url" --base staff --quiet --give-up-after 1 >"$work/counts" 2>"$work/said" || ended=$?
[ "$ended" -eq 69 ] || fail "the import ended with $ended, expected 69: $(tail -n 5 "$work/said")"
grep -q STORAGE_FULL "$work/said" || fail "not refused with STORAGE_FULL: $(tail -n 5 "$work/said")"
left=$(df --output=avail -B1 "$disk" | tail -n 1)
[ "$left" -ge $((6 << 20)) ] || fail "only $left bytes of the reserve are left"

# 2. Reads continue, and show what was acknowledged.
"$program" get --server "$server_url" --base staff --email m0@mail.example.com >/dev/null || fail "no read on a full disk"
full=$(count)
written=$(awk '$1 == "created" || $1 == "unchanged" { sum += $2 } END { print sum }' "$work/counts")
[ "$full" -ge "$written" ] || fail "$written rows were acknowledged, but the server has $full members"
[ "$full" -gt 1000 ] || fail "nothing was written before the disk was full"

# 3. Further writes are refused, and have no effect.
if "$program" import "$work/changed.csv" --server "$server_url" --base staff --quiet --give-up-after 0 >/dev/null 2>&1; then
  fail "a write on a full disk was not refused"
fi
"$program" get --server "$server_url" --base staff --email m0@mail.example.com | grep '"tier": "Gold"' >/dev/null || fail "a refused write had an effect"

# 4. Once there is room, writes work again in the same process.
rm "$disk/ballast"
sync -f "$disk"
"$program" import "$work/changed.csv" --server "$server_url" --base staff --quiet >"$work/counts" || fail "a write failed after space was freed"
grep -qx "updated 1000" "$work/counts" || fail "after space was freed: $(cat "$work/counts")"

# 5. All members are there after a restart. Stopping and starting do not use the reserve.
now=$(count)
stop_server
start_server "$program" "$disk/data" --reserve 8MiB
[ "$(count)" -eq "$now" ] || fail "$now members before the restart, $(count) after it"
stop_server
left=$(df --output=avail -B1 "$disk" | tail -n 1)
[ "$left" -ge $((8 << 20)) ] || fail "only $left bytes are left after a stop, a start and a stop"

# 6. A read-only disk is a clear error at once.
mount -o remount,ro "$disk"
if timeout 20 "$program" serve --data "$disk/data" --listen 127.0.0.1:0 >"$work/said" 2>&1; then
  fail "the server started on a read-only disk"
fi
grep -q "Read-only file system" "$work/said" || fail "wrong error on a read-only disk: $(cat "$work/said")"

# 7. A file system becomes read-only after errors of its disk. What it has can still be saved.
"$program" backup --data "$disk/data" --out "$work/backup" >"$work/said" 2>&1 || fail "no backup of a read-only disk: $(cat "$work/said")"
"$program" verify "$work/backup" >"$work/said" || fail "the backup of a read-only disk is damaged: $(cat "$work/said")"
"$program" restore --from "$work/backup" --data "$work/restored" >"$work/said" 2>&1 || fail "no restore: $(cat "$work/said")"
start_server "$program" "$work/restored"
[ "$(count)" -eq "$now" ] || fail "$now members on the read-only disk, $(count) after the restore"
stop_server
echo "disk_full: ok, refused at $full members"
