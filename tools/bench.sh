#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: bench.sh BUILD [ROUNDS]
# Winnow beside the peers: every round runs each once, in its own process, and the median of the rounds counts, so that
# a machine that is slower for a while is slower for all. Where other programs run, `chrt -r 1 tools/bench.sh BUILD` keeps
# them away. Before and after the rounds stands what the cores are like (bench_cores). The peers are looked for in
# $WINNOW_PEERS (default: ../shared/peers): a folder with run.sh, which prints "NAME MODE THREADS BATCH MEDIAN_MS ..." for
# `run.sh PEER`. Without them winnow is timed alone. Then WebAssembly (bench/wasm.sh), and the runtimes that pip brings, where
# bench/peers.py's instructions have put them into BUILD/peers. Prints tables for docs/performance.md; what failed is on
# standard error, and in the table by its number of rounds.
set -eu
cd "$(dirname "$0")/.."
build=$1 rounds=${2:-5}
peers=${WINNOW_PEERS:-../shared/peers}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. bench/once.sh

[ -x "$peers/run.sh" ] || { echo "no peers in $peers: winnow alone" >&2; peers=; }

# record TASK COMMAND...: the name and the median milliseconds of one run.
record() {
    task=$1
    shift
    once "$@" || return 0
    awk -v task="$task" -v round="$round" 'NF >= 5 && $5 + 0 > 0 { print task, $1 "-" $2, $4, $5, round; exit }' "$work/out" >"$work/line"
    [ -s "$work/line" ] || echo "bench.sh: left out of this round: no time from: $*" >&2
    cat "$work/line" >>"$work/times"
}

cores() {
    [ ! -x "$build/bench/bench_cores" ] || "$build/bench/bench_cores" | sed "s/$/ ($1 the rounds)/"
}

: >"$work/times"
before=$(cores before)
round=0
while [ $round -lt "$rounds" ]; do
    round=$((round + 1))
    echo "round $round of $rounds" >&2
    record fp32-1 "$build/bench/bench_plan" 1 1 200
    [ -z "$peers" ] || for peer in ort-1 onednn-1 xnnpack-1; do record fp32-1 "$peers/run.sh" $peer; done
    record fp32-32 "$build/bench/bench_plan" 2 32 20
    [ -z "$peers" ] || for peer in ort-32 onednn-32 xnnpack-32; do record fp32-32 "$peers/run.sh" $peer; done
    record int8-1 "$build/bench/bench_plan" 1 1 200 mobilenet_v2 1 128 int8
    [ -z "$peers" ] || record int8-1 "$peers/run.sh" ort-int8-1
    record int8-32 "$build/bench/bench_plan" 2 32 20 mobilenet_v2 1 128 int8
    [ -z "$peers" ] || record int8-32 "$peers/run.sh" ort-int8-32
    record bf16-1 "$build/bench/bench_plan" 1 1 200 mobilenet_v2 1 128 bf16 # its peer is among those that pip brings
    record bf16-32 "$build/bench/bench_plan" 2 32 20 mobilenet_v2 1 128 bf16
    record train-32 "$build/bench/bench_train" 2 32 12
    record train-32 "$build/bench/bench_train" 2 32 12 mobilenet_v2 1 128 bf16
    [ -z "$peers" ] || for peer in onednn-train torch-train; do record train-32 "$peers/run.sh" $peer; done
done

echo "$(date -u +%Y-%m-%d), $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2>/dev/null | head -n 1), $(nproc) cores; $rounds rounds"
[ -z "$before" ] || { echo "$before"; cores after; }
echo
echo "A task is precision-batch (one picture on one thread, or 32 on two) or train-32, a training step of 32 pictures on two threads."
echo "Ratios are winnow's time / the peer's: of the medians, of each round from least to most, of the least rounds; below 1 winnow is faster."
echo
sort -k1,1 -k2,2 -k4,4n "$work/times" | awk -v rounds="$rounds" '
    { key = $1 " " $2; if (!(key in n)) order[++keys] = key; n[key]++; value[key, n[key]] = $4; batch[key] = $3; at[key, $5] = $4
      all[key] = all[key] (n[key] > 1 ? ", " : "") $4 }
    function middle(key) { return value[key, int((n[key] + 1) / 2)] }
    function is_ours(program) { return program ~ /^winnow/ }
    function compare(mine, its, round, ratio, least, most) {
        for (round = 1; round <= rounds; round++)
            if ((mine, round) in at && (its, round) in at) {
                ratio = at[mine, round] / at[its, round]
                if (!least || ratio < least) least = ratio
                if (ratio > most) most = ratio
            }
        return sprintf("%.2f | %s | %.2f", middle(mine) / middle(its), least ? sprintf("%.2f to %.2f", least, most) : "-",
            value[mine, 1] / value[its, 1])
    }
    END {
        print "| task | program | median ms (all) | rounds | pictures/s |\n|---|---|---|---|---|"
        for (i = 1; i <= keys; i++) {
            split(order[i], part, " ")
            printf "| %s | %s | %.3f (%s) | %d of %d | %.0f |\n", part[1], part[2], middle(order[i]), all[order[i]], n[order[i]],
                rounds, 1000 * batch[order[i]] / middle(order[i])
        }
        print "\n| task | winnow | peer | of medians | each round | least by least |\n|---|---|---|---|---|---|"
        for (i = 1; i <= keys; i++) {
            split(order[i], its, " ")
            if (is_ours(its[2])) continue
            found = 0
            for (j = 1; j <= keys; j++) {
                split(order[j], mine, " ")
                if (mine[1] != its[1] || !is_ours(mine[2])) continue
                found = 1
                printf "| %s | %s | %s | %s |\n", its[1], mine[2], its[2], compare(order[j], order[i])
            }
            if (!found) printf "| %s | - | %s | - | - | - |\n", its[1], its[2]
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
