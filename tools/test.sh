#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: test.sh BUILD quick|long
# Runs the tests of that tier and ends with one line: N passed, N failed.
# quick: every quick test. long: those, the long ones (a million inputs to each fuzz target), and all of it again
# in builds that look closer: AddressSanitizer and UndefinedBehaviorSanitizer, ThreadSanitizer, and Clang with
# warnings as errors. Each build is a folder beside BUILD.
set -u
cd "$(dirname "$0")/.." || exit 2
build=$1 tier=$2
logs= status=0

# run_tests FOLDER ARGUMENT...: runs a build's tests and remembers their log.
run_tests() {
    folder=$1
    shift
    meson test -C "$folder" --print-errorlogs --no-rebuild "$@" || status=1
    logs="$logs $folder/meson-logs/testlog.json"
}

# another_build NAME SETUP-ARGUMENT...: sets up and builds BUILD-NAME.
another_build() {
    folder=$build-$1
    shift
    test -f "$folder/build.ninja" || meson setup "$folder" "$@" >/dev/null || exit 2
    ninja -C "$folder" || exit 2
}

if [ "$tier" = quick ]; then
    run_tests "$build" --no-suite long
else
    tools/setup.sh long
    run_tests "$build" --no-suite long
    another_build asan --buildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false
    ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
        run_tests "$folder" --timeout-multiplier 10 # the long ones too: fuzzing means most here
    another_build tsan --buildtype=debugoptimized -Db_sanitize=thread -Db_lundef=false
    TSAN_OPTIONS=halt_on_error=1:suppressions=$PWD/tests/tsan.supp run_tests "$folder" --no-suite long --timeout-multiplier 20
    CC=clang another_build clang -Dwerror=true
    run_tests "$folder" --no-suite long
fi

# shellcheck disable=SC2086  # several files
python3 - $logs <<'PY'
import json, sys
tests = [json.loads(line) for path in sys.argv[1:] for line in open(path)]
passed = [test for test in tests if test["result"] in ("OK", "EXPECTEDFAIL")]
skipped = [test for test in tests if test["result"] == "SKIP"]
for test in skipped:
    print(f"skipped: {test['name']}: {(test.get('stdout') or 'its log says why').strip().splitlines()[-1]}")
# What passes may still leave out parts of itself, for want of something that is not here.
parts = {f"{line.strip()} ({test['name']})": None for test in passed for stream in ("stdout", "stderr")
         for line in test.get(stream, "").splitlines() if line.startswith("not tested")}
print(*parts, sep="\n", end="\n" if parts else "")
print(f"{len(passed)} passed, {len(tests) - len(passed) - len(skipped)} failed")
PY
exit $status
