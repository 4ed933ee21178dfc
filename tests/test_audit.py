#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: test_audit.py WINNOW

Spoils drawn pictures in every way that `winnow audit` looks for, and asks whether it finds these and little else. Needs no backbone: a
gate that was trained for a moment on the pictures serves as one. How well wrong labels are found is test_audit.c's."""
import json, os, re, shutil, struct, zlib

import drawn
from harness import check, run


def png(path, width, height, paint):
    rows = b"".join(b"\0" + bytes(v for x in range(width) for v in paint(x, y)) for y in range(height))
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    open(path, "wb").write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
                           chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def wave(x, y, light=1.0, shift=0):
    v = (x * x // 40 + y * y // 25 + x * y // 60) % 200 + 30
    return [min(255, int(light * v) + shift), min(255, int(light * (v // 2 + 60)) + shift), int(light * 40)]


run("synth", "p", "--count", "40", "--size", "160")
a, b = "p/train/normal", "p/train/other"
first = sorted(os.path.join(d, f) for d, _, files in os.walk(a) for f in files)[0]
shutil.copy(first, f"{a}/copy.jpg")
shutil.copy(first, f"{b}/stray.jpg")
png(f"{a}/wave.png", 160, 160, wave)
png(f"{b}/near.png", 160, 160, lambda x, y: wave(x, y, shift=6))
png(f"{a}/dark.png", 160, 160, lambda x, y: wave(x, y, light=0.08))
png(f"{a}/tiny.png", 64, 64, wave)
png(f"{a}/strip.png", 340, 94, lambda x, y: wave(x, y, shift=-20))
png(f"{a}/blurred.png", 160, 160, lambda x, y: [x, y, (x + y) // 2])
open(f"{a}/broken.jpg", "wb").write(open(first, "rb").read()[:3000])
answer = json.loads(run("audit", a, b, "--backbone", "none", "--json", "--report", "audit.html").stdout)
found = {(f["kind"], os.path.basename(f["path"])): f for f in answer["findings"]}
for kind, name in (("copy", "stray.jpg"), ("near_copy", "near.png"), ("dark", "dark.png"), ("tiny", "tiny.png"), ("blurred", "blurred.png"),
                   ("unreadable", "broken.jpg")):
    check((kind, name) in found, kind, name, "is not found in", sorted(found))
check("another folder" in found["copy", "stray.jpg"]["note"], found["copy", "stray.jpg"])
copies = [f for f in answer["findings"] if f["kind"] == "copy"]
check(len(copies) == 3 and {os.path.basename(f["path"]) for f in copies} | {os.path.basename(f["other"]) for f in copies} ==
      {"stray.jpg", "copy.jpg", os.path.basename(first)}, copies)
for kind in ("dark", "tiny", "unreadable"):
    check(answer["counts"][kind] == 1, kind, answer["counts"])
check(not answer["compared"] and answer["counts"]["mislabelled"] == 0, answer["counts"])
check([f["name"] for f in answer["folders"]] == [a, b], answer["folders"])
check(sum(g["count"] for g in answer["folders"][0]["groups"]) == answer["folders"][0]["count"], answer["folders"][0])
page = open("audit.html").read()
check("near copies" in page and page.count("data:image/jpeg") >= 8 and "http" not in page, "the page")

# A gate serves as a backbone. While the copies are in both folders, nothing is trained.
run("train", "--normal", a, "--abnormal", b, "--width", "0.35", "--input-size", "96", "--embedding-size", "32", "--batch", "16", "--epochs", "1",
    "--augment", "none", "--false-reject", "10%", "--max-bad", "50%", "-o", "net.safetensors", status=2)
os.remove(f"{b}/stray.jpg")
run("train", "--normal", a, "--abnormal", b, "--width", "0.35", "--input-size", "96", "--embedding-size", "32", "--batch", "16", "--epochs", "1",
    "--augment", "none", "--false-reject", "10%", "--max-bad", "50%", "-o", "net.safetensors", "--report", "none")

# Pictures of one colour among those of another: most are found, and few others called wrong. The nearest of the others is named.
for folder, name, count, colour in (("green", "right", 40, (40, 150, 50)), ("pink", "right", 30, (170, 90, 120)), ("green", "wrong", 6, (170, 90, 120))):
    os.makedirs(folder, exist_ok=True)
    for i in range(count):
        drawn.draw(f"{folder}/{name}{i}", colour)
answer = json.loads(run("audit", "green", "pink", "--backbone", "net.safetensors", "--json", "--report", "planted.html").stdout)
called = {f["path"]: f for f in answer["findings"] if f["kind"] == "mislabelled"}
planted = {path for path in called if "wrong" in path}
check(answer["compared"] and len(planted) >= 5 and len(called) - len(planted) <= 2, sorted(called))
for path in planted:
    check(called[path]["other"].startswith("pink/") and called[path]["other"] in called[path]["note"], called[path])
check(open("planted.html").read().count("data:image/jpeg") >= 2 * len(called), "no thumbnails of the nearest")
text = run("audit", a, b, "--backbone", "net.safetensors").stdout
heads = [line for line in text.splitlines() if line[:1].strip()]
check(not any(line.endswith(": 0") for line in heads) and any(line.startswith("none: ") for line in heads), heads)
check("likely mislabelled" in text and "more like the photos of" in text and "photos (" in text, text)
broken = [line for line in text.splitlines() if "broken.jpg" in line]
check(len(broken) == 1 and broken[0].count("broken.jpg") == 1, "a path stands beside itself:", broken)
os.makedirs("one")
shutil.copy(first, "one")
text = run("audit", "one", "--backbone", "none", "--report", "one.html").stdout
check(re.match(r"one +1 photo  \(100%\) of 1 source:", text) and ">Audit of 1 photo<" in open("one.html").read(), text)
run("audit", "nowhere", status=2)
