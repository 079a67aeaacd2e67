#!/bin/bash
# Both packages with a real systemd: it runs as process 1 of namespaces of its own, over a copy of this machine that is thrown
# away. Takes root, rpm and a systemd; says so and ends well where there is none of the last.
#
#   tests/admin-day/systemd.sh PACKAGE.deb PACKAGE.rpm
set -euo pipefail

if [ "${1:-}" = --boot ]; then
    # In the namespaces: the copy, what systemd needs to see, and systemd itself.
    mount --make-rprivate /
    mount -t tmpfs none /mnt
    mkdir /mnt/upper /mnt/work /mnt/root
    mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work /mnt/root
    cd /mnt/root
    mount -t proc proc proc
    mount -t sysfs -o ro sysfs sys
    if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
        mount -t cgroup2 cgroup2 sys/fs/cgroup
    else
        mount -t tmpfs none sys/fs/cgroup
        mkdir sys/fs/cgroup/systemd
        mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd
    fi
    mount -t tmpfs -o mode=755 none dev
    for device in null zero full random urandom tty; do
        touch dev/$device
        mount --bind /dev/$device dev/$device
    done
    mkdir dev/pts dev/shm
    mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
    ln -s pts/ptmx dev/ptmx
    for folder in dev/shm run tmp; do mount -t tmpfs none $folder; done
    mkdir opt/day
    cp "$2" opt/day/rcomet.deb
    cp "$3" opt/day/rcomet.rpm
    # A machine that is built, and not booted, may forbid packages to start services.
    rm -f usr/sbin/policy-rc.d
    printf '[Unit]\nRequires=basic.target\nAllowIsolate=yes\n' >etc/systemd/system/day.target
    ip link set lo up
    exec chroot . env -i container=lxc PATH="$PATH" /lib/systemd/systemd --unit=day.target --show-status=0 --log-level=err
fi

[ -x /lib/systemd/systemd ] || { echo "skip  a real systemd: there is none on this machine"; exit 0; }
for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/systemd; do
    [ -w "$hierarchy/cgroup.procs" ] || continue
    mkdir -p "$hierarchy/rcomet-day"
    echo $$ >"$hierarchy/rcomet-day/cgroup.procs"
done

unshare --mount --net --pid --uts --ipc --cgroup --fork --kill-child bash "$0" --boot "$(realpath "$1")" "$(realpath "$2")" >/dev/null 2>&1 &
unshare=$!
trap 'kill -9 $unshare 2>/dev/null || true' EXIT
pid=
for _ in $(seq 100); do
    pid=$(cat /proc/$unshare/task/$unshare/children 2>/dev/null | tr -d ' ') || true
    [ -n "$pid" ] && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = systemd ] && break
    sleep 0.2
done
there() { nsenter -t "$pid" -m -n -p -u -i -C -r -w -- "$@"; }
of() { there systemctl show rcomet.service -p "$1" --value; }
# Waits, half a minute at most, until this holds.
until_true() {
    for _ in $(seq 150); do
        "$@" >/dev/null 2>&1 && return
        sleep 0.2
    done
    echo "not so within half a minute: $*" >&2
    there journalctl -u rcomet --no-pager -n 30 >&2 || true
    return 1
}
not() {
    if "$@" >/dev/null 2>&1; then
        echo "should have failed: $*" >&2
        exit 1
    fi
}
is() { [ "$("${@:2}")" = "$1" ]; }
restarted() { [ "$(of NRestarts)" -ge "$1" ] && is active of ActiveState && there rcomet status; }

until_true there systemctl is-active day.target
echo "ok    systemd $(there systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p') is process 1"

there env DEBIAN_FRONTEND=noninteractive dpkg -i /opt/day/rcomet.deb >/dev/null 2>&1
is active of ActiveState
is enabled there systemctl is-enabled rcomet.service
not there systemctl is-active rcomet.socket
not there systemctl is-enabled rcomet.socket
there rcomet status | grep -q '127.0.0.1:8100 (front)'
echo "ok    the package starts the service, and the service only"

config=/etc/rcomet/rcomet.toml
there sed -i 's/^# file = /file = /' $config
there systemctl restart rcomet
there rcomet publish news one >/dev/null
cursor=$(there rcomet subscribe news --history all --count 1 --json | sed -n '/"message"/s/.*"cursor":"\([^"]*\)".*/\1/p')
there rcomet publish news two >/dev/null
there kill -KILL "$(of MainPID)"
until_true restarted 1
there timeout 20 rcomet subscribe news --since "$cursor" --count 1 --json >/tmp/rcomet-day.$$
grep -q '"seq":2' /tmp/rcomet-day.$$ && ! grep -q '"gap"' /tmp/rcomet-day.$$ && ! grep -q '"seq":1,' /tmp/rcomet-day.$$ || {
    cat /tmp/rcomet-day.$$ >&2
    exit 1
}
rm -f /tmp/rcomet-day.$$
echo "ok    killed, it is started again, and readers go on where they stood"

there mkdir -p /etc/systemd/system/rcomet.service.d
there sh -c 'printf "[Service]\nWatchdogSec=2\n" >/etc/systemd/system/rcomet.service.d/day.conf'
there systemctl daemon-reload
there systemctl restart rcomet
there kill -STOP "$(of MainPID)"
until_true restarted 1
there rm -r /etc/systemd/system/rcomet.service.d
there systemctl daemon-reload
echo "ok    stopped in its tracks, it is ended by the watchdog and started again"

before=$(of MainPID)
there systemctl reload rcomet
there sh -c "printf '\n[limits]\nhistory_messages_max = \"lots\"\n' >>$config"
not there systemctl reload rcomet
is active of ActiveState
is "$before" of MainPID
there sed -i 's/"lots"/200/' $config
there systemctl reload rcomet
echo "ok    systemctl reload, refused with a broken file and done with a good one"

there systemctl stop rcomet
is success of Result
if there test -e /lib/systemd/system/rcomet.socket || there cp /usr/share/doc/rcomet/examples/rcomet.socket /etc/systemd/system/; then
    there systemctl daemon-reload
    there systemctl start rcomet.socket
    until_true there curl -sf -o /dev/null http://127.0.0.1/healthz
    is active of ActiveState
    there systemctl stop rcomet.socket rcomet.service
    there rm -f /etc/systemd/system/rcomet.socket
    echo "ok    rcomet.socket starts it for the first who asks"
fi

there systemctl start rcomet
there env DEBIAN_FRONTEND=noninteractive dpkg -i /opt/day/rcomet.deb >/dev/null 2>&1
is active of ActiveState
there dpkg -P rcomet >/dev/null 2>&1
not there systemctl is-active rcomet.service
not there test -e /etc/rcomet
not there test -e /lib/systemd/system/rcomet.service
echo "ok    an upgrade leaves it running; purged, nothing runs and nothing is left"

# Debian's rpm knows nothing of Debian's packages, and so nothing of what this one needs.
rpm_there() { there rpm --force-debian --nodeps "$@" >/dev/null 2>&1; }
there mkdir -p /var/lib/rpm
rpm_there --ignorearch -i /opt/day/rcomet.rpm
is active of ActiveState
is enabled there systemctl is-enabled rcomet.service
not there systemctl is-active rcomet.socket
there rcomet status | grep -q '127.0.0.1:8100 (front)'
before=$(of MainPID)
there sh -c "printf '# mine\n' >>$config"
rpm_there --ignorearch -U --replacepkgs /opt/day/rcomet.rpm
is active of ActiveState
not is "$before" of MainPID
there grep -q '# mine' $config
rpm_there -e rcomet
not there systemctl is-active rcomet.service
not there test -e /usr/bin/rcomet
not there test -e /usr/lib/systemd/system/rcomet.service
there test -e $config.rpmsave
echo "ok    the rpm starts the service, an upgrade restarts it, and removed, nothing runs"
