#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: test_aarch64.sh
# The runtime and the engine of training for 64-bit ARM: cross-compiled without warnings, all files with the same flags; the kernels (NEON,
# dot products of bytes, products of bf16), all tests that need no photos, and the engine against the plain one tested under qemu; kernels and plans also
# on a core without the newer instructions. `make test-long` brings the compiler, qemu and ARM's cmocka; skipped without.
set -eu
cd "$(dirname "$0")/.."
cc=aarch64-linux-gnu-gcc
for tool in $cc qemu-aarch64; do
    command -v $tool >/dev/null || { echo "skipped: no $tool here"; exit 77; }
done
work=$(mktemp -d)
export work
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
for test in kernels train_kernels plan preprocess scorer calibrate stream learn safetensors network cpu cross file random memory pool plain model; do
    # shellcheck disable=SC2046  # a list of flags
    $cc $flags "-DGOLDEN=\"$PWD/tests/golden\"" "tests/test_$test.c" "$work"/*.o -o "$work/test_$test" \
        $([ $test = memory ] && echo "$wrap") -lcmocka -lm
done
printf '#include "winnow.h"\n#include <stdio.h>\nint main(void) { return puts(winnow_cpu()) < 0; }\n' >"$work/level.c"
$cc $flags "$work/level.c" "$work"/*.o -o "$work/level" -lm

# emulate CPU PROGRAM [ARGUMENT]
cat >"$work/emulate" <<'SH'
exec qemu-aarch64 -cpu "$1" -L /usr/aarch64-linux-gnu -E LD_LIBRARY_PATH=/usr/aarch64-linux-gnu/lib:/usr/lib/aarch64-linux-gnu "$2" ${3+"$3"}
SH
# run NAME CPU [FILTER]: tests/test_NAME.c, or the tests in it that FILTER names, of which there must be some.
cat >"$work/run" <<'SH'
log=$work/$1-$2${3+-$3}.log start=$(date +%s) status=0
sh "$work/emulate" "$2" "$work/test_$1" ${3+"$3"} >"$log" 2>&1 && grep -q '       OK ]' "$log" || status=1
echo "$*: status $status after $(($(date +%s) - start)) s" | cat - "$log"
exit $status
SH

# A core without dot products: what is chosen must not need them.
level=$(sh "$work/emulate" cortex-a53 "$work/level")
[ "$level" = baseline ] || { echo "FAILED: kernels of $level on a Cortex-A53"; exit 1; }

# As many at a time as there are processors, those that take longest first. Of the model a part, as all of it would take an hour here; on the
# older core what another choice of kernels changes.
xargs -P "$(nproc)" -L 1 sh "$work/run" <<RUNS || { echo "FAILED: one of these"; exit 1; }
plan max
memory max
model max every_instruction_set
learn max
cross max
model max kept_features
plan cortex-a53 agrees_with_pytorch
plan cortex-a53 bytes_are_near_and_alike
plan cortex-a53 halves_are_near
kernels max
kernels cortex-a53 baseline
train_kernels max
train_kernels cortex-a53 baseline*
preprocess max
calibrate max
scorer max
stream max
safetensors max
network max
cpu max
file max
random max
pool max
plain max
RUNS

for set in dotprod neonbf16; do
    grep -q "       OK \] $set\$" "$work/kernels-max.log" || { echo "FAILED: the kernels of $set were not tested"; exit 1; }
done
