#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: wasm.sh [ROUNDS]
# The network in WebAssembly, in Node on one thread: every build, float32 and int8, beside TensorFlow.js where the peers are set up (see
# bench.sh). Every round runs each once, in its own process. Prints medians of the rounds' medians, least times, and shares of the peer's.
# `wasm.sh kernels [BUILD]`: the time of each kernel instead, and its share of the peak.
set -eu
cd "$(dirname "$0")/.."
peers=${WINNOW_PEERS:-../shared/peers}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. bench/once.sh
relaxed=--experimental-wasm-relaxed-simd # of Node before 21; newer ones need no flag
node $relaxed -e 0 2>/dev/null || relaxed=
if [ "${1:-}" = kernels ]; then
    tools/wasm_program.sh "${2:-relaxed}" "$work/kernels.wasm" bench/bench_kernels.c cli/peak.c cli/peak_chains.c \
        src/runtime/preprocess.c src/runtime/resample.c src/runtime/resample_rows.c src/runtime/pixel.c \
        src/runtime/bilinear.c src/runtime/error.c src/runtime/utf8.c -DWIDTH=4 -DNAME=peak_baseline
    exec node --no-warnings $relaxed tests/wasm/run.mjs "$work/kernels.wasm"
fi

for build in relaxed simd plain; do
    # shellcheck disable=SC2046  # a list of files
    tools/wasm_program.sh $build "$work/$build.wasm" bench/bench_plan.c web/gate/src/no_files.c \
        $(find src/runtime -maxdepth 1 -name '*.c' ! -name file.c ! -name cpu.c)
done
record() { # record NAME COMMAND...: the median and the least milliseconds of a run
    name=$1
    shift
    once "$@" || return 0
    sed -n "s/^[^ ]* [^ ]* 1 1 \([0-9.]*\) .*min_ms=\([0-9.]*\).*/$name \1 \2/p" "$work/out" >"$work/line"
    [ -s "$work/line" ] || echo "wasm.sh: left out of this round: no time from: $*" >&2
    cat "$work/line" >>"$work/times"
}
: >"$work/times"
round=0
while [ $round -lt "${1:-5}" ]; do
    round=$((round + 1))
    [ ! -x "$peers/run.sh" ] || record TensorFlow.js "$peers/run.sh" tfjs-wasm-1
    for build in relaxed simd plain; do
        for precision in fp32 int8; do
            record "$build-$precision" node --no-warnings $relaxed tests/wasm/run.mjs "$work/$build.wasm" 1 1 100 mobilenet_v2 1 128 $precision
        done
    done
done
echo "| | median ms (all) | rounds | of TensorFlow.js | least ms | of TensorFlow.js |"
echo "|---|---|---|---|---|---|"
sort -k1,1 -k2,2n "$work/times" | awk -v rounds="${1:-5}" '
    { if (!($1 in n)) order[++names] = $1; n[$1]++; median[$1, n[$1]] = $2; all[$1] = all[$1] (n[$1] > 1 ? ", " : "") $2
      if (!($1 in least) || $3 < least[$1]) least[$1] = $3 }
    END {
        peer = "TensorFlow.js"
        for (i = 1; i <= names; i++) {
            name = order[i]
            m = median[name, int((n[name] + 1) / 2)]
            share = peer in n ? sprintf("%.2f", m / median[peer, int((n[peer] + 1) / 2)]) : "-"
            least_share = peer in n ? sprintf("%.2f", least[name] / least[peer]) : "-"
            printf "| %s | %s (%s) | %d of %d | %s | %s | %s |\n", name, m, all[name], n[name], rounds, share, least[name], least_share
        }
    }'
