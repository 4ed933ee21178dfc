#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: wasm.sh   Builds src/runtime for the browser into web/gate: winnow-relaxed.wasm (fused multiply-add), winnow.wasm
# (SIMD) and winnow-plain.wasm. Needs Clang 16 or newer, its WebAssembly linker and wasi-libc; says which package is missing.
set -eu
cd "$(dirname "$0")/.."
out=web/gate

clang=
for candidate in clang clang-19 clang-18 clang-17 clang-16; do
    version=$($candidate -dumpversion 2>/dev/null) && [ "${version%%.*}" -ge 16 ] && clang=$candidate && break
done
[ -n "$clang" ] ||
    { echo "wasm: no Clang of version 16 or newer: install clang-16, lld-16, wasi-libc and libclang-rt-16-dev-wasm32" >&2; exit 2; }
[ -d /usr/include/wasm32-wasi ] || [ -n "${WASI_SYSROOT:-}" ] ||
    { echo "wasm: no wasi-libc: install it, or set WASI_SYSROOT" >&2; exit 2; }

if [ -f "$out/winnow.wasm" ] && [ -f "$out/winnow-plain.wasm" ] && [ -f "$out/winnow-relaxed.wasm" ] &&
    [ -z "$(find src/runtime include web/gate/src tools/wasm.sh -newer "$out/winnow-relaxed.wasm" -type f | head -n 1)" ]; then
    exit 0 # nothing changed
fi
objects=$(mktemp -d)
trap 'rm -rf "$objects"' EXIT
# shellcheck disable=SC2086  # lists of words
compile() { # compile FLAGS FILE...
    flags=$1
    shift
    for file; do
        $clang --target=wasm32-wasi ${WASI_SYSROOT:+--sysroot="$WASI_SYSROOT"} $flags -D_GNU_SOURCE -Iinclude -Isrc -fvisibility=hidden \
            -ffp-contract=off -fno-math-errno -ffunction-sections -fdata-sections -Wall -Wextra -Wno-psabi -c "$file" \
            -o "$objects/$(basename "$file").o"
    done
}
# Small where speed does not matter, fast where it does.
build() { # build NAME KERNEL-FLAGS SIMD-FLAGS
    rm -f "$objects"/*
    # shellcheck disable=SC2046  # a list of files
    compile "-Os $3" $(find src/runtime -maxdepth 1 -name '*.c' ! -name file.c) web/gate/src/*.c
    compile "$2 $3" src/runtime/resample*.c src/runtime/pixel.c
    compile "$2 $3" src/runtime/kernels/baseline.c src/runtime/kernels/kernels.c
    # shellcheck disable=SC2086
    $clang --target=wasm32-wasi ${WASI_SYSROOT:+--sysroot="$WASI_SYSROOT"} -mexec-model=reactor -Wl,--strip-all -Wl,--gc-sections \
        -Wl,-z,stack-size=262144 "$objects"/*.o -o "$out/$1.tmp"
    mv "$out/$1.tmp" "$out/$1"
}
build winnow-plain.wasm -Os ''
build winnow.wasm -O3 -msimd128
build winnow-relaxed.wasm -O3 '-msimd128 -mrelaxed-simd' # last: its time says when all were built
ls -l $out/*.wasm | awk '{printf "%s  %d kB\n", $NF, ($5 + 512) / 1024}'
