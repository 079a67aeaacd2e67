#!/usr/bin/env bash
# Makes the packages: target/debian/*.deb and target/generate-rpm/*.rpm. Installs the tools that make them where they are missing.
set -euo pipefail
cd "$(dirname "$0")/.."

for tool in cargo-deb cargo-generate-rpm; do
    command -v "$tool" >/dev/null 2>&1 || cargo install --quiet --locked "$tool"
done
scripts/tools.sh dpkg-shlibdeps=dpkg-dev strip=binutils gzip=gzip
cargo build --release --locked --bin rcomet

# What both packages bring beside the repository's own files.
rm -rf target/package target/debian target/generate-rpm
mkdir -p target/package/man
strip -o target/package/rcomet target/release/rcomet
target/package/rcomet man target/package/man
gzip -9n target/package/man/*
target/package/rcomet completions bash >target/package/completions.bash
target/package/rcomet completions zsh >target/package/completions.zsh
target/package/rcomet completions fish >target/package/completions.fish
# Debian wants a list of changes in its own form: ours is beside it.
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
when=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
cat >target/package/changelog <<CHANGELOG
rcomet ($version-1) unstable; urgency=medium

  * See /usr/share/doc/rcomet/CHANGELOG.md.

 -- The rcomet developers <rcomet@localhost>  $(date -Rud "@$when")
CHANGELOG

cargo deb --quiet --no-build --locked
cargo generate-rpm
ls -l target/debian/*.deb target/generate-rpm/*.rpm
