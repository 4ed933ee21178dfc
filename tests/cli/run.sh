#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: run.sh [--update] WINNOW FOLDER
#
# Golden tests of the command line. Each FOLDER/NAME.sh is run by sh in an empty folder of its own, with `winnow`
# being the program under test, and must leave what stands beside it:
#     NAME.stdout, NAME.stderr    line by line; each line is the very line, or a shell pattern for it (* ? [...]);
#                                 absent: nothing was printed
#     NAME.exit                   the exit status; absent: 0
# A script that exits with 77 is skipped. $CASES is FOLDER itself, for files that a case needs.
# --update writes the three files instead of comparing; look at the difference before committing it.
set -u
export LC_ALL=C TERM=dumb
unset NO_COLOR COLUMNS 2>/dev/null

update=
[ "$1" = --update ] && update=1 && shift
program=$(realpath "$1") CASES=$(realpath "$2")
export CASES
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 2' HUP INT TERM
mkdir "$work/bin" && ln -s "$program" "$work/bin/winnow"
PATH=$work/bin:$PATH

# Prints the number of the first line of ACTUAL that the pattern of EXPECTED does not match; nothing where all do.
first_difference() {
    number=0
    exec 3<"$1" 4<"$2"
    while :; do
        number=$((number + 1))
        IFS= read -r pattern <&3
        end3=$?
        IFS= read -r line <&4
        end4=$?
        [ $end3 -ne 0 ] && [ $end4 -ne 0 ] && [ -z "$pattern$line" ] && break
        # shellcheck disable=SC2254  # a pattern on purpose
        case $line in
        "$pattern" | $pattern) [ $end3 -eq $end4 ] && continue ;;
        esac
        echo $number
        break
    done
    exec 3<&- 4<&-
}

compare() { # compare STREAM
    expected=$CASES/$name.$1
    [ -e "$expected" ] || expected=/dev/null
    line=$(first_difference "$expected" "$work/$1")
    [ -z "$line" ] && return
    echo "not ok: $name: $1 differs from line $line on"
    diff -u "$expected" "$work/$1" | tail -n +3
    bad=1
}

keep() { # keep STREAM: what was printed becomes what is expected
    if [ -s "$work/$1" ]; then
        cp "$work/$1" "$CASES/$name.$1"
    else
        rm -f "$CASES/$name.$1"
    fi
}

bad=0 count=0
for script in "$CASES"/*.sh; do
    name=$(basename "$script" .sh)
    rm -rf "$work/here" && mkdir "$work/here"
    (cd "$work/here" && sh "$script") >"$work/stdout" 2>"$work/stderr" </dev/null
    status=$?
    if [ $status -eq 77 ]; then
        echo "not tested: $name"
        continue
    fi
    count=$((count + 1))
    : >"$work/exit"
    [ $status -ne 0 ] && echo $status >"$work/exit"
    for stream in stdout stderr exit; do
        if [ -n "$update" ]; then keep $stream; else compare $stream; fi
    done
done
echo "$count cases in $(basename "$CASES")"
exit $bad
