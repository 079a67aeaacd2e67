#!/usr/bin/env bash
# An administrator's day with the Debian package, as docs/operations.md tells it: installs it on this machine, plays the day, upgrades,
# removes and purges it; and does the same with both packages, as under systemd, in copies of the machine. Takes root, and a machine
# without an rcomet installed.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/tools.sh php=php-cli chromium=chromium node=nodejs npm=npm python3=python3 rpm=rpm adduser=adduser dpkg-deb=dpkg
scripts/npm.sh tests/browser
scripts/package.sh >/dev/null
python3 tests/admin-day/day.py target/debian/rcomet_*.deb

# The packages with their own scripts, in copies of this machine that are thrown away; and the rpm without them, unpacked in a folder.
sh tests/admin-day/deb.sh target/debian/rcomet_*.deb
bash tests/admin-day/systemd.sh target/debian/rcomet_*.deb target/generate-rpm/rcomet-*.rpm
sh tests/admin-day/rpm.sh target/generate-rpm/rcomet-*.rpm
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
quiet=(rpm --force-debian --root "$root" --nodeps --noscripts)
mkdir -p "$root/var/lib/rpm"
"${quiet[@]}" --ignorearch -i target/generate-rpm/rcomet-*.rpm
"$root/usr/bin/rcomet" check-config "$root/etc/rcomet/rcomet.toml" >/dev/null
echo '# mine' >>"$root/etc/rcomet/rcomet.toml"
"${quiet[@]}" --ignorearch -U --replacepkgs target/generate-rpm/rcomet-*.rpm
grep -q '# mine' "$root/etc/rcomet/rcomet.toml"
"${quiet[@]}" -e rcomet
[ ! -e "$root/usr/bin/rcomet" ] && [ -e "$root/etc/rcomet/rcomet.toml.rpmsave" ]
echo "ok    the rpm installs, keeps a configuration that was changed, and goes"
