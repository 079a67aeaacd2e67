#!/usr/bin/env bash
# Installs what the package-lock.json of a directory says: npm.sh DIRECTORY. Where it is installed already, nothing is done.
set -euo pipefail
cd "$1"

mark=node_modules/.installed-for
current() { cat package.json package-lock.json && node --version; }
current | cmp -s - "$mark" && exit 0
# Registries have bad moments.
for pause in 5 20 0; do
    if npm ci --silent --no-audit --no-fund --prefer-offline --fetch-retries=5; then
        current >"$mark"
        exit 0
    fi
    sleep "$pause"
done
echo "npm.sh: cannot install what $1/package-lock.json says" >&2
exit 1
