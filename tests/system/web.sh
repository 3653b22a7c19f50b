#!/usr/bin/env bash
# Calls a server over gRPC-Web from pages of other origins, in a browser without a screen.
#
#   tests/system/web.sh PROGRAM TOOLS
#
# PROGRAM is the memberbase to test. TOOLS is the folder in which .ci/run installed the clients. The browser is `chromium`,
# or what CHROMIUM names.
set -euo pipefail

program=$(realpath "$1") tools=$(realpath "$2")
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

export PATH="$tools/venv/bin:$tools/node_modules/.bin:$PATH"
printf '%s\n' 'version: v2' 'plugins:' '  - local: protoc-gen-es' '    out: generated' '    opt:' '      - target=js' \
  '      - import_extension=js' >"$work/buf.gen.yaml"
(cd "$work" && buf generate "$here/../../proto")
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=members \
  -addext subjectAltName=DNS:localhost -keyout "$work/key.pem" -out "$work/cert.pem" 2>/dev/null
WEB_PACKAGES=$tools CHROMIUM=$(command -v "${CHROMIUM:-chromium}") node "$here/web.mjs" "$program" "$work"
echo "gRPC-Web: all ok"
