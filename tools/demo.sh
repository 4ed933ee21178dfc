#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: demo.sh BUILD
# The whole job on built-in pictures: draw them, train a gate, measure it on plots that it never saw, judge three
# pictures. With a pretrained backbone (fetched once, where pip answers) the gate is good; without one a small
# network is trained from random weights, which shows the job and what a backbone is worth.
set -eu
cd "$(dirname "$0")/.."
winnow=$1/winnow
work=$1/demo

say() { printf '\n\033[1m$ %s\033[0m\n' "$*"; }
run() { say "$@"; "$@"; }
[ -t 1 ] || say() { printf '\n$ %s\n' "$*"; }

if "$winnow" backbone path >/dev/null 2>&1 || "$winnow" backbone get; then
    effort=
else
    echo 'demo: no pretrained backbone could be fetched: training a small network from random weights instead'
    effort='--backbone none --width 0.35 --input-size 96 --epochs 20 --augment light --margin 10'
fi

rm -rf "$work"
run "$winnow" synth "$work/pictures"
# shellcheck disable=SC2086  # several words on purpose
run "$winnow" train --normal "$work/pictures/train/normal" --abnormal "$work/pictures/train/lookalike" \
    --abnormal "$work/pictures/train/other" -o "$work/blades.safetensors" $effort
run "$winnow" eval "$work/blades.safetensors" --normal "$work/pictures/test/normal" \
    --abnormal "$work/pictures/test/lookalike" --abnormal "$work/pictures/test/other"

first() { find "$work/pictures/test/$1" -name '*.jpg' | sort | head -n 1; }
run "$winnow" check "$work/blades.safetensors" "$(first normal)" "$(first lookalike)" "$(first other)" || [ $? = 1 ]
printf '\nThe report: %s\n' "$work/blades.html"
printf 'With a camera, in a browser: make web && %s serve --gate %s\n' "$winnow" "$work/blades.safetensors"
