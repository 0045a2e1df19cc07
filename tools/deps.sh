#!/bin/sh
# Install the Debian packages that the named sections of tools/packages.txt list and that are
# missing ("test" also takes tests/e2e/deps.txt). Asks apt for nothing when nothing is missing.
#
#     tools/deps.sh build run test
set -eu
cd "$(dirname "$0")/.."

die() {
    echo "deps: $*" >&2
    exit 1
}

# The packages of section $1.
section() {
    awk -v want="[$1]" '
        /^#/ || NF == 0 { next }
        /^\[/ { inside = ($0 == want); found = found || inside; next }
        inside { print }
        END { exit !found }' tools/packages.txt || die "no section [$1] in tools/packages.txt"
    if [ "$1" = test ]; then
        grep -v '^#' tests/e2e/deps.txt
    fi
}

wanted=$(for name in "$@"; do section "$name" || exit 1; done) || exit 1
wanted=$(echo "$wanted" | sort -u)
missing=
for package in $wanted; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || status=
    [ "$status" = installed ] || missing="$missing $package"
done

# The end-to-end tests download mail servers by apt-get, which needs the package lists.
lists_missing=false
case " $* " in
*" test "*) apt-cache policy postfix | grep -q 'Candidate: [0-9]' || lists_missing=true ;;
esac

if [ -z "$missing" ] && ! $lists_missing; then
    exit 0
fi
if [ "$(id -u)" != 0 ]; then
    [ -z "$missing" ] || die "missing packages; as root, run: apt-get install$missing"
    die "the package lists are missing; as root, run: apt-get update"
fi
export DEBIAN_FRONTEND=noninteractive
echo "deps: installing${missing:- the package lists}"
apt-get -qq update
if [ -n "$missing" ]; then
    # shellcheck disable=SC2086 # a list of words
    apt-get -qq install --no-install-recommends $missing >/dev/null
fi
