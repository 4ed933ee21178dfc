#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: browser.sh FOLDER
# Puts Chromium and Node on this machine (setup.sh), and playwright-core, axe-core, TypeScript and Vite into FOLDER, for the tests of the web part.
set -eu
"$(dirname "$0")/setup.sh" test
mkdir -p "$1"
cd "$1"
wanted='{"private": true, "dependencies": {"playwright-core": "1.58", "axe-core": "4", "typescript": "5", "vite": "5"}}' # 1.58 is the last for Node 18, which Debian 12 has
[ -d node_modules ] && [ "$(cat package.json 2>/dev/null)" = "$wanted" ] && exit 0
echo "$wanted" >package.json
npm install --silent || { rm package.json; exit 1; }
