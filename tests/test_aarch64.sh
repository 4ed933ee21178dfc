#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: test_aarch64.sh
# The runtime and the engine of training for 64-bit ARM: cross-compiled without warnings, all files with the same flags; the kernels (NEON,
# dot products of bytes, products of bf16), all tests that need no photos, and the engine against the plain one tested under qemu; plans also
# on a core without the newer instructions. `make test-long` brings the compiler, qemu and ARM's cmocka; skipped without.
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
for name in arcface engine_fast engine_plain fast_backward fast_forward fast_fused keep layers_plain model pool sgd; do
    $cc $flags -c src/train/$name.c -o "$work/train_$name.o"
done
for set in baseline dotprod neonbf16; do
    $cc $flags -O3 -ffp-contract=fast -c src/runtime/kernels/$set.c -o "$work/$set.o"
done
$cc $flags -c src/train/kernels/kernels.c -o "$work/train_kernels.o"
$cc $flags -O3 -ffp-contract=fast -ffinite-math-only -fno-signed-zeros -c src/train/kernels/baseline.c -o "$work/train_baseline.o"
wrap="-Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc -Wl,--wrap=aligned_alloc -Wl,--wrap=free -Wl,--wrap=getenv"
# emulate CPU PROGRAM [ARGUMENT]
emulate() {
    qemu-aarch64 -cpu "$1" -L /usr/aarch64-linux-gnu -E LD_LIBRARY_PATH=/usr/aarch64-linux-gnu/lib:/usr/lib/aarch64-linux-gnu "$2" ${3+"$3"}
}
# run NAME CPU [FILTER]: tests/test_NAME.c, or the tests in it that FILTER names.
run() {
    emulate "$2" "$work/test_$1" ${3+"$3"} >"$work/$1.log" 2>&1 || { cat "$work/$1.log"; exit 1; }
    cat "$work/$1.log"
}

engine="pool plain model" # the last in parts, as all of it would take an hour here
for test in kernels train_kernels plan preprocess scorer calibrate stream learn safetensors network cpu cross file random memory $engine; do
    # shellcheck disable=SC2046  # a list of flags
    $cc $flags "-DGOLDEN=\"$PWD/tests/golden\"" "tests/test_$test.c" "$work"/*.o -o "$work/test_$test" \
        $([ $test = memory ] && echo "$wrap") -lcmocka -lm
    [ $test = model ] || run $test max
done
run model max kept_features
run model max every_instruction_set

# A core without dot products: what is chosen must not need them.
printf '#include "winnow.h"\n#include <stdio.h>\nint main(void) { return puts(winnow_cpu()) < 0; }\n' >"$work/level.c"
$cc $flags "$work/level.c" "$work"/*.o -o "$work/level" -lm
level=$(emulate cortex-a53 "$work/level")
[ "$level" = baseline ] || { echo "FAILED: kernels of $level on a Cortex-A53"; exit 1; }
run plan cortex-a53

for set in dotprod neonbf16; do
    grep -q "       OK \] $set\$" "$work/kernels.log" || { echo "FAILED: the kernels of $set were not tested"; exit 1; }
done
