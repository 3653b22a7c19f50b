#!/usr/bin/env bash
# Installs, uses, upgrades, removes and purges the package; packages.sh runs it in a Debian of its own.
set -euxo pipefail

package=/root/memberbase.deb
running() { # waits until the service answers, with another process than $1
  for _ in $(seq 100); do
    pid=$(systemctl show -p MainPID --value memberbase)
    if [ "$pid" != 0 ] && [ "$pid" != "$1" ] && memberbase token list >/dev/null 2>&1; then
      return 0
    fi
    sleep 0.2
  done
  journalctl --no-pager -u memberbase
  return 1
}
has_member() {
  memberbase get --base staff --ref r1 | grep -q '"ref": "r1"'
}

dpkg -i "$package"
running 0
systemctl is-enabled memberbase
[ "$(stat -c '%U:%G %a' /var/lib/memberbase)" = "memberbase:memberbase 700" ]
[ "$(stat -c '%U:%G %a' /etc/memberbase/memberbase.toml)" = "root:memberbase 640" ]
MEMBERBASE_TOKEN=$(memberbase token create --access admin | tail -n 1)
export MEMBERBASE_TOKEN
printf 'ref\nr1\n' >/root/list.csv
memberbase import /root/list.csv --base staff --create-base --quiet

# The manual: a page for each command, whose source has no fault, and which anybody finds.
whatis memberbase memberbase-sync memberbase-token-create
pages=0
for page in /usr/share/man/man1/memberbase*.1.gz; do
  [ "$(stat -c '%U:%G %a' "$page")" = "root:root 644" ]
  [ -z "$(man --warnings --local-file "$page" 2>&1 >/dev/null)" ]
  pages=$((pages + 1))
done
[ "$pages" -gt 30 ]
man memberbase-import | grep -q -- '--create-base'
gzip -t /usr/share/doc/memberbase/changelog.gz

# The shell completes commands, and their options.
completed() { # WORD… as typed, the last one to be completed
  bash -c 'source /usr/share/bash-completion/completions/memberbase
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
    _memberbase "$1" "${@: -1}" "${@: -2:1}"
    printf "%s\n" "${COMPREPLY[@]}"' bash "$@"
}
completed memberbase unde | grep -qx undelete
completed memberbase token create --pi | grep -qx -- --pii
[ -s /usr/share/zsh/vendor-completions/_memberbase ] && [ -s /usr/share/fish/vendor_completions.d/memberbase.fish ]

# Nothing of the hardening was ignored.
grep -q '^CapEff:[[:space:]]*0*$' "/proc/$pid/status"
grep -q '^Seccomp:[[:space:]]*2$' "/proc/$pid/status"
[ "$(stat -c %U "/proc/$pid")" = memberbase ]

killed=$pid
kill -KILL "$killed"
running "$killed"
has_member

# The same version again: the service is restarted. A changed setting stays.
echo '# changed' >>/etc/memberbase/memberbase.toml
old=$pid
dpkg -i "$package"
running "$old"
has_member
grep -q '^# changed$' /etc/memberbase/memberbase.toml

dpkg -r memberbase
[ "$(systemctl is-active memberbase)" = inactive ]
[ -d /var/lib/memberbase/sled ]
dpkg -P memberbase
[ -d /var/lib/memberbase/sled ]
[ ! -e /etc/memberbase ]
getent passwd memberbase

dpkg -i "$package"
running 0
has_member
