# $1 is 1 on the first installation, 2 on an upgrade.
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload || true
    if [ "$1" = 1 ]; then systemctl enable --now rcomet.service || true; fi
fi
