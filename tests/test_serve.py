#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: test_serve.py WINNOW

`winnow serve` over HTTP, and what it does not start with: needs no browser."""
import os, signal, subprocess, urllib.error, urllib.request

import drawn
from harness import check, refused, winnow


def get(url, **headers):
    """(status, headers, body)"""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def versions(url):
    """A file that the browser has is not sent again, until it changes."""
    for name in ("", "gate.safetensors"):
        status, headers, body = get(url + name)
        check(status == 200 and body and headers["ETag"], name, status)
        again, more, nothing = get(url + name, **{"If-None-Match": headers["ETag"]})
        check(again == 304 and not nothing and more["ETag"] == headers["ETag"] and more["Content-Security-Policy"], name, again)
        check(get(url + name, **{"If-None-Match": f'"x", W/{headers["ETag"]}'})[0] == 304, name)
        check(get(url + name, **{"If-None-Match": '"another"'})[0] == 200, name)
    with open("web/index.html", "a") as file:
        file.write("more")
    etag = get(url)[1]["ETag"]
    status, headers, body = get(url, **{"If-None-Match": headers["ETag"]})
    check(status == 200 and body.endswith(b"more") and headers["ETag"] == etag, "a changed page", status)


def others():
    """What is no part of the page is not served, though it lies in its folder."""
    names = ("README.md", "gate/bridge.c", "gate/LICENSE")
    for name in names:
        with open("web/" + name, "w") as file:
            file.write(name)
    return names


def refusals():
    """It does not start with what would make a page that cannot work."""
    serve = ["serve", "--port", "0", "--web"]
    with open("README.md", "w") as file:
        file.write("# Not a gate, whatever its size\n")
    refused("README.md|not a gate|safetensors", *serve, "web", "--gate", "README.md", timeout=20)
    refused("missing.safetensors", *serve, "web", "--gate", "missing.safetensors", timeout=20)
    refused("index.html|--web", *serve, ".", timeout=20)
    os.rename("web/gate/winnow.wasm", "winnow.wasm")
    refused("winnow.wasm|run `make web`", *serve, "web", "--gate", "gate.safetensors", timeout=20)


os.makedirs("web/gate")
for name in ("index.html", "gate/winnow.wasm"):
    with open("web/" + name, "w") as file:
        file.write(name)
drawn.gate(winnow, "gate.safetensors")
server = subprocess.Popen([winnow, "serve", "--web", "web", "--gate", "gate.safetensors", "--port", "0"], stdout=subprocess.PIPE, text=True)
try:
    url = server.stdout.readline().strip()
    versions(url)
    for name in others():
        check(get(url + name)[0] == 404, name)
finally:
    server.send_signal(signal.SIGINT)
    check(server.wait(timeout=10) == 0, "serve ended with", server.returncode)
refusals()
