#!/bin/sh
# Plants the bugs of mutants.toml, one at a time, in a copy of the tree, and sees that the tests of the core notice.
# `scripts/mutants.sh --help` says more.
exec python3 "$(dirname "$0")/mutants.py" "$@"
