#!/usr/bin/env bash
# Plays the demo pages and WebSockets in a real Chromium against the real daemon, and holds its answers against docs/openapi.yaml. Installs what is missing from the system's packages.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/tools.sh chromium=chromium node=nodejs npm=npm

scripts/npm.sh tests/browser
# Its Bayeux clients are played in pages, too.
scripts/npm.sh tests/bayeux

cargo build --quiet --locked
log=$(mktemp)
target/debug/rcomet run --demo --front 127.0.0.1:0 --admin 127.0.0.1:0 2>"$log" &
pid=$!
trap 'kill "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; rm -f "$log"' EXIT

address() { sed -n "s/.*listening $1 //p" "$log" | head -n 1; }
for _ in $(seq 600); do
    [ -n "$(address front)" ] && [ -n "$(address admin)" ] && break
    sleep 0.1
done
[ -n "$(address admin)" ] || { cat "$log" >&2; exit 1; }

export RCOMET_FRONT="http://$(address front)" RCOMET_ADMIN="http://$(address admin)"
node tests/browser/chat.mjs
node tests/browser/dialects.mjs
node tests/browser/simple-comet.mjs
node tests/browser/websocket.mjs
node tests/browser/events.mjs
node tests/browser/openapi.mjs
node tests/browser/locations.mjs
node tests/browser/nchan.mjs
node tests/browser/jquery-comet.mjs
node tests/browser/bayeux.mjs
node tests/browser/origins.mjs
node tests/browser/dashboard.mjs
node tests/browser/dashboard-load.mjs
node tests/browser/notifier.mjs
