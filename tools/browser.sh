#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: browser.sh FOLDER   Puts Chromium on this machine with a Japanese font, and playwright-core and axe-core into FOLDER, for the tests that look at pages.
set -eu
mkdir -p "$1"
as_root=
[ "$(id -u)" = 0 ] || as_root=sudo
missing=
command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 || missing="chromium fonts-ipafont-gothic"
command -v npm >/dev/null 2>&1 || missing="$missing nodejs npm"
if [ -n "$missing" ]; then
    echo "browser: installing $missing"
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
    # shellcheck disable=SC2086  # a list of words on purpose
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi
[ -d "$1/node_modules/axe-core" ] || (cd "$1" && echo '{"private": true}' >package.json && npm install --silent playwright-core@1 axe-core@4)
