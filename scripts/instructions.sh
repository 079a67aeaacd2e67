#!/usr/bin/env bash
# Counts instructions on the core's hot paths and compares them with benches/instructions/baseline.toml.
# Fails when a path has become more than 5 % more expensive. `--update` writes what is counted into the baseline.
set -euo pipefail
cd "$(dirname "$0")/.."

version=0.20.0
target=${CARGO_TARGET_DIR:-$PWD/target}
tools=$target/tools
scripts/tools.sh valgrind=valgrind python3=python3
if [ "$("$tools/bin/gungraun-runner" --version 2>/dev/null | grep -o '[0-9.]*$')" != "$version" ]; then
    echo "instructions.sh: installing gungraun-runner $version into $tools"
    CARGO_TARGET_DIR=$target/tools-build cargo install --quiet --locked gungraun-runner --version "=$version" --root "$tools"
fi
counted=$target/instructions.jsonl
CARGO_TARGET_DIR=$target/instructions GUNGRAUN_RUNNER=$tools/bin/gungraun-runner \
    cargo bench --quiet --locked --manifest-path benches/instructions/Cargo.toml --bench paths -- --output-format=json >"$counted"
exec python3 scripts/instructions.py "$counted" benches/instructions/baseline.toml "$@"
