#!/usr/bin/env bash
# Runs nginx, HAProxy and Caddy with the configurations that docs/operations.md shows, and goes through each by every way of listening.
# Installs what is missing from the system's packages; a proxy that they do not have is left out, and said to be.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/tools.sh nginx=nginx node=nodejs npm=npm openssl=openssl curl=curl
for proxy in haproxy caddy; do scripts/tools.sh "$proxy=$proxy" || true; done
scripts/npm.sh tests/browser
cargo build --quiet --locked

work=$(mktemp -d)
chmod 755 "$work"
pids=()
finish() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    rm -rf "$work"
}
trap finish EXIT

RCOMET_CONTROL=$work/control.sock target/debug/rcomet run --front 127.0.0.1:0 --admin 127.0.0.1:0 2>"$work/log" &
pids+=($!)
address() { sed -n "s/.*listening $1 //p" "$work/log" | head -n 1; }
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

at=$(port)
mkdir "$work/nginx"
{
    echo "daemon off; worker_processes 1; pid $work/nginx/pid; error_log $work/nginx/error.log;"
    echo "events { worker_connections 256; }"
    echo "http { access_log off; client_body_temp_path $work/nginx/a; proxy_temp_path $work/nginx/b; fastcgi_temp_path $work/nginx/c;"
    echo "uwsgi_temp_path $work/nginx/d; scgi_temp_path $work/nginx/e;"
    shown nginx | sed "s|listen 443 |listen 127.0.0.1:$at |"
    echo "}"
} >"$work/nginx.conf"
grep -q "listen 127.0.0.1:$at ssl http2" "$work/nginx.conf"
nginx -p "$work/nginx" -c "$work/nginx.conf" -e "$work/nginx/error.log" &
pids+=($!)
through nginx "https://127.0.0.1:$at"
[ "$(curl -sk --http2 -o /dev/null -w '%{http_version}' "https://127.0.0.1:$at/healthz")" = 2 ]
echo "ok    HTTP/2"

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
