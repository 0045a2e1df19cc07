#!/bin/sh
# Everything that has to hold: `make check`. Steps run one after the other, all of them whatever
# becomes of one; each leaves its output in build/check/STEP.log. The last line is
# "N passed, N failed", summed over the single tests of all steps; the exit status is 1 when one
# failed.
#
#     tools/check.sh [STEP...]       some steps only: format tidy layers asan release fuzz
#                                    end-to-end end-to-end-asan run cost
#     FUZZ_TIME=10                   seconds for each fuzzer
set -u
cd "$(dirname "$0")/.."
export PYTHONDONTWRITEBYTECODE=1 LC_ALL=C.UTF-8
out=build/check
python=/usr/bin/python3
jobs=$(nproc)
mkdir -p "$out"
export BUILD=build

all='format tidy layers asan release fuzz end-to-end end-to-end-asan run cost'
steps=${*:-$all}
for step in $steps; do
    case " $all " in
    *" $step "*) ;;
    *) echo "check: there is no step $step; they are: $all" >&2; exit 64 ;;
    esac
done

# one NAME COMMAND...: a command that is a single test.
one() {
    name=$1
    shift
    if "$@"; then
        echo "check: $name passed"
    else
        echo "check: $name failed"
        return 1
    fi
}

# unit DIR: the tests of a build, each TAP line a test.
unit() {
    rm -f "$1/meson-logs/testlog.junit.xml"
    meson test -C "$1" --print-errorlogs --num-processes "$jobs"
    status=$?
    cp "$1/meson-logs/testlog.junit.xml" "$out/$step.xml" || return 1
    return $status
}

# A step's results are in $out/STEP.xml where it writes that, else in the lines of its log.

step_format() { one format tools/lint.sh format; }

step_tidy() {
    tools/build.sh build && one tidy tools/lint.sh tidy
}

step_layers() { $python tests/layers.py --junit "$out/layers.xml"; }

step_asan() {
    tools/build.sh build-asan -Db_sanitize=address,undefined -Db_lundef=false -Doptimization=1 \
        -Dc_args='-fno-omit-frame-pointer -fno-sanitize-recover=all' && unit build-asan
}

step_release() { tools/build.sh build && unit build; }

step_fuzz() { tools/fuzz.sh "${FUZZ_TIME:-10}"; }

# pytest ARGUMENTS...: each test counts.
pytest() {
    $python -m pytest -q -p no:cacheprovider --junit-xml="$out/$step.xml" "$@"
}

step_end_to_end() { pytest tests/e2e; }

# The same under the sanitizers, with one of the servers and without the smuggling corpus, which
# the golden sessions have as well: to the gateway's memory all servers are one. A report makes the
# daemon end with a status that the tests refuse. Freed memory is not kept for long: there are tests
# that watch the memory that is held.
step_end_to_end_asan() {
    EHLOGATE=$PWD/build-asan/ehlogate ASAN_OPTIONS=quarantine_size_mb=1 \
        pytest tests/e2e --ignore=tests/e2e/test_smuggling.py -k 'not exim and not opensmtpd'
}

step_run() { pytest tests/test_run.py; }

step_cost() { one cost $python bench/callgrind.py; }

total_passed=0
total_failed=0
for step in $steps; do
    log=$out/$step.log
    rm -f "$out/$step.xml"
    printf '%-16s ' "$step"
    begin=$(date +%s)
    "step_$(echo "$step" | tr - _)" >"$log" 2>&1
    status=$?
    seconds=$(($(date +%s) - begin))
    result=$log
    [ ! -f "$out/$step.xml" ] || result=$out/$step.xml
    counts=$($python tools/tally.py "$result" 2>"$out/$step.failures")
    passed=${counts% *}
    failed=${counts#* }
    # A step that says it failed has failed, whatever its result file says.
    [ $status -eq 0 ] || [ "$failed" -gt 0 ] || failed=1
    total_passed=$((total_passed + passed))
    total_failed=$((total_failed + failed))
    printf '%5d passed %4d failed %5d s\n' "$passed" "$failed" "$seconds"
    if [ "$failed" -gt 0 ]; then
        cat "$out/$step.failures"
        echo "--- the end of $log:"
        tail -n 40 "$log"
        echo "---"
    fi
done
echo "$total_passed passed, $total_failed failed"
[ "$total_failed" -eq 0 ]
