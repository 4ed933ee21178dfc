#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: wasm_program.sh BUILD OUT.wasm SOURCE.c ... [FLAG ...]
# Compiles a program over the kernels of web/gate's BUILD (relaxed, simd or plain), such as tests/test_kernels.c or bench/bench_kernels.c
# with what it needs of src/runtime. `node tests/wasm/run.mjs OUT.wasm` runs it; before Node 21 relaxed wants
# --experimental-wasm-relaxed-simd.
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=tools/wasm_flags.sh
. tools/wasm_flags.sh
flags=$(kernel_flags "$1") out=$2
shift 2
# shellcheck disable=SC2086  # lists of words
$clang $flags $wasm_flags -Itests/wasm "$@" src/runtime/kernels/baseline.c src/runtime/kernels/kernels.c src/runtime/cpu.c \
    -Wl,--gc-sections -Wl,-z,stack-size=262144 -lm -o "$out"
