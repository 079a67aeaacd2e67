#!/usr/bin/env bash
# Plays the web chat in a real Chromium against the real daemon. Installs what is missing from the system's packages.
set -euo pipefail
cd "$(dirname "$0")/.."

need() { command -v "$1" >/dev/null 2>&1; }

if ! need chromium; then
    echo "browser-test: installing chromium"
    apt="apt-get"
    [ "$(id -u)" = 0 ] || apt="sudo apt-get"
    $apt update -qq
    DEBIAN_FRONTEND=noninteractive $apt install -y -qq chromium >/dev/null
fi
need node || { echo "browser-test: node is needed (version 18 or later)" >&2; exit 1; }

(cd tests/browser && npm ci --silent --no-audit --no-fund)

cargo build --quiet --locked
log=$(mktemp)
target/debug/rcomet run --demo --front 127.0.0.1:0 --admin 127.0.0.1:0 2>"$log" &
pid=$!
trap 'kill "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; rm -f "$log"' EXIT

address() { sed -n "s/.*listening $1 //p" "$log" | head -n 1; }
for _ in $(seq 100); do
    [ -n "$(address front)" ] && [ -n "$(address admin)" ] && break
    sleep 0.1
done
[ -n "$(address admin)" ] || { cat "$log" >&2; exit 1; }

RCOMET_FRONT="http://$(address front)" RCOMET_ADMIN="http://$(address admin)" node tests/browser/chat.mjs
