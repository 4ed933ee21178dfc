#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: test.sh BUILD quick|long
# Runs the tests of that tier and ends with one line: N passed, N failed.
set -u
cd "$(dirname "$0")/.." || exit 2
build=$1 tier=$2

exclude=
[ "$tier" = long ] || exclude='--no-suite long'
# shellcheck disable=SC2086  # two words on purpose
meson test -C "$build" $exclude --print-errorlogs --no-rebuild
status=$?

python3 - "$build/meson-logs/testlog.json" <<'PY'
import json, sys
results = [json.loads(line)["result"] for line in open(sys.argv[1])]
passed = sum(r in ("OK", "EXPECTEDFAIL") for r in results)
skipped = results.count("SKIP")
if skipped:
    print(f"{skipped} skipped, for want of a tool or of photos; their logs say which")
print(f"{passed} passed, {len(results) - passed - skipped} failed")
PY
exit $status
