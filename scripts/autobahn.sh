#!/usr/bin/env bash
# Runs the Autobahn test-suite for WebSocket servers against the real daemon's /echo, and prints how it went by family.
#
#   scripts/autobahn.sh [CASES...]      such as '1.*' '7.*'; all by default, of which 9, 12 and 13 take long
#
# The suite is written for Python 2.7, which has to be there as PYTHON2 (default: python2.7) with pip and virtualenv.
set -euo pipefail
cd "$(dirname "$0")/.."

here=target/autobahn
python2=${PYTHON2:-python2.7}
wstest=$here/venv/bin/wstest
if ! [ -x "$wstest" ]; then
    "$python2" -m virtualenv --quiet "$here/venv"
    "$here/venv/bin/pip" install --quiet --disable-pip-version-check autobahntestsuite==25.10.1
fi

cargo build --release --quiet --locked
cat >"$here/rcomet.toml" <<'TOML'
[websocket]
echo = true
compression_bytes_min = 0
frame_bytes_max = 33554432
message_bytes_max = 33554432
TOML
target/release/rcomet run --config "$here/rcomet.toml" --front 127.0.0.1:0 --admin 127.0.0.1:0 2>"$here/rcomet.log" &
pid=$!
trap 'kill "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true' EXIT
for _ in $(seq 100); do
    front=$(sed -n 's/.*listening front //p' "$here/rcomet.log" | head -n 1)
    [ -n "$front" ] && break
    sleep 0.1
done

[ $# -gt 0 ] || set -- '*'
cases=$(printf '"%s", ' "$@")
cat >"$here/cases.json" <<JSON
{"outdir": "$here/report", "servers": [{"agent": "rcomet", "url": "ws://$front/echo"}],
 "cases": [${cases%, }], "exclude-cases": [], "exclude-agent-cases": {}}
JSON
rm -rf "$here/report"
"$wstest" -m fuzzingclient -s "$here/cases.json" >"$here/wstest.log"

python3 - "$here/report/index.json" <<'PYTHON'
import collections, json, sys
results = json.load(open(sys.argv[1]))["rcomet"]
families = collections.defaultdict(collections.Counter)
for case, result in results.items():
    verdict = result["behavior"] if result["behavior"] != "OK" else result["behaviorClose"]
    families[int(case.split(".")[0])][verdict] += 1
for family, verdicts in sorted(families.items()):
    print(family, dict(verdicts))
bad = [case for case, r in results.items() if not {r["behavior"], r["behaviorClose"]} <= {"OK", "INFORMATIONAL"}]
print("all strict" if not bad else f"not strict: {' '.join(bad)}")
sys.exit(bool(bad))
PYTHON
