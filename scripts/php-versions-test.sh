#!/usr/bin/env bash
# Plays the PHP client in PHP 7.4 to 8.5, as WebAssembly in Node, against the real daemon. Installs what is missing: some 500 MB.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/tools.sh node=nodejs npm=npm
cargo build --quiet --locked

scripts/npm.sh tests/php-versions
RCOMET=${RCOMET:-${CARGO_TARGET_DIR:-$PWD/target}/debug/rcomet} node tests/php-versions/versions.mjs
