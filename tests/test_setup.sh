#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: test_setup.sh
# What tools/setup.sh installs on a machine that has nothing, by an apt-get that only says what it was asked for.
set -eu
cd "$(dirname "$0")/.."
setup=$PWD/tools/setup.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for tool in sh env id uname ls; do ln -s "$(command -v $tool)" "$work/$tool"; done
printf '#!/bin/sh\ncase $1 in install) shift; echo "$@" >>"%s/asked" ;; esac\n' "$work" >"$work/apt-get"
printf '#!/bin/sh\n[ "$1" = env ] && exec "$@"\n' >"$work/sudo"
chmod +x "$work/apt-get" "$work/sudo"

asked() { # asked TIER: what it would install
    : >"$work/asked"
    PATH=$work sh "$setup" $1 >/dev/null
    cat "$work/asked"
}
expect() { # expect TIER PACKAGE yes|no
    found=no
    case " $(asked "$1") " in *" $2 "*) found=yes ;; esac
    [ $found = "$3" ] || { echo "setup.sh $1 installs $2: $found, not $3"; exit 1; }
}
expect '' meson yes
expect '' wasi-libc no
expect web meson yes
for package in clang-16 lld-16 wasi-libc libclang-rt-16-dev-wasm32; do expect web $package yes; done
expect web chromium no
expect web nodejs no
expect test wasi-libc yes
expect test chromium yes
make -n web | grep -q 'setup.sh web' || { echo 'make web does not set the machine up'; exit 1; }
echo 'every tier installs what it needs'
