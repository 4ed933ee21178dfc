#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: setup.sh [web|test|long]
# Installs what winnow needs to build (`web`: and to compile the runtime for browsers; `test`: and for the tests of the web
# part, a browser among it; `long`: and for `make test-long`), and says so; silent and instant where nothing is missing.
set -eu

missing=
need() { # need WHAT-IS-CHECKED APT-PACKAGE BREW-PACKAGE
    case $1 in
    *.pc) pkg-config --exists "${1%.pc}" 2>/dev/null && return ;;
    *.py) python3 -c "import ${1%.py}" 2>/dev/null && return ;;
    *) command -v "$1" >/dev/null 2>&1 && return ;;
    esac
    missing="$missing $(if [ "$installer" = apt ]; then echo "$2"; else echo "$3"; fi)"
}

if command -v apt-get >/dev/null 2>&1; then
    installer=apt
elif command -v brew >/dev/null 2>&1; then
    installer=brew
else
    installer=none
fi

need cc gcc gcc
need pkg-config pkg-config pkg-config
need meson meson meson
need ninja ninja-build ninja
need python3 python3 python3
need pip3 python3-pip python3
need ensurepip.py python3-venv python3
need libjpeg.pc libjpeg-dev jpeg-turbo
need libpng.pc libpng-dev libpng
need libwebp.pc libwebp-dev webp
need libheif.pc libheif-dev libheif
need libexif.pc libexif-dev libexif
need jansson.pc libjansson-dev jansson
need libmd.pc libmd-dev libmd
need libxxhash.pc libxxhash-dev xxhash
need cairo.pc libcairo2-dev cairo
need libmicrohttpd.pc libmicrohttpd-dev libmicrohttpd
need libprotobuf-c.pc libprotobuf-c-dev protobuf-c
need protoc-c protobuf-c-compiler protobuf-c
need cmocka.pc libcmocka-dev cmocka
if [ -n "${1:-}" ]; then
    wasm_clang=16 # the first that knows relaxed SIMD; `clang` where that is newer
    version=$(clang -dumpversion 2>/dev/null) && [ "${version%%.*}" -ge 16 ] && wasm_clang=
    need "wasm-ld${wasm_clang:+-16}" "clang${wasm_clang:+-16} lld${wasm_clang:+-16} wasi-libc libclang-rt-${wasm_clang:+16-}dev-wasm32" "lld wasi-libc"
fi
if [ -n "${1:-}" ] && [ "$1" != web ]; then
    need node "nodejs npm" node
    need npm npm node
    command -v chromium-browser >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1 ||
        need chromium "chromium fonts-ipafont-gothic" "--cask chromium"
fi
if [ "${1:-}" = long ]; then
    need clang clang llvm
    if [ "$installer" = apt ] && [ "$(uname -m)" = x86_64 ]; then # ARM's processors, in an emulator
        need aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu ""
        need qemu-aarch64 qemu-user ""
        [ -e /usr/lib/aarch64-linux-gnu/libcmocka.so ] || foreign=arm64 missing="$missing libcmocka-dev:arm64"
    fi
    need javac default-jdk-headless openjdk
fi

[ -n "$missing" ] || exit 0
as_root=
[ "$(id -u)" = 0 ] || as_root=sudo
case $installer in
apt)
    if [ -n "$as_root" ] && ! command -v sudo >/dev/null 2>&1; then
        echo "setup: run as root, or install sudo; missing:$missing" >&2
        exit 2
    fi
    echo "setup: installing$missing"
    [ -z "${foreign:-}" ] || $as_root dpkg --add-architecture "$foreign"
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
    # shellcheck disable=SC2086  # a list of words on purpose
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
    ;;
brew)
    echo "setup: installing$missing"
    # shellcheck disable=SC2086
    brew install --quiet $missing
    ;;
none)
    echo "setup: neither apt-get nor brew here; install by hand:$missing" >&2
    exit 2
    ;;
esac
