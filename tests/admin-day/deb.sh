#!/bin/sh
# The Debian package with its own scripts, run by dpkg: installed, upgraded, removed and purged, in a copy of this machine that is thrown
# away (an overlay in a mount namespace of its own). systemctl there writes down what it is told. Takes root. Argument: the package.
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
cp "$package" "$root/rcomet.deb"
mkdir -p "$root/run/systemd/system" "$root/proc"
# Where the system's own stands, or would. A unit is enabled where there is a link for it, and active once it was started; questions are
# answered, orders written down.
rm -f "$root/usr/bin/systemctl" "$root/bin/systemctl"
cat >"$root/usr/bin/systemctl" <<'END'
#!/bin/sh
order=
for word; do case $word in -- | --system | --quiet | --root=* | --preset-mode=*) ;; *) order="$order $word" ;; esac done
set -- $order
links=/etc/systemd/system
case $1 in
is-enabled) ls "$links"/*.wants/"$2" >/dev/null 2>&1 && echo enabled || { echo disabled; exit 1; } ;;
is-active) [ -e /active ] ;;
preset)
    for target in $(sed -n 's/^WantedBy=//p' "/usr/lib/systemd/system/$2"); do
        mkdir -p "$links/$target.wants" && ln -sf "/usr/lib/systemd/system/$2" "$links/$target.wants/$2"
    done
    ;;
start | restart) echo "$*" >>/told && : >/active ;;
stop) echo "$*" >>/told && rm -f /active ;;
*) echo "$*" >>/told ;;
esac
END
# On many containers this one says that nothing is to be started.
printf '#!/bin/sh\nexit 0\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/bin/systemctl" "$root/usr/sbin/policy-rc.d"

inside() { chroot "$root" "$@"; }
dpkg_there() { inside dpkg --force-depends "$@" >/mnt/said 2>&1 || { cat /mnt/said; exit 1; }; }
# What systemctl was told, and which units are enabled now.
told() {
    said=$(cat "$root/told" 2>/dev/null || true)
    : >"$root/told"
    [ "$said" = "$2" ] || { printf 'on %s systemctl is told:\n%s\nand not:\n%s\n' "$1" "$said" "$2"; exit 1; }
    enabled=$(cd "$root/etc/systemd/system" && find . -name 'rcomet*' | sort | tr '\n' ' ')
    [ "$enabled" = "$3" ] || { printf 'after %s this is enabled:\n%s\nand not:\n%s\n' "$1" "$enabled" "$3"; exit 1; }
    echo "ok    $1"
}
service='./multi-user.target.wants/rcomet.service '

! inside getent passwd rcomet >/dev/null || { echo 'a user rcomet is there already'; exit 1; }
dpkg_there -i /rcomet.deb
inside getent passwd rcomet | grep -q 'nologin$' || { echo 'the user is missing, or can log in'; exit 1; }
inside test -e /usr/lib/systemd/system/rcomet.socket || { echo 'rcomet.socket is missing'; exit 1; }
# A page leads to its neighbours and to the example by the links that it has in the sources.
doc=/usr/share/doc/rcomet
for page in README.md CHANGELOG.md changelog.Debian.gz copyright rcomet.example.toml docs/operations.md docs/control.md docs/openapi.yaml clients/php/README.md; do
    inside test -e "$doc/$page" || { echo "$doc/$page is missing"; exit 1; }
done
told 'dpkg -i: the service is enabled and started, and nothing else' 'daemon-reload
start rcomet.service' "$service"

echo '# mine' >>"$root/etc/rcomet/rcomet.toml"
dpkg_there -i /rcomet.deb
grep -q '# mine' "$root/etc/rcomet/rcomet.toml" || { echo 'an upgrade has changed the configuration'; exit 1; }
told 'dpkg -i again: the configuration stays, the service is restarted' 'daemon-reload
daemon-reload
restart rcomet.service' "$service"

# Who has disabled the service has it disabled after an upgrade.
inside rm /etc/systemd/system/multi-user.target.wants/rcomet.service /active
dpkg_there -i /rcomet.deb
told 'an upgrade leaves a disabled service disabled, and does not start it' 'daemon-reload
daemon-reload' ''

dpkg_there -r rcomet
inside test -e /etc/rcomet/rcomet.toml || { echo 'removing has taken the configuration'; exit 1; }
told 'dpkg -r: socket and service are stopped' 'disable --now rcomet.socket
stop rcomet.service
daemon-reload
daemon-reload' './rcomet.service '

dpkg_there -P rcomet
! inside getent passwd rcomet >/dev/null || { echo 'purging has left the user'; exit 1; }
! inside test -e /etc/rcomet || { echo 'purging has left the configuration'; exit 1; }
told 'dpkg -P: nothing is left' 'daemon-reload
daemon-reload' ''

dpkg_there -i /rcomet.deb
told 'dpkg -i anew: enabled and started as the first time' 'daemon-reload
start rcomet.service' "$service"
