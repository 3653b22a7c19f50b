#!/usr/bin/env bash
# Uses the console as a person does, in a browser without a screen, and looks at every page with axe-core.
#
#   tests/system/console.sh PROGRAM TOOLS [PICTURES]
#
# PROGRAM is the memberbase to test. TOOLS is the folder in which .ci/run installed the clients. PICTURES is the folder
# for pictures of the pages; without it they are not kept. The browser is `chromium`, or what CHROMIUM names.
set -euo pipefail

program=$(realpath "$1") tools=$(realpath "$2")
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
pictures=${3:-$work/pictures}
mkdir -p "$pictures"
pictures=$(realpath "$pictures")
# shellcheck source=server.sh
. "$here/server.sh"
trap 'kill_server; rm -rf "$work"' EXIT

token=$("$program" token create --access admin --description "Console test" --new-store --data "$work/data" | tail -n 1)
start_server "$program" "$work/data" --log debug 2>"$work/server.log"
CONSOLE_TOKEN=$token CONSOLE_PACKAGES=$tools CHROMIUM=$(command -v "${CHROMIUM:-chromium}") \
  node "$here/console.mjs" "$server_address" "$pictures" "$work"
stop_server
if grep -qF "$token" "$work/server.log"; then
  echo "the log has a token" >&2
  exit 1
fi
echo "console: all ok"
