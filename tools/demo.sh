#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: demo.sh BUILD
# The whole job on built-in pictures: draw them, train a gate, measure it on pictures it never saw, judge three.
set -eu
cd "$(dirname "$0")/.."
winnow=$1/winnow
work=$1/demo

say() { printf '\n\033[1m$ %s\033[0m\n' "$*"; }
run() { say "$@"; "$@"; }
[ -t 1 ] || say() { printf '\n$ %s\n' "$*"; }

rm -rf "$work"
run "$winnow" synth "$work/pictures" --count 300
run "$winnow" train --normal "$work/pictures/train/normal" --abnormal "$work/pictures/train/lookalike" \
    --abnormal "$work/pictures/train/other" -o "$work/blades.safetensors"
run "$winnow" eval "$work/blades.safetensors" --normal "$work/pictures/test/normal" \
    --abnormal "$work/pictures/test/lookalike" --abnormal "$work/pictures/test/other"

first() { find "$work/pictures/test/$1" -name '*.jpg' | sort | head -n 1; }
say "$winnow check $work/blades.safetensors (one crop, one look-alike, one other)"
"$winnow" check "$work/blades.safetensors" "$(first normal)" "$(first lookalike)" "$(first other)" || [ $? = 1 ]
