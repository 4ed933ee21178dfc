# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# For the scripts that time programs in turn; they set $work, a folder.

# once COMMAND...: one run, its output -> $work/out. Where it fails, a line says so, and it counts for no round.
once() {
    status=0
    "$@" >"$work/out" 2>"$work/error" || status=$?
    [ $status -ne 0 ] || return 0
    echo "${0##*/}: left out of this round: status $status of: $* ($(tail -n 1 "$work/error"))" >&2
    return 1
}
