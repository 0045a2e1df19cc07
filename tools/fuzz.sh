#!/bin/sh
# Run each fuzzer of build-fuzz for some seconds (0: until interrupted), from the seeds in
# fuzz/corpus/NAME and the dictionary fuzz/NAME.dict, where there are any. New inputs are kept in
# build-fuzz/corpus/NAME, and what breaks a fuzzer in build-fuzz/crash/.
#
#     tools/fuzz.sh SECONDS [NAME...]        prints "fuzz: NAME passed" or "fuzz: NAME failed"
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-60}
[ $# -eq 0 ] || shift

if [ ! -f build-fuzz/build.ninja ]; then
    # The code under test is instrumented, the fuzzers are linked with libFuzzer (fuzz/meson.build).
    # Warnings are GCC's business: the two compilers do not agree on them.
    CC=clang-14 meson setup build-fuzz -Dfuzz=true -Dwerror=false -Doptimization=1 -Ddebug=true \
        -Db_sanitize=address,undefined -Db_lundef=false \
        -Dc_args='-fsanitize=fuzzer-no-link -fno-sanitize-recover=all -fno-omit-frame-pointer' \
        -Dc_link_args=-fsanitize=fuzzer-no-link
fi
ninja -C build-fuzz

names=$*
if [ -z "$names" ]; then
    for source in fuzz/fuzz_*.c; do
        name=${source#fuzz/fuzz_}
        names="$names ${name%.c}"
    done
fi
mkdir -p build-fuzz/crash
failed=0
for name in $names; do
    fuzzer=build-fuzz/fuzz/fuzz_$name
    if [ ! -x "$fuzzer" ]; then
        echo "fuzz: $name failed: there is no $fuzzer"
        failed=1
        continue
    fi
    mkdir -p "build-fuzz/corpus/$name"
    set -- "build-fuzz/corpus/$name"
    [ ! -d "fuzz/corpus/$name" ] || set -- "$@" "fuzz/corpus/$name"
    [ ! -f "fuzz/$name.dict" ] || set -- "$@" "-dict=fuzz/$name.dict"
    if "$fuzzer" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
        -artifact_prefix="build-fuzz/crash/$name-" "$@"; then
        echo "fuzz: $name passed"
    else
        echo "fuzz: $name failed"
        failed=1
    fi
done
exit $failed
