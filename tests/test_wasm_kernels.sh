#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: test_wasm_kernels.sh   Runs test_kernels.c in Node, for each of the builds that browsers choose from. Skipped without the tools.
set -eu
cd "$(dirname "$0")/.."
command -v node >/dev/null 2>&1 || { echo "skipped: node is missing (tools/setup.sh long installs it)"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
relaxed=--experimental-wasm-relaxed-simd # of Node before 21; newer ones need no flag
node $relaxed -e 0 2>/dev/null || relaxed=

# check NAME BUILD NODE-FLAGS [FLAG ...]
check() {
    name=$1 build=$2 node_flags=$3
    shift 3
    tools/wasm_program.sh "$build" "$work/$name.wasm" tests/test_kernels.c src/runtime/narrow.c src/runtime/random.c "$@" ||
        { [ $? != 2 ] || exit 77; exit 1; }
    # shellcheck disable=SC2086  # lists of words
    node --no-warnings $relaxed $node_flags tests/wasm/run.mjs "$work/$name.wasm" baseline || { echo "wrong: $name"; exit 1; }
    echo "right: $name"
}
check plain plain ''
check simd simd ''
check relaxed relaxed ''
check 'relaxed, before it is optimised' relaxed --liftoff-only
# What phones would choose. Not before it is optimised: bytes.h says why.
check 'relaxed, with dot products of four' relaxed --no-liftoff -DGEMM8=gemm8_dots -Wno-unused-function
