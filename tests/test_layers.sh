#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Dependencies point one way: cli -> {serve, report, convert, synth, train, codec} -> {runtime, library}. A file may include headers of its
# own module and of those that stand below it; the runtime knows libc, libm and the public header alone.
set -u
cd "$(dirname "$0")/.." || exit 2
bad=0

# allow MODULE HEADER-PATTERN: every #include "..." under MODULE that matches none of the patterns is a fault.
check() {
    folder=$1 allowed=$2
    for file in $(find "$folder" -name '*.[ch]' 2>/dev/null | sort); do
        for header in $(sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*"\([^"]*\)".*/\1/p' "$file"); do
            target=$header
            case $header in
            ../* | */*) target=$(realpath -m --relative-to=. "$(dirname "$file")/$header")
                [ -e "$target" ] || target=src/$header ;;
            winnow.h) target=include/winnow.h ;;
            *) [ -e "$(dirname "$file")/$header" ] && target=$folder/$header ;;
            esac
            echo "$target" | grep -Eq "^($folder/|include/winnow\.h|$allowed)" && continue
            # Headers made by the build (protobuf-c) have no place in the tree.
            echo "$header" | grep -q 'pb-c\.h$' && [ "$folder" = src/convert ] && continue
            echo "$file includes $header: $folder must not know it" >&2
            bad=1
        done
    done
}

check src/runtime '$^'
check src/library '$^'
check src/codec 'src/(runtime|library)/'
check src/synth 'src/(runtime|codec|library)/'
check src/train 'src/(runtime|codec)/'
check src/convert 'src/(runtime|train)/'
check src/report 'src/(runtime|codec|train)/'
check src/serve 'src/(runtime|codec|library)/'
check cli 'src/'

# The runtime links nothing but libc and libm, and starts no threads.
if grep -rnE 'pthread|omp\.h|<(png|jpeglib|turbojpeg|webp|libexif|jansson|cairo)' src/runtime >&2; then
    echo "src/runtime uses more than libc and libm" >&2
    bad=1
fi

# What stands over the library, in other languages, knows its public header alone.
if grep -rnE 'src/|wn_' python/src ios/Sources ios/Tests ios/WinnowCamera --include='*.py' --include='*.swift' >&2 ||
    grep -rn 'import CWinnow' ios/WinnowCamera >&2 ||
    grep -rn 'header "' src/runtime/module | grep -v 'header "../../../include/winnow.h"' >&2; then
    echo "python/ or ios/ knows more than winnow.h, or the app more than the Swift package" >&2
    bad=1
fi
exit $bad
