#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: test_install.sh BUILD CC WINNOW
# `make install` gives the program, the library, the header, the pkg-config file and the manual, and a program
# of a user's builds against them.
set -eu
case ${ASAN_OPTIONS:-}${TSAN_OPTIONS:-} in ?*) echo "skipped: nobody installs a build with sanitizers"; exit 77 ;; esac
build=$1 cc=$2 version=$("$3" --version | awk '{print $2}')
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
meson install -C "$build" --no-rebuild --quiet --destdir "$root"

find_one() { found=$(find "$root" -name "$1"); [ -n "$found" ] || { echo "not installed: $1"; exit 1; }; }
for name in winnow libwinnow.so winnow.h winnow.1; do find_one "$name"; done
find_one winnow.pc
PKG_CONFIG_PATH=$(dirname "$found") PKG_CONFIG_SYSROOT_DIR=$root
export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR
[ "$(pkg-config --modversion winnow)" = "$version" ] || { echo "winnow.pc and winnow $version disagree"; exit 1; }
cat >"$root/user.c" <<'C'
#include <stdio.h>
#include <winnow.h>
int main(void)
{
    winnow_gate *gate;
    winnow_error error;
    puts(winnow_version());
    return winnow_gate_open("missing.safetensors", &gate, &error) == WINNOW_OK;
}
C
# shellcheck disable=SC2046  # flags are words
"$cc" -std=c11 -Wall -Wextra -Werror "$root/user.c" -o "$root/user" $(pkg-config --cflags --libs winnow)
find_one 'libwinnow.so'
[ "$(LD_LIBRARY_PATH=$(dirname "$found") "$root/user")" = "$version" ]

# Nothing but the public functions is exported, and nothing but libc and libm is needed.
symbols=$(nm -D --defined-only "$found" | awk '$3 !~ /^winnow_/ && $2 ~ /[TDB]/ {print $3}')
[ -z "$symbols" ] || { echo "exported beside the public functions: $symbols"; exit 1; }
needed=$(objdump -p "$found" | awk '/NEEDED/ && $2 !~ /^(libc|libm)\.so/ {print $2}')
[ -z "$needed" ] || { echo "the library needs more than libc and libm: $needed"; exit 1; }
