#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: bench.sh BUILD [ROUNDS]
# Winnow beside the peers: every round runs each once, in its own process, and the median of the rounds counts, so that
# a machine that is slower for a while is slower for all. Beside it the least round by the least, and before and after them the probe of
# where the cores lie (pingpong). The peers are looked for in $WINNOW_PEERS (default:
# ../shared/peers): a folder with run.sh, which prints "NAME MODE THREADS BATCH MEDIAN_MS ..." for `run.sh PEER`. Without
# them winnow is timed alone. Then WebAssembly (bench/wasm.sh), and the runtimes that pip brings, where bench/peers.py's instructions have put them into
# BUILD/peers. Prints tables for docs/performance.md.
set -eu
cd "$(dirname "$0")/.."
build=$1 rounds=${2:-5}
peers=${WINNOW_PEERS:-../shared/peers}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

[ -x "$peers/run.sh" ] || { echo "no peers in $peers: winnow alone" >&2; peers=; }

# once GROUP COMMAND...: the name and the median milliseconds of one run, where it runs at all.
once() {
    group=$1
    shift
    "$@" 2>/dev/null | awk -v g="$group" 'NF >= 5 && $5 + 0 > 0 { print g, $1 "-" $2, $4, $5; exit }' >>"$work/times" || true
}

probe() {
    [ -z "$peers" ] || DIR=${DIR:-$HOME/.cache/winnow-peers} "$peers/run.sh" pingpong 2>/dev/null | sed -n "1s/$/ ($1 the rounds)/p" || true
}

before=$(probe before)
round=0
while [ $round -lt "$rounds" ]; do
    round=$((round + 1))
    echo "round $round of $rounds" >&2
    once fp32-1 "$build/bench/bench_plan" 1 1 200
    [ -z "$peers" ] || for peer in ort-1 onednn-1 xnnpack-1; do once fp32-1 "$peers/run.sh" $peer; done
    once fp32-32 "$build/bench/bench_plan" 2 32 20
    [ -z "$peers" ] || for peer in ort-32 onednn-32 xnnpack-32; do once fp32-32 "$peers/run.sh" $peer; done
    once int8-1 "$build/bench/bench_plan" 1 1 200 mobilenet_v2 1 128 int8
    [ -z "$peers" ] || once int8-1 "$peers/run.sh" ort-int8-1
    once int8-32 "$build/bench/bench_plan" 2 32 20 mobilenet_v2 1 128 int8
    [ -z "$peers" ] || once int8-32 "$peers/run.sh" ort-int8-32
    once bf16-1 "$build/bench/bench_plan" 1 1 200 mobilenet_v2 1 128 bf16 # its peer is among those that pip brings
    once bf16-32 "$build/bench/bench_plan" 2 32 20 mobilenet_v2 1 128 bf16
    once train-32 "$build/bench/bench_train" 2 32 12
    [ -z "$peers" ] || for peer in onednn-train torch-train; do once train-32 "$peers/run.sh" $peer; done
    once train-bf16-32 "$build/bench/bench_train" 2 32 12 mobilenet_v2 1 128 bf16
done

echo "$(date -u +%Y-%m-%d), $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2>/dev/null | head -n 1), $(nproc) cores; $rounds rounds"
[ -z "$before" ] || { echo "$before"; probe after; }
echo
echo "| task | program | median ms (all) | pictures/s | winnow's time / its time | least by least |"
echo "|---|---|---|---|---|---|"
sort -k1,1 -k2,2 -k4,4n "$work/times" | awk '
    { key = $1 " " $2; if (!(key in n)) order[++keys] = key; n[key]++; value[key, n[key]] = $4; batch[key] = $3
      all[key] = all[key] (n[key] > 1 ? ", " : "") $4 }
    function middle(key) { return value[key, int((n[key] + 1) / 2)] }
    END {
        for (i = 1; i <= keys; i++) { split(order[i], part, " "); if (part[2] ~ /^winnow/) ours[part[1]] = order[i] }
        for (i = 1; i <= keys; i++) {
            key = order[i]
            split(key, part, " ")
            mine = ours[part[1]]
            printf "| %s | %s | %.3f (%s) | %.0f | %.2f | %.2f |\n", part[1], part[2], middle(key), all[key],
                1000 * batch[key] / middle(key), middle(mine) / middle(key), value[mine, 1] / value[key, 1]
        }
    }'

echo
echo "in WebAssembly" >&2
WINNOW_PEERS=${peers:-none} bench/wasm.sh "$rounds" || echo "no Node or Clang for WebAssembly: left out" >&2

if [ ! -x "$build/peers/bin/python" ]; then
    echo "bench/peers.py says how to time the runtimes that pip brings as well" >&2
    exit
fi
echo "a network for them" >&2
"$build/winnow" synth "$work/pictures" --count 40 --size 128 >/dev/null 2>&1
"$build/winnow" train --backbone none --normal "$work/pictures/train/normal" --abnormal "$work/pictures/train/other" --epochs 8 \
    --augment none --false-reject 20% --log none --report none --checkpoint none -o "$work/gate.safetensors" >/dev/null 2>&1
echo
"$build/peers/bin/python" bench/peers.py "$build" "$work/gate.safetensors" "$rounds"
