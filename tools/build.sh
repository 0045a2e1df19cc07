#!/bin/sh
# Configure a build directory on first use, and build it.
#
#     tools/build.sh DIR [MESON-OPTION...]
set -eu
cd "$(dirname "$0")/.."
dir=$1
shift
command -v meson >/dev/null || {
    echo 'build: Meson is missing: run "make deps" first' >&2
    exit 1
}
[ -f "$dir/build.ninja" ] || meson setup "$dir" "$@"
ninja -C "$dir"
