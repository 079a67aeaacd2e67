#!/usr/bin/env bash
# Runs unmodified Bayeux clients from npm against the real daemon. Installs what is missing from the system's packages.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/tools.sh node=nodejs npm=npm

scripts/npm.sh tests/bayeux

cargo build --quiet --locked
node tests/bayeux/clients.mjs target/debug/rcomet
