#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: test_gate_package.sh WINNOW NATIVE BROWSER-FOLDER
# Builds the WebAssembly package, runs its tests in Node against the native build, and reads its types with the compiler that
# tools/browser.sh brings. Skipped without the tools.
set -eu
winnow=$(realpath "$1") native=$(realpath "$2") tsc=$(realpath -m "$3")/node_modules/typescript/bin/tsc
cd "$(dirname "$0")/.."
for tool in node npm; do
    command -v $tool >/dev/null 2>&1 || { echo "skipped: $tool is missing (tools/setup.sh long installs it)"; exit 77; }
done
tools/wasm.sh || { [ $? != 2 ] || exit 77; exit 1; } # 2: a tool is missing (tools/setup.sh long installs it)
work=$(mktemp -d)
alone=$(cd web/gate && npm test 2>&1) && { echo 'npm test without a gate passed'; exit 1; }
echo "$alone" | grep -q 'meson test -C build "gate package"' || { echo "npm test alone does not say what it needs: $alone"; exit 1; }
trap 'rm -rf "$work"' EXIT
"$winnow" synth "$work/p" --count 24 --size 128x128 >/dev/null
WINNOW_HOME=$work "$winnow" train --backbone none --normal "$work/p/train/normal" --abnormal "$work/p/train/other" --width 0.35 --input-size 96 \
    --epochs 20 --save-interval 20 --embedding-size 32 --batch 16 --augment none --false-reject 20% --report none -o "$work/gate.safetensors" 2>/dev/null >&2
"$winnow" quantize "$work/gate.safetensors" --calibrate "$work/p/train/normal" --abnormal "$work/p/train/other" --max-drop 1 \
    -o "$work/int8.safetensors" 2>/dev/null >&2
backbone=${WINNOW_DATA:-../shared/data/dev}/../../weights/mobilenet_v2_imagenet.safetensors
[ ! -f "$backbone" ] || export WINNOW_BACKBONE="$PWD/$backbone"
case ${WINNOW_BACKBONE:-} in "$PWD//"*) export WINNOW_BACKBONE="$backbone" ;; esac
relaxed=--experimental-wasm-relaxed-simd # of Node before 21; newer ones need no flag
node $relaxed -e 0 2>/dev/null || relaxed=
WINNOW_GATE=$work/gate.safetensors WINNOW_INT8_GATE=$work/int8.safetensors WINNOW_NATIVE=$native WINNOW_PROGRAM=$winnow node $relaxed --test web/gate/test/
if [ -f "$tsc" ]; then
    mkdir -p "$work/node_modules"
    ln -s "$PWD/web/gate" "$work/node_modules/winnow-gate"
    cp web/gate/test/types.ts "$work/types.ts"
    node "$tsc" --noEmit --strict --target es2022 --module nodenext --lib es2022,dom "$work/types.ts"
    sed 's/pValue/p_value/' web/gate/test/types.ts >"$work/types.ts" # a name that the package has not
    ! node "$tsc" --noEmit --strict --target es2022 --module nodenext --lib es2022,dom "$work/types.ts" >/dev/null
    echo 'the types are those of the README'
else
    echo 'not tested: the types, for want of TypeScript (tools/browser.sh)'
fi
