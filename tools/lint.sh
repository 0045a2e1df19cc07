#!/bin/sh
# clang-format over all C sources and clang-tidy over src/ (generated files aside).
#
#     tools/lint.sh [format|tidy]        both by default
set -eu
cd "$(dirname "$0")/.."
BUILD=${BUILD:-build}

format() {
    find src tests bench fuzz -name '*.[ch]' -print0 | xargs -0 clang-format-14 --dry-run -Werror
}

# Each file by itself, as many at once as there are processors. GCC's options that Clang does not
# know are in the compilation database and are not its business.
tidy() {
    find src -name '*.c' -print0 | BUILD=$BUILD xargs -0 -n 1 -P "$(nproc)" sh -c '
        output=$(clang-tidy-14 --quiet -p "$BUILD" --extra-arg=-Wno-unknown-warning-option "$1" 2>&1)
        status=$?
        printf "%s\n" "$output" | grep -Ev "^([0-9]+ warnings? generated\.)?$"
        exit $status' tidy
}

for job in ${1:-format tidy}; do
    "$job"
done
