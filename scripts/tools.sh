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
# Mirrors have bad moments, and something else may be installing.
apt=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Acquire::Retries=5 -o DPkg::Lock::Timeout=300)
[ "$(id -u)" = 0 ] || apt=(sudo "${apt[@]}")
for pause in 5 20 0; do
    if "${apt[@]}" update && "${apt[@]}" install -y --no-install-recommends "${missing[@]}" >/dev/null; then exit 0; fi
    sleep "$pause"
done
echo "tools.sh: cannot install: ${missing[*]}" >&2
exit 1
