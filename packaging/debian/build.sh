#!/usr/bin/env bash
# Builds a Debian package from a program that is built already: prints the path of the package in FOLDER.
#
#   packaging/debian/build.sh PROGRAM FOLDER
#
# Needs dpkg-deb, gzip, and strip and objdump of binutils. The program must run on this machine.
set -euo pipefail

program=$1 folder=$2
here=$(cd "$(dirname "$0")" && pwd)
source=$here/../..
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
doc=$root/usr/share/doc/memberbase

install -d -m 755 "$folder" "$root/DEBIAN" "$root/usr/bin" "$doc/packaging"
strip -o "$root/usr/bin/memberbase" "$program"
chmod 755 "$root" "$root/usr/bin/memberbase"
install -D -m 644 "$source/packaging/systemd/memberbase.service" "$root/lib/systemd/system/memberbase.service"
install -D -m 640 "$here/memberbase.toml" "$root/etc/memberbase/memberbase.toml"
cp -r "$source/README.md" "$source/CHANGELOG.md" "$source/docs" "$doc/"
cp -r "$source/packaging/proxies" "$doc/packaging/"
install -m 644 "$here/copyright" "$doc/"
# The changelog of Debian has the version; that of memberbase stands beside it.
version=$("$program" --version | cut -d ' ' -f 2)
dated=$("$program" --version | sed -n 's/.*, \([0-9-]*\))$/\1/p')
printf 'memberbase (%s) unstable; urgency=medium\n\n  * CHANGELOG.md beside this file has the changes.\n\n -- %s  %s\n' \
  "$version" "$(sed -n 's/^Maintainer: //p' "$here/control")" "$(LC_ALL=C date -u -R -d "${dated:-1970-01-01}")" |
  gzip -9n >"$doc/changelog.gz"
install -d "$root/usr/share/man/man1"
"$program" man "$root/usr/share/man/man1" >/dev/null
gzip -9n "$root/usr/share/man/man1"/*
completions() { # SHELL FILE
  install -d "$(dirname "$root/usr/share/$2")"
  "$program" completions "$1" >"$root/usr/share/$2"
}
completions bash bash-completion/completions/memberbase
completions zsh zsh/vendor-completions/_memberbase
completions fish fish/vendor_completions.d/memberbase.fish
chmod -R u=rwX,go=rX "$root/usr/share"

echo /etc/memberbase/memberbase.toml >"$root/DEBIAN/conffiles"
install -m 755 "$here/postinst" "$here/prerm" "$here/postrm" "$root/DEBIAN/"
architecture=$(dpkg --print-architecture)
# The newest version of the C library whose functions the program uses.
library=$(objdump -T "$program" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -n 1)
{
  cat "$here/control"
  echo "Version: $version"
  echo "Architecture: $architecture"
  echo "Depends: libc6 (>= ${library#GLIBC_}), adduser"
  echo "Installed-Size: $(du -k -s "$root" | cut -f 1)"
} >"$root/DEBIAN/control"
package=$folder/memberbase_${version}_$architecture.deb
dpkg-deb --root-owner-group -z 3 --build "$root" "$package" >&2
echo "$package"
