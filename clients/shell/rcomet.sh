# rcomet for shells: publish, read, and subscribe with resume, with curl. One file to be sourced by any POSIX shell.
#
#     . ./rcomet.sh
#     rcomet_publish news 'disk full on web-3'
#     rcomet_subscribe news sport | rcomet_text
#
# RCOMET_ADMIN and RCOMET_FRONT say where the daemon is: an address (http://127.0.0.1:8000, http://127.0.0.1:8100), or a socket file
# (unix:/run/rcomet/admin.sock). RCOMET_TOKEN is the channel's token, where one is asked for; RCOMET_SECONDS (5) is how long an answer
# may take. Every function returns 0 when it worked, 1 when there is nothing, 2 when it was refused, 3 when nobody answers; what was
# wrong is on standard error.
#
# Licence: MIT.

# rcomet_publish CHANNEL [TEXT]: publishes TEXT, or what stands on standard input.
rcomet_publish() {
    if [ $# -gt 1 ]; then printf %s "$2"; else cat; fi |
        _rcomet_ask "${RCOMET_ADMIN:-http://127.0.0.1:8000}" /push \
            --data-urlencode "cname=$1" --data-urlencode content@- >/dev/null
}

# rcomet_history CHANNEL [LIMIT]: prints the newest messages that are kept, the oldest of them first: one JSON object a line.
rcomet_history() {
    _rcomet_said=$(_rcomet_ask "${RCOMET_FRONT:-http://127.0.0.1:8100}" /history -G \
        --data-urlencode "channel=$1" --data-urlencode "limit=${2:-100}" </dev/null) || return
    case $_rcomet_said in
    *'"messages":['*'],"cursor":'*) ;;
    *)
        printf 'rcomet: what answers is not rcomet\n' >&2
        return 2
        ;;
    esac
    # A quote within a string is escaped, so these marks stand nowhere else.
    printf '%s\n' "$_rcomet_said" | LC_ALL=C awk '{
        sub(/^.*"messages":\[/, "")
        sub(/\],"cursor":.*$/, "")
        gsub(/},{"seq":/, "}\n{\"seq\":")
        if ($0 != "") print
    }'
}

# rcomet_read CHANNEL: prints the text of the latest message and a line's end; 1 when none is kept.
rcomet_read() {
    _rcomet_last=$(rcomet_history "$1" 1) || return
    [ -n "$_rcomet_last" ] || return 1
    printf '%s\n' "$_rcomet_last" | rcomet_text
}

# rcomet_subscribe CHANNEL...: prints what happens in the channels, one JSON object a line, and comes back by itself behind the last
# line that it printed, until nobody reads it any more. Begins with what is new; with RCOMET_HISTORY=N, with so many of the newest.
rcomet_subscribe() (
    for channel; do
        set -- "$@" --data-urlencode "channel=$channel"
        shift
    done
    cursor=
    wait=1
    exec 4>&1
    while :; do
        from=${cursor:+"cursor=$cursor"}
        before=$cursor
        # The loop's own output is where it stands; what is heard goes past it.
        cursor=$(
            _rcomet_curl "${RCOMET_FRONT:-http://127.0.0.1:8100}" /events -sSNG --speed-limit 1 --speed-time 90 \
                -H 'Accept: application/x-ndjson' "$@" --data "${from:-history=${RCOMET_HISTORY:-0}}" </dev/null |
                {
                    while IFS= read -r event || [ -n "$event" ]; do
                        case $event in
                        *'"type":"about:blank"'*'"status":4'[01]* | *'"type":"about:blank"'*'"status":42'[0-8]*)
                            printf 'rcomet: refused: %s\n' "$event" >&2
                            exit 2
                            ;;
                        '{"type":"'*'}') ;;
                        *) continue ;; # cut off in the middle, or a proxy's page
                        esac
                        case $event in
                        *'"cursor":"'*)
                            cursor=${event#*'"cursor":"'}
                            cursor=${cursor%%'"'*}
                            ;;
                        esac
                        case $event in
                        '{"type":"ready"'* | '{"type":"alive"'* | '{"type":"about:blank"'*) ;;
                        *) printf '%s\n' "$event" 2>/dev/null >&4 || exit 9 ;;
                        esac
                    done
                    printf %s "$cursor"
                }
        )
        case $? in
        2) exit 2 ;;
        9 | 141 | 269) exit 0 ;; # nobody reads: the write failed, or SIGPIPE ended it, as most shells and as ksh count
        esac
        if [ "$cursor" != "$before" ]; then wait=1; else wait=$((wait < 16 ? wait * 2 : 30)); fi
        sleep "$wait"
    done
)

# rcomet_text: reads objects, one a line, and prints the text of those that are messages, each as it comes.
rcomet_text() (
    # mawk fills a block before it looks at the first line, unless it is told that somebody waits; others know no such word.
    case $(awk -W version 2>/dev/null </dev/null) in
    mawk*) set -- -W interactive ;;
    *) set -- ;;
    esac
    LC_ALL=C awk "$@" '
        function hex(digits, n, i) {
            n = 0
            for (i = 1; i <= 4; i++) n = n * 16 + index("0123456789abcdef", tolower(substr(digits, i, 1))) - 1
            return n
        }
        function utf8(n) {
            if (n < 128) return sprintf("%c", n)
            if (n < 2048) return sprintf("%c%c", 192 + int(n / 64), 128 + n % 64)
            if (n < 65536) return sprintf("%c%c%c", 224 + int(n / 4096), 128 + int(n / 64) % 64, 128 + n % 64)
            return sprintf("%c%c%c%c", 240 + int(n / 262144), 128 + int(n / 4096) % 64, 128 + int(n / 64) % 64, 128 + n % 64)
        }
        {
            at = index($0, "\"data\":\"")
            if (!at) next
            rest = substr($0, at + 8)
            while (match(rest, /["\\]/)) {
                printf "%s", substr(rest, 1, RSTART - 1)
                mark = substr(rest, RSTART, 2)
                if (substr(mark, 1, 1) == "\"") break
                rest = substr(rest, RSTART + 2)
                letter = substr(mark, 2)
                if (letter == "u") {
                    n = hex(substr(rest, 1, 4))
                    rest = substr(rest, 5)
                    if (n >= 55296 && n < 56320 && substr(rest, 1, 2) == "\\u") {
                        n = 65536 + (n - 55296) * 1024 + hex(substr(rest, 3, 4)) - 56320
                        rest = substr(rest, 7)
                    }
                    printf "%s", utf8(n)
                } else if (letter == "n") printf "\n"
                else if (letter == "t") printf "\t"
                else if (letter == "r") printf "\r"
                else if (letter == "b") printf "\b"
                else if (letter == "f") printf "\f"
                else printf "%s", letter
            }
            print ""
            fflush()
        }'
)

# One request: its answer on standard output, or why there is none.
_rcomet_ask() {
    _rcomet_path=$2
    _rcomet_answer=$(_rcomet_curl "$@" -sS -m "${RCOMET_SECONDS:-5}" -w '\n%{http_code}') || {
        printf 'rcomet: no answer at %s\n' "$1" >&2
        return 3
    }
    _rcomet_code=${_rcomet_answer##*"
"}
    _rcomet_answer=${_rcomet_answer%"
"*}
    case $_rcomet_code:$_rcomet_path:$_rcomet_answer in
    404:/history:'{"type":"about:blank"'*) printf '{"messages":[],"cursor":null}\n' ;; # nobody has said anything there
    2*)
        printf '%s\n' "$_rcomet_answer"
        ;;
    *)
        printf 'rcomet: refused (%s): %s\n' "$_rcomet_code" "$_rcomet_answer" >&2
        return 2
        ;;
    esac
}

# curl with an address of ours. The token goes by a descriptor: a command line is for everybody to see.
_rcomet_curl() {
    _rcomet_at=$1
    _rcomet_path=$2
    shift 2
    case $_rcomet_at in
    unix:*)
        set -- --unix-socket "${_rcomet_at#unix:}" "$@"
        _rcomet_at=http://localhost
        ;;
    esac
    _rcomet_line=${RCOMET_TOKEN:+"header = \"Authorization: Bearer $RCOMET_TOKEN\""}
    curl --connect-timeout "${RCOMET_SECONDS:-5}" -K /dev/fd/9 "${_rcomet_at%/}$_rcomet_path" "$@" 9<<CONFIG
$_rcomet_line
CONFIG
}
