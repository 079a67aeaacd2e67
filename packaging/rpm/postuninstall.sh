if [ -d /run/systemd/system ]; then
    systemctl daemon-reload || true
    if [ "$1" != 0 ]; then systemctl try-restart rcomet.service || true; fi
fi
