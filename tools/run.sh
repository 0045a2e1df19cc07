#!/bin/sh
# A first trial: the gateway with every profile, each on a port of its own, before a mail server
# that takes everything (`ehlogate sink`). Runs in the foreground; Ctrl-C ends all of it.
#
#     PORT=2525          the first of six ports (default: 2525, or the next six that are free)
#     PROFILE=esmtp      the profile on the first of them
set -eu
cd "$(dirname "$0")/.."
BUILD=${BUILD:-build}
PROFILE=${PROFILE:-esmtp}
known='esmtp rfc821 pix-mailguard pix-mailguard-4.4 asa-esmtp observe'
sink= gateway= follow=

die() {
    echo "run: $*" >&2
    exit 1
}

# The process $1 is asked to end, then told, and has ended when this returns.
finish() {
    [ -n "$1" ] || return 0
    for signal in TERM TERM KILL; do
        kill -"$signal" "$1" 2>/dev/null || break
        tries=0
        while [ $tries -lt 30 ] && kill -0 "$1" 2>/dev/null; do
            sleep 0.1
            tries=$((tries + 1))
        done
    done
    wait "$1" 2>/dev/null || true
}

cleanup() {
    trap '' INT TERM HUP
    trap - EXIT
    finish "$gateway"
    finish "$sink"
    finish "$follow"
    finish "${!:-}" # one of them, where the signal came before its number was kept
}

# await PROCESS LOG: wait for the line with "ready: ".
await() {
    tries=0
    while ! grep -q 'ready: ' "$2"; do
        kill -0 "$1" 2>/dev/null && [ $tries -lt 200 ] || die "$2 says:
$(cat "$2")"
        sleep 0.05
        tries=$((tries + 1))
    done
}

# The first of six loopback ports that are free: $PORT where it is given.
first_port() {
    python3 - "${PORT:-}" <<'PYTHON'
import socket, sys

def busy(first):
    for port in range(first, first + 6):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                return f"port {port}: {error.strerror}"
    return None

if sys.argv[1]:
    if not sys.argv[1].isdecimal() or not 0 < int(sys.argv[1]) <= 65530:
        sys.exit(f"run: PORT={sys.argv[1]} is not a port up to 65530")
    if (why := busy(int(sys.argv[1]))):
        sys.exit(f"run: PORT={sys.argv[1]} and the five ports behind it are needed; {why}")
    print(sys.argv[1])
else:
    free = next((first for first in range(2525, 65500, 10) if not busy(first)), None)
    if free is None:
        sys.exit("run: there are no six free ports in a row; set PORT=")
    print(free)
PYTHON
}

# What one will see through profile $1.
promise() {
    case $1 in
    esmtp) echo 'ESMTP works; the banner hides the product, dangerous commands are refused' ;;
    rfc821) echo 'EHLO is refused with 502 and swaks falls back to HELO: no extension is left' ;;
    pix-mailguard) echo 'of the banner 2, 0 and spaces are left; EHLO would arrive as NOOP, so: HELO' ;;
    pix-mailguard-4.4) echo 'the same, and not even the spaces of the banner are left' ;;
    asa-esmtp) echo 'the banner is masked; CHUNKING and others are XXX...A in the EHLO reply' ;;
    observe) echo 'nothing is changed; what is irregular is logged below' ;;
    esac
}

# Options of swaks that profile $1 asks for.
options() {
    case $1 in
    pix-*) echo ' --protocol SMTP' ;;
    esac
}

profiles=$PROFILE
case " $known " in
*" $PROFILE "*) ;;
*) die "PROFILE=$PROFILE is not a profile; they are: $known" ;;
esac
for profile in $known; do
    [ "$profile" = "$PROFILE" ] || profiles="$profiles $profile"
done

port=$(first_port)
# A second one beside the first has files of its own.
dir=$BUILD/run
[ "$port" = 2525 ] || dir=$BUILD/run-$port
mkdir -p "$dir"
: >"$dir/sink.log"
: >"$dir/gateway.log"
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

"$BUILD/ehlogate" sink --listen 127.0.0.1:0 --hostname sink.example.test \
    --maildir "$dir/Maildir" 2>"$dir/sink.log" &
sink=$!
await $sink "$dir/sink.log"
backend=$(sed -n 's/.*ready: sink=//p' "$dir/sink.log")

{
    echo '# Written by `make run`: one listener for each profile, all before one server.'
    echo 'backend sink {'
    echo "    server $backend"
    echo '}'
    number=$port
    for profile in $profiles; do
        echo "listener $profile {"
        echo "    listen 127.0.0.1:$number"
        echo '    backend sink'
        echo "    policy $profile"
        echo '}'
        echo "policy $profile {"
        echo "    profile $profile"
        echo '}'
        number=$((number + 1))
    done
} >"$dir/ehlogate.conf"

"$BUILD/ehlogate" serve -c "$dir/ehlogate.conf" 2>"$dir/gateway.log" &
gateway=$!
await $gateway "$dir/gateway.log"

echo
echo "The gateway is at 127.0.0.1:$port ($PROFILE), before a mail server at $backend."
echo "In another terminal, send a message through each profile:"
number=$port
for profile in $profiles; do
    echo
    echo "  # $profile: $(promise "$profile")"
    echo "  swaks --server 127.0.0.1:$number --from me@example.test --to you@example.test" \
        "--header 'Subject: through $profile'$(options "$profile")"
    number=$((number + 1))
done
echo
echo "The mail that arrived:     ls $dir/Maildir/new"
echo "What a profile stands for: $BUILD/ehlogate profiles pix-mailguard"
echo "What it costs senders:     $BUILD/ehlogate check -c $dir/ehlogate.conf"
echo "The configuration:         $dir/ehlogate.conf"
echo "The mail server's log:     $dir/sink.log"
echo
echo "The gateway's log follows; Ctrl-C ends everything."
tail -n +1 -f "$dir/gateway.log" &
follow=$!
wait $gateway || die "the gateway has ended by itself"
