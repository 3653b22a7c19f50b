#!/usr/bin/env bash
# Writes the files of the image as FOLDER/root.tar: the program without debugging information, the libraries
# that it is linked to, the authorities that this system trusts, a user, and that user's empty data directory.
#
#   packaging/container/root.sh PROGRAM FOLDER
#
# The libraries are those of this machine, so build the program on it too.
set -euo pipefail

program=$1 folder=$2
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$folder" "$root/usr/bin" "$root/etc/ssl/certs" "$root/data"
strip -o "$root/usr/bin/memberbase" "$program"
# Lines such as `libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x…)`, and the loader, which stands alone.
ldd "$program" | awk '$2 == "=>" { print $3 } $1 ~ /^\// { print $1 }' | while read -r library; do
  install -D -m 755 "$library" "$root$library"
done
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
echo 'memberbase:x:65532:65532::/data:/sbin/nologin' >"$root/etc/passwd"
echo 'memberbase:x:65532:' >"$root/etc/group"
chmod -R u=rwX,go=rX "$root"
chmod 755 "$root/usr/bin/memberbase"
# A new volume gets the owner and the mode of this directory. COPY would give it to root; a tar keeps them.
chmod 700 "$root/data"
tar --create --file "$folder/root.tar" --directory "$root" --owner 0 --group 0 usr etc $(cd "$root" && ls -d lib lib64 2>/dev/null)
tar --append --file "$folder/root.tar" --directory "$root" --owner 65532 --group 65532 data
