#!/usr/bin/env bash
# Plays the clients of other languages (Python, shell, Node, Java, PHP) against the real daemon. Installs what is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/tools.sh php=php-cli python3=python3 node=nodejs javac=default-jdk-headless curl=curl
# Debian's has its version in its name.
ls /usr/sbin/php-fpm* >/dev/null 2>&1 || scripts/tools.sh php-fpm=php-fpm
cargo build --quiet --locked

classes=$(mktemp -d)
trap 'rm -rf "$classes"' EXIT
# What runs on JDK 11, whichever is here.
javac --release 11 -Xlint:all -Werror -d "$classes" clients/java/rcomet/*.java tests/clients/Probe.java
export RCOMET_JAVA_CLASSES=$classes RCOMET=${RCOMET:-$PWD/target/debug/rcomet}

python3 tests/clients/clients.py
python3 tests/clients/php.py
python3 tests/clients/php_pages.py
python3 tests/clients/php_fpm.py
