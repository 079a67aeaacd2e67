#!/usr/bin/env bash
# Builds the JavaScript client and tests it in Node and in a real Chromium, against the real daemon. Installs what is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/tools.sh chromium=chromium node=nodejs npm=npm
cargo build --quiet --locked

scripts/npm.sh clients/js
cd clients/js
npm run --silent build
RCOMET=${RCOMET:-$PWD/../../target/debug/rcomet} node --test --test-timeout=600000 --test-concurrency=3 --test-reporter=spec test/*.test.mjs
