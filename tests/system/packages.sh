#!/usr/bin/env bash
# Builds the Debian package and the image of a container, installs the package in a fresh Debian that systemd
# has booted, starts the container, and kills the service in both (as root).
#
#   tests/system/packages.sh PROGRAM
set -euo pipefail

program=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)
packaging=$here/../../packaging
work=$(mktemp -d)
# Everything of podman is in the folder of this test. Its default limits are more than CI may give.
engine=(podman --log-level error --root "$work/images" --runroot "$work/run" --storage-driver vfs --runtime runc --cgroup-manager cgroupfs)
run=("${engine[@]}" run --network host --ulimit nofile=1024:1024 --ulimit nproc=1000:1000 --read-only --cap-drop all)
clean_up() {
  "${engine[@]}" rm --all --force >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap clean_up EXIT

strip -o "$work/stripped" "$program"
size=$(stat --format %s "$work/stripped")
rm "$work/stripped"
if [ "$size" -gt 40000000 ]; then
  echo "the stripped program has $size bytes, more than 40 MB" >&2
  exit 1
fi

# In tenths: 2.0 of 10, and from 1.0 to 5.0 is OK.
systemd-analyze security --offline=yes --threshold=20 "$packaging/systemd/memberbase.service" | tail -n 1

debian=$work/debian
debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,adduser,man-db bookworm "$debian" >"$work/debootstrap.log"
package=$(bash "$packaging/debian/build.sh" "$program" "$work" 2>/dev/null)
cp "$package" "$debian/root/memberbase.deb"
install -m 755 "$here/packages_inside.sh" "$debian/root/"
cat >"$debian/etc/systemd/system/inside.service" <<'UNIT'
[Unit]
After=multi-user.target

[Service]
ExecStart=/bin/bash -c '/root/packages_inside.sh >/root/log 2>&1 && touch /root/passed; systemctl poweroff'
UNIT
mkdir "$debian/etc/systemd/system/default.target.wants"
ln -s ../inside.service "$debian/etc/systemd/system/default.target.wants/"
timeout 300 systemd-nspawn --quiet --boot --directory "$debian" --private-network --register=no --keep-unit \
  >"$work/boot.log" 2>&1 || true
if [ ! -e "$debian/root/passed" ]; then
  tail -n 40 "$work/boot.log" "$debian/root/log" >&2 || true
  echo "the Debian package failed" >&2
  exit 1
fi
rm -rf "$debian"
echo "debian package: ok"

bash "$packaging/container/root.sh" "$program" "$work/image"
"${engine[@]}" build --quiet --isolation chroot -t memberbase -f "$packaging/container/Containerfile" "$work/image" >/dev/null
MEMBERBASE_TOKEN=$("${run[@]}" --rm -v data:/data memberbase token create --access admin --new-store --data /data | tail -n 1)
export MEMBERBASE_TOKEN
"${run[@]}" --detach --name service -e MEMBERBASE_LISTEN=127.0.0.1:0 -v data:/data memberbase >/dev/null
listening() { # NUMBER of the start
  local tries=0
  until [ "$("${engine[@]}" logs service 2>/dev/null | grep -c '^listening on ')" = "$1" ]; do
    if [ "$((tries += 1))" -gt 300 ]; then
      "${engine[@]}" logs service >&2
      echo "the container does not serve" >&2
      exit 1
    fi
    sleep 0.2
  done
  server=$("${engine[@]}" logs service 2>/dev/null | sed -n 's/^listening on //p' | tail -n 1)
}
listening 1
printf 'ref\nr1\n' >"$work/list.csv"
"$program" import "$work/list.csv" --base staff --create-base --server "$server" --quiet >/dev/null
"${engine[@]}" kill --signal KILL service >/dev/null
"${engine[@]}" wait service >/dev/null
"${engine[@]}" start service >/dev/null
listening 2
"$program" get --base staff --ref r1 --server "$server" >/dev/null
"${engine[@]}" exec service memberbase --version
"${engine[@]}" stop --time 60 service >/dev/null
[ "$("${engine[@]}" inspect service --format '{{.State.ExitCode}}')" = 0 ]
echo "container: ok"
