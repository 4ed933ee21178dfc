#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: wasm.sh   Builds src/runtime for the browser into web/gate: winnow-relaxed.wasm (fused multiply-add), winnow.wasm
# (SIMD) and winnow-plain.wasm. Needs Clang 16 or newer, its WebAssembly linker and wasi-libc; says which package is missing.
set -eu
cd "$(dirname "$0")/.."
out=web/gate

# shellcheck source=tools/wasm_flags.sh
. tools/wasm_flags.sh

if [ -f "$out/winnow.wasm" ] && [ -f "$out/winnow-plain.wasm" ] && [ -f "$out/winnow-relaxed.wasm" ] &&
    [ -z "$(find src/runtime include web/gate/src tools/wasm.sh tools/wasm_flags.sh -newer "$out/winnow-relaxed.wasm" -type f | head -n 1)" ]; then
    exit 0 # nothing changed
fi
objects=$(mktemp -d)
trap 'rm -rf "$objects"' EXIT
# shellcheck disable=SC2086  # lists of words
compile() { # compile FLAGS FILE...
    flags=$1
    shift
    for file; do
        $clang $flags $wasm_flags -c "$file" -o "$objects/$(basename "$file").o"
    done
}
# Small where speed does not matter, fast where it does.
build() { # build NAME BUILD SIMD-FLAGS
    rm -f "$objects"/*
    kernels=$(kernel_flags "$2")
    # shellcheck disable=SC2046  # a list of files
    compile "-Os $3" $(find src/runtime -maxdepth 1 -name '*.c' ! -name file.c) web/gate/src/*.c
    compile "$kernels" src/runtime/resample*.c src/runtime/pixel.c
    compile "$kernels" src/runtime/kernels/baseline.c src/runtime/kernels/kernels.c
    # shellcheck disable=SC2086
    $clang -mexec-model=reactor -Wl,--strip-all -Wl,--gc-sections -Wl,--compress-relocations -Wl,-z,stack-size=262144 "$objects"/*.o -o "$out/.$1.$$"
    mv "$out/.$1.$$" "$out/$1" # whole, also where two build at once
}
build winnow-plain.wasm plain ''
build winnow.wasm simd -msimd128
build winnow-relaxed.wasm relaxed '-msimd128 -mrelaxed-simd' # last: its time says when all were built
ls -l $out/*.wasm | awk '{printf "%s  %d kB\n", $NF, ($5 + 512) / 1024}'
