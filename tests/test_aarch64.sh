#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: test_aarch64.sh
# The runtime and the kernels of training for 64-bit ARM: cross-compiled without warnings, all files with the same flags; the kernels (NEON,
# dot products of bytes, products of bf16) and all tests that need no photos tested under qemu. `make test-long` brings the compiler, qemu
# and ARM's cmocka; skipped without.
set -eu
cd "$(dirname "$0")/.."
cc=aarch64-linux-gnu-gcc
for tool in $cc qemu-aarch64; do
    command -v $tool >/dev/null || { echo "skipped: no $tool here"; exit 77; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo 'int main(void) { return 0; }' >"$work/none.c"
$cc "$work/none.c" -o "$work/none" -lcmocka 2>/dev/null || { echo "skipped: no cmocka for ARM here"; exit 77; }

flags="-std=gnu11 -O2 -D_GNU_SOURCE -Iinclude -Isrc -I. -Wall -Wextra -Werror -Wno-psabi -Wno-missing-field-initializers -ffp-contract=off"
for file in src/runtime/*.c src/runtime/kernels/kernels.c; do
    $cc $flags -c "$file" -o "$work/$(basename "$file" .c).o"
done
for set in baseline dotprod neonbf16; do
    $cc $flags -O3 -ffp-contract=fast -c src/runtime/kernels/$set.c -o "$work/$set.o"
done
$cc $flags -c src/train/kernels/kernels.c -o "$work/train_kernels.o"
$cc $flags -O3 -ffp-contract=fast -c src/train/kernels/baseline.c -o "$work/train_baseline.o"
wrap="-Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc -Wl,--wrap=aligned_alloc -Wl,--wrap=free"
for test in kernels train_kernels plan preprocess scorer calibrate stream learn safetensors network cpu cross file random memory; do
    # shellcheck disable=SC2046  # a list of flags
    $cc $flags "tests/test_$test.c" "$work"/*.o -o "$work/test_$test" $([ $test = memory ] && echo "$wrap") -lcmocka -lm
    qemu-aarch64 -cpu max -L /usr/aarch64-linux-gnu -E LD_LIBRARY_PATH=/usr/aarch64-linux-gnu/lib:/usr/lib/aarch64-linux-gnu \
        "$work/test_$test" >"$work/$test.log" 2>&1 || { cat "$work/$test.log"; exit 1; }
    cat "$work/$test.log"
done
for set in dotprod neonbf16; do
    grep -q "       OK \] $set\$" "$work/kernels.log" || { echo "FAILED: the kernels of $set were not tested"; exit 1; }
done
