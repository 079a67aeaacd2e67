#!/usr/bin/env bash
# Runs nginx, HAProxy, Caddy and Apache with the configurations that docs/operations.md shows, and goes through each by every way of listening.
# Installs what is missing from the system's packages; a proxy that they do not have is left out, and said to be.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/tools.sh nginx=nginx node=nodejs npm=npm openssl=openssl curl=curl
for proxy in haproxy=haproxy caddy=caddy apache2=apache2-bin; do scripts/tools.sh "$proxy" || true; done
scripts/npm.sh tests/browser
[ -n "${RCOMET:-}" ] || cargo build --quiet --locked

work=$(mktemp -d)
chmod 755 "$work"
pids=()
finish() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    rm -rf "$work"
}
trap finish EXIT

# Apache notices who has left when the next sign of life cannot be delivered: here sooner than every 30 seconds.
printf '[server]\nunix_mode = "666"\nsimple_comet = ["unix:%s"]\n[simple_comet]\npublish = true\n[icomet]\npolling_timeout_ms = 8000\n' "$work/comet.sock" >"$work/rcomet.toml"
RCOMET_CONTROL=$work/control.sock "${RCOMET:-target/debug/rcomet}" run --config "$work/rcomet.toml" --front 127.0.0.1:0 --front "unix:$work/front.sock" \
    --admin 127.0.0.1:0 2>"$work/log" &
pids+=($!)
address() { sed -n "s/.*listening $1 \([0-9]\)/\1/p" "$work/log" | head -n 1; }
for _ in $(seq 600); do
    [ -n "$(address front)" ] && [ -n "$(address admin)" ] && break
    sleep 0.1
done
[ -n "$(address admin)" ] || { cat "$work/log" >&2; exit 1; }

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost \
    -keyout "$work/key" -out "$work/cert" 2>/dev/null
cat "$work/cert" "$work/key" >"$work/both"

# A port that nobody listens on, below those that systems give to whoever asks for any: nobody takes it until the proxy does.
port() {
    node -e '(function tries() {
        const s = require("net").createServer().on("error", tries);
        s.listen(20000 + Math.floor(Math.random() * 12000), "127.0.0.1", () => { console.log(s.address().port); s.close(); });
    })()'
}
# The page's block of a language, with this machine's places instead of the example's.
shown() {
    awk -v from="\`\`\`$1" '$0 == from { on = 1; next } $0 == "```" { on = 0 } on' docs/operations.md |
        sed -e "s|127\.0\.0\.1:8100|$(address front)|" -e "s|/etc/ssl/push.example.org.pem|$work/${2:-cert}|" \
            -e "s|/etc/ssl/push.example.org.key|$work/key|"
}
through() {
    echo "$1:"
    for _ in $(seq 600); do
        curl -sko /dev/null "$2/readyz" && break
        sleep 0.1
    done
    NODE_TLS_REJECT_UNAUTHORIZED=0 node --no-warnings tests/proxies/paths.mjs "$2" "http://$(address admin)"
}

# nginx with the servers that come in by standard input, in a folder of this name.
start_nginx() {
    local folder=$work/$1
    mkdir "$folder"
    {
        echo "daemon off; worker_processes 1; pid $folder/pid; error_log $folder/error.log;"
        echo "events { worker_connections 256; }"
        echo "http { access_log off; client_body_temp_path $folder/a; proxy_temp_path $folder/b; fastcgi_temp_path $folder/c;"
        echo "uwsgi_temp_path $folder/d; scgi_temp_path $folder/e;"
        cat
        echo "}"
    } >"$folder.conf"
    nginx -p "$folder" -c "$folder.conf" -e "$folder/error.log" &
    pids+=($!)
}
# nginx with the page's block, after an edit by sed, in a folder of this name.
run_nginx() {
    local at=$1
    start_nginx "$2" < <(shown nginx | sed -e "s|listen 443 |listen 127.0.0.1:$at |" -e "$3")
    grep -q "listen 127.0.0.1:$at ssl http2" "$work/$2.conf"
}
at=$(port)
run_nginx "$at" nginx ''
through nginx "https://127.0.0.1:$at"
[ "$(curl -sk --http2 -o /dev/null -w '%{http_version}' "https://127.0.0.1:$at/healthz")" = 2 ]
echo "ok    HTTP/2"

at=$(port)
run_nginx "$at" nginx-unix "s|^    server [^;]*;|    server unix:$work/front.sock;|"
grep -q "server unix:" "$work/nginx-unix.conf"
through "nginx by a socket file" "https://127.0.0.1:$at"

# The location that docs/simple-comet.md shows, and docs/migrating.md too, before the socket of Simple Comet's dialect.
location() { awk '$0 == "```nginx" { on = 1; next } $0 == "```" { on = 0 } on' "$1"; }
[ "$(location docs/simple-comet.md)" = "$(location docs/migrating.md)" ]
at=$(port)
start_nginx nginx-comet < <(
    echo "server { listen 127.0.0.1:$at;"
    location docs/simple-comet.md | sed "s|unix:/run/rcomet/comet.sock:|unix:$work/comet.sock:|"
    echo "}"
)
grep -q "proxy_pass http://unix:$work/comet.sock:/channels/;" "$work/nginx-comet.conf"
echo "nginx before server.simple_comet:"
for _ in $(seq 600); do
    curl -so /dev/null "http://127.0.0.1:$at/" && break
    sleep 0.1
done
node --no-warnings tests/proxies/simple_comet.mjs "http://127.0.0.1:$at" "$work/comet.sock"

if command -v haproxy >/dev/null 2>&1; then
    at=$(port)
    shown haproxy both | sed -e "s|bind :443 |bind 127.0.0.1:$at |" -e "s|maxconn 50000|maxconn 200|" >"$work/haproxy.cfg"
    haproxy -q -db -f "$work/haproxy.cfg" &
    pids+=($!)
    through HAProxy "https://127.0.0.1:$at"
else
    echo "HAProxy: not installed, not tested"
fi

if command -v caddy >/dev/null 2>&1; then
    at=$(port)
    {
        printf '{\n\tadmin off\n\tauto_https off\n}\n'
        shown caddyfile | sed "s|^push.example.org|http://127.0.0.1:$at|"
    } >"$work/Caddyfile"
    XDG_DATA_HOME=$work XDG_CONFIG_HOME=$work caddy run --config "$work/Caddyfile" --adapter caddyfile >"$work/caddy.log" 2>&1 &
    pids+=($!)
    through Caddy "http://127.0.0.1:$at"
else
    echo "Caddy: not installed, not tested"
fi

# Where Debian has Apache's modules; no configuration of the system's is read.
modules=/usr/lib/apache2/modules
if command -v apache2 >/dev/null 2>&1 && [ -e "$modules/mod_proxy_http.so" ]; then
    run_apache() {
        local at=$1 folder=$work/$2 module
        mkdir "$folder"
        {
            echo "ServerRoot $folder"
            echo "PidFile $folder/pid"
            echo "ErrorLog $folder/error.log"
            echo "DefaultRuntimeDir $folder"
            echo "ServerName localhost"
            echo "Listen 127.0.0.1:$at"
            [ "$(id -u)" != 0 ] || printf 'User www-data\nGroup www-data\n'
            for module in mpm_event authz_core socache_shmcb ssl proxy proxy_http; do
                echo "LoadModule ${module}_module $modules/mod_$module.so"
            done
            shown apache | sed -e "s|\*:443>|127.0.0.1:$at>|" -e "$3"
        } >"$folder.conf"
        apache2 -f "$folder.conf" -D FOREGROUND &
        pids+=($!)
    }
    at=$(port)
    run_apache "$at" apache ''
    through Apache "https://127.0.0.1:$at"
    at=$(port)
    run_apache "$at" apache-unix "s#\"http://[^\"]*\"#\"unix:$work/front.sock|http://localhost/\"#"
    grep -q 'ProxyPass / "unix:' "$work/apache-unix.conf"
    through "Apache by a socket file" "https://127.0.0.1:$at"
else
    echo "Apache: not installed, not tested"
fi
