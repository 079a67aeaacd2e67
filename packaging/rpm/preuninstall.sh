# $1 is 0 when the last version goes. The socket first: it would start the service again.
if [ "$1" = 0 ] && [ -d /run/systemd/system ]; then
    systemctl disable --now rcomet.socket || true
    systemctl disable --now rcomet.service || true
fi
