#!/usr/bin/env bash
# Makes the packages: target/debian/*.deb and target/generate-rpm/*.rpm. Installs the tools that make them where they are missing.
set -euo pipefail
cd "$(dirname "$0")/.."

for tool in cargo-deb cargo-generate-rpm; do
    command -v "$tool" >/dev/null 2>&1 || cargo install --quiet --locked "$tool"
done
scripts/tools.sh dpkg-shlibdeps=dpkg-dev strip=binutils
cargo build --release --locked --bin rcomet
cargo deb --no-build --locked
cargo generate-rpm --auto-req find-requires 2>/dev/null || cargo generate-rpm --auto-req builtin
ls -l target/debian/*.deb target/generate-rpm/*.rpm
