#!/bin/sh
# The rpm with its own scripts, run by rpm: installed, upgraded, removed and installed again, in a copy of this machine that is thrown away
# (an overlay in a mount namespace of its own). systemctl there writes down what it is told. Takes root. Argument: the package.
set -eu

if [ "${1:-}" != inside ]; then
    package=$(realpath "$1")
    exec unshare --mount --propagation private sh "$(realpath "$0")" inside "$package"
fi

package=$2
mount -t tmpfs none /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work /mnt/root
root=/mnt/root
cp "$package" "$root/rcomet.rpm"
mkdir -p "$root/run/systemd/system" "$root/proc" "$root/var/lib/rpm"
# Where the system's own stands, or would.
rm -f "$root/usr/bin/systemctl" "$root/bin/systemctl"
printf '#!/bin/sh\necho "$*" >>/told\n' >"$root/usr/bin/systemctl"
chmod 755 "$root/usr/bin/systemctl"

inside() { chroot "$root" "$@"; }
rpm_there() { inside rpm --force-debian --nodeps "$@"; }
told() {
    said=$(cat "$root/told" 2>/dev/null || true)
    : >"$root/told"
    [ "$said" = "$2" ] || { printf 'on %s systemctl is told:\n%s\nand not:\n%s\n' "$1" "$said" "$2"; exit 1; }
    echo "ok    $1"
}

! inside getent passwd rcomet >/dev/null || { echo 'a user rcomet is there already'; exit 1; }
rpm_there --ignorearch -i /rcomet.rpm
inside getent passwd rcomet | grep -q 'nologin$' || { echo 'the user is missing, or can log in'; exit 1; }
inside getent group rcomet >/dev/null
inside rpm --force-debian -V --nodeps rcomet
inside /usr/bin/rcomet check-config /etc/rcomet/rcomet.toml >/dev/null
told 'rpm -i: the user is made, the service enabled and started' 'daemon-reload
enable --now rcomet.service'

echo '# mine' >>"$root/etc/rcomet/rcomet.toml"
rpm_there --ignorearch -U --replacepkgs /rcomet.rpm
grep -q '# mine' "$root/etc/rcomet/rcomet.toml" || { echo 'an upgrade has changed the configuration'; exit 1; }
told 'rpm -U: the configuration stays, the service is restarted' 'daemon-reload
daemon-reload
try-restart rcomet.service'

rpm_there -e rcomet
[ ! -e "$root/usr/bin/rcomet" ] && [ -e "$root/etc/rcomet/rcomet.toml.rpmsave" ]
told 'rpm -e: socket and service are stopped, a changed configuration is saved' 'disable --now rcomet.socket
disable --now rcomet.service
daemon-reload'

rpm_there --ignorearch -i /rcomet.rpm
told 'rpm -i again: the user is there already' 'daemon-reload
enable --now rcomet.service'
