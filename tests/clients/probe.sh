#!/bin/sh
# The shell's functions, as the tests ask them.
. "$(dirname "$0")/../../clients/shell/rcomet.sh"
verb=$1
shift
case $verb in
publish) rcomet_publish "$@" ;;
stdin) rcomet_publish "$1" ;;
read) rcomet_read "$@" ;;
history)
    said=$(rcomet_history "$@") && printf '%s\n' "$said" | rcomet_text
    ;;
subscribe) rcomet_subscribe "$@" ;;
texts) rcomet_subscribe "$@" | rcomet_text ;;
esac
