# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# Read by wasm.sh and wasm_program.sh: the compiler, and what turns src/runtime into WebAssembly. Ends with status 2 where a tool is missing.
clang=
for candidate in clang clang-19 clang-18 clang-17 clang-16; do
    version=$($candidate -dumpversion 2>/dev/null) && [ "${version%%.*}" -ge 16 ] && clang=$candidate && break
done
[ -n "$clang" ] ||
    { echo "wasm: no Clang of version 16 or newer: install clang-16, lld-16, wasi-libc and libclang-rt-16-dev-wasm32" >&2; exit 2; }
[ -d /usr/include/wasm32-wasi ] || [ -n "${WASI_SYSROOT:-}" ] ||
    { echo "wasm: no wasi-libc: install it, or set WASI_SYSROOT" >&2; exit 2; }

clang="$clang --target=wasm32-wasi ${WASI_SYSROOT:+--sysroot=$WASI_SYSROOT}"
wasm_flags='-D_GNU_SOURCE -Iinclude -Isrc -fvisibility=hidden -ffp-contract=off -fno-math-errno -ffunction-sections -fdata-sections
    -Wall -Wextra -Wno-psabi'

# kernel_flags BUILD: relaxed, simd or plain.
kernel_flags() {
    case $1 in
        relaxed) echo -O3 -msimd128 -mrelaxed-simd ;;
        simd) echo -O3 -msimd128 ;;
        plain) echo -Os ;;
        *) echo "wasm: unknown build $1: use relaxed, simd or plain" >&2; return 2 ;;
    esac
}
