#!/usr/bin/env bash
# Installs what the tests need beyond a Rust toolchain, where it is missing: tools.sh COMMAND=PACKAGE...
set -euo pipefail

missing=()
for pair in "$@"; do
    command -v "${pair%%=*}" >/dev/null 2>&1 || missing+=("${pair#*=}")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "tools.sh: please install: ${missing[*]}" >&2
    exit 1
fi
echo "tools.sh: installing ${missing[*]}"
apt=(apt-get)
[ "$(id -u)" = 0 ] || apt=(sudo apt-get)
"${apt[@]}" update -qq
DEBIAN_FRONTEND=noninteractive "${apt[@]}" install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
