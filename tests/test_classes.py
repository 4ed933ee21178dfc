#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: test_classes.py WINNOW

The diagnosis behind the gate on painted pictures: train --classes, check, eval --classes, check --explain, and check --then with hostile names of files."""
import json, os, re, select, shutil, struct, subprocess, zlib
from random import Random
from statistics import mean

from harness import check, run, winnow

SMALL = ["--width", "0.35", "--input-size", "96", "--embedding-size", "32", "--batch", "16", "--epochs", "4", "--save-interval", "4",
         "--augment", "none", "--false-reject", "10%"]


def png(path, paint):
    rows = b"".join(b"\0" + bytes(min(255, max(0, int(v))) for x in range(96) for v in paint(x, y)) for y in range(96))
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    open(path, "wb").write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 96, 96, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) +
                           chunk(b"IEND", b""))


def pixels(path):
    """Rows of bytes of an RGB PNG."""
    data, at, body = open(path, "rb").read(), 8, b""
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        if kind == b"IHDR":
            width, height = struct.unpack(">II", data[at + 8:at + 16])
        body += data[at + 8:at + 8 + size] if kind == b"IDAT" else b""
        at += 12 + size
    raw, above, rows = zlib.decompress(body), bytes(3 * width), []
    for y in range(height):
        way, row = raw[y * (3 * width + 1)], bytearray(raw[y * (3 * width + 1) + 1:(y + 1) * (3 * width + 1)])
        for i in range(len(row)):
            left, corner = (row[i - 3], above[i - 3]) if i >= 3 else (0, 0)
            nearest = min((left, above[i], corner), key=lambda v: abs(left + above[i] - corner - v))
            row[i] = (row[i] + (0, left, above[i], (left + above[i]) // 2, nearest)[way]) % 256
        rows.append(bytes(row))
        above = rows[-1]
    return rows


def folders():
    """Two classes of stripes, green ones and yellow ones; what is abnormal is blue and blotchy."""
    random = Random(1)
    for part, count in (("train", 60), ("test", 25)):
        for kind, colour in (("plants/blades", (60, 170, 60)), ("plants/weeds", (190, 170, 50)), ("other", (90, 90, 180))):
            os.makedirs(f"{part}/{kind}")
            for i in range(count):
                period, phase, light = random.randrange(6, 14), random.randrange(14), random.uniform(0.7, 1.2)
                blots = [[random.uniform(-60, 60) for _ in range(8)] for _ in range(8)]
                def paint(x, y):
                    grain = blots[y // 12][x // 12] if kind == "other" else 50 * ((x + phase) % period < period // 2)
                    return [light * (c + grain) + (x * 7 + y * 13 + i) % 17 for c in colour]
                png(f"{part}/{kind}/{i}.png", paint)


def training():
    answer = json.loads(run("train", "--classes", "--normal", "train/plants", "--abnormal", "train/other", *SMALL, "-o", "gate.safetensors",
                            "--json").stdout)["diagnosis"]
    check([c["name"] for c in answer["classes"]] == ["blades", "weeds"], answer)
    check(answer["accuracy"] > 0.7 and len(answer["confusion"]) == 2, answer)
    page = open("gate.html").read()
    check('id="headline"' in page and 'id="confusion"' in page, "no diagnosis on the page")
    with open("gate.safetensors", "rb") as file:  # the loss told the two classes apart, and the abnormals from both
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
    check(header["arcface.weight"]["shape"] == [3, 32], header["arcface.weight"])
    first = [os.path.join(d, f) for d, _, files in sorted(os.walk("train/plants")) for f in files]
    for folder in ("loose/blades", "one/blades"):
        os.makedirs(folder)
        for path in first[:40]:
            shutil.copy(path, folder)
    shutil.copy(first[-1], "loose/lost.png")
    out = ["--abnormal", "train/other", *SMALL, "-o", "x.safetensors"]
    check("lost.png" in run("train", "--classes", "--normal", "loose", *out, status=2).stderr, "a photo without a class is not named")
    check("'blades'" in run("train", "--classes", "--normal", "one", *out, status=2).stderr, "a single class")


def measuring():
    answer = json.loads(run("eval", "gate.safetensors", "--classes", "--normal", "test/plants", "--abnormal", "test/other", "--confident", "60%",
                            "--report", "eval.html", "--json").stdout)["diagnosis"]
    check(sum(map(sum, answer["confusion"])) == sum(c["count"] for c in answer["classes"]), answer)
    check(answer["wrong"] >= 20 and answer["wrong_gated"] <= answer["wrong"] / 2, answer)
    check(answer["confident_wrong"] >= 5 and answer["confident_wrong_gated"] <= answer["confident_wrong"] / 2, answer)
    check(answer["confident"] == 0.6 and answer["accuracy"] > 0.7, answer)
    text = run("eval", "gate.safetensors", "--classes", "--normal", "test/plants", "--abnormal", "test/other").stdout
    check("weeds" in text and "diagnosis" in text, text)
    os.rename("test/plants/weeds", "test/plants/nettles")
    check("nettles" in run("eval", "gate.safetensors", "--classes", "--normal", "test/plants", status=2).stderr, "an unknown class is not named")
    os.rename("test/plants/nettles", "test/plants/weeds")


def drifting():
    """Photos through a blue filter are told from good ones, by eval and by check; neither changes what is printed nor the status."""
    os.makedirs("spoilt")
    random = Random(3)
    for i in range(80):
        period, phase = random.randrange(6, 14), random.randrange(14)
        png(f"spoilt/{i}.png", lambda x, y: [(c + 50 * ((x + phase) % period < period // 2)) * f for c, f in zip((60, 170, 60), (1.5, 0.5, 3.0))])
    good = run("eval", "gate.safetensors", "--normal", "test/plants", "--json")
    drift = json.loads(good.stdout)["drift"]
    check(not drift["drifted"] and not drift["promise_broken"] and drift["significance"] > 0.001 and drift["lean"] < 0.5, drift)
    check("less normal" not in good.stderr, good.stderr)
    bad = run("eval", "gate.safetensors", "--normal", "spoilt", "--report", "spoilt.html", "--json")
    drift = json.loads(bad.stdout)["drift"]
    check(drift["drifted"] and drift["promise_broken"] and drift["significance"] < 0.001 and drift["lean"] > 0.5, drift)
    check("more than chance; they look less normal" in bad.stderr and "`winnow calibrate` on 60" in bad.stderr and "promise is not kept" in open("spoilt.html").read(), bad.stderr)
    few = json.loads(run("eval", "gate.safetensors", "--abnormal", "spoilt", "--json").stdout)["drift"]
    check(few == {**drift, "significance": None, "lean": None, "drifted": False, "promise_broken": False}, few)
    note = "that is more than chance"
    answer = run("check", "gate.safetensors", "spoilt", status=1)
    count = {word: sum(line.split("\t")[1] == word for line in answer.stdout.splitlines()) for word in ("normal", "unsure", "abnormal")}
    check(f"80 photos: {count['normal']} normal, {count['unsure']} unsure, {count['abnormal']} abnormal; " in answer.stderr, answer.stderr)
    check(answer.stderr.count(note) == 1 and note not in answer.stdout and len(answer.stdout.splitlines()) == 80, answer.stderr)
    check(note not in run("check", "gate.safetensors", "test/plants", status=None).stderr, "good photos are called unlike")
    check(note not in run("check", "gate.safetensors", *[f"spoilt/{i}.png" for i in range(80)], status=1).stderr, "of photos that were named one by one")
    one_of_many("gate.safetensors")
    for i in range(61):
        os.remove(f"spoilt/{i}.png")
    check(note not in run("check", "gate.safetensors", "spoilt", status=1).stderr, "19 photos are too few")


def one_of_many(gate):
    """Of a promise that is an average over sources one camera proves nothing; what it turns away is told all the same."""
    data = open(gate, "rb").read()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + size])
    header["__metadata__"].update({"winnow.calibration.promise": "groups", "winnow.calibration.groups": "30"})
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    open("grouped.safetensors", "wb").write(len(text).to_bytes(8, "little") + text + data[8 + size:])
    answer = run("eval", "grouped.safetensors", "--normal", "spoilt", "--json")
    drift = json.loads(answer.stdout)["drift"]
    check(not drift["drifted"] and not drift["promise_broken"] and drift["explained_rate"] > 0.05, drift)
    check("an average over sources, and some may lie above it" in answer.stderr, answer.stderr)
    answer = run("check", "grouped.safetensors", "spoilt", status=1)
    check("more than sources have on average" in answer.stderr and "on average over sources" in answer.stderr, answer.stderr)


def checking():
    paths = [os.path.join(d, f) for d, _, files in os.walk("test") for f in sorted(files)]
    lines = [json.loads(line) for line in subprocess.run([winnow, "check", "--json", "gate.safetensors", *paths], stdout=subprocess.PIPE,
                                                         text=True).stdout.splitlines()]
    for line in lines:
        if line["verdict"] == "normal":
            check(line["class"] in ("blades", "weeds") and 0.5 <= line["probability"] <= 1, line)
        else:
            check(line["class"] is None and line["probability"] is None, line)
    accepted = [line for line in lines if line["verdict"] == "normal"]
    rejected = [line for line in lines if line["verdict"] != "normal"]
    check(len(accepted) > 20 and len(rejected) > 20, "the gate does not part anything")
    right = sum(f"/{line['class']}/" in line["path"] for line in accepted)
    check(right > 0.6 * len(accepted), right, len(accepted))
    text = run("check", "gate.safetensors", accepted[0]["path"], rejected[0]["path"], status=1).stdout.splitlines()
    check(text[0].split("\t")[4] == accepted[0]["class"] and text[1].split("\t")[4] == "rejected", text)
    return accepted[0], rejected[0]["path"]


def handing_on(accepted, rejected):
    names = ["it's; touch owned $(touch owned) `touch owned`.png", "-n two  spaces.png", 'quo"te\\.png']
    for name in names:
        shutil.copy(accepted["path"], name)
    given = [f"./{names[0]}", names[1], names[2]]
    out = run("check", "--then", "printf '<%s>\\n' {} \"$WINNOW_CLASS\"", "gate.safetensors", "--", *given, rejected, status=1).stdout
    for path in (given[0], "./" + names[1], names[2]):
        check(f"<{path}>\n<{accepted['class']}>" in out, path, "in", out)
    check(f"<{rejected}>" not in out and not os.path.exists("owned"), out)
    check("[photo" not in out, out)
    check(f"args {names[2]}" in run("check", "--then", "echo args", "gate.safetensors", names[2]).stdout, "the path is not the last argument")
    result = run("check", "--then", "exit 7", "gate.safetensors", names[2], status=2)
    check("status 7" in result.stderr and names[2] in result.stderr, result.stderr)
    listed = "".join(f"{accepted['path']}\n" for _ in range(600))  # a command that reads must not eat the list
    out = subprocess.run([winnow, "check", "gate.safetensors", "-", "--then", "cat >/dev/null; :"], input=listed, stdout=subprocess.PIPE, text=True).stdout
    check(out.count("\n") == 600, out.count("\n"), "lines for 600 photos")
    run("check", "--then", "exit 7 #", "gate.safetensors", rejected, status=1)  # nothing is run for what is turned away


def watching(path):
    """Paths that come one by one are judged one by one; the last may lack its end."""
    watch = subprocess.Popen([winnow, "check", "gate.safetensors", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    for _ in range(2):
        watch.stdin.write(path + "\r\n\n")
        watch.stdin.flush()
        check(select.select([watch.stdout], [], [], 60)[0], "nothing is said until the input ends")
        check(watch.stdout.readline().startswith(path + "\tnormal"), "not the photo's line")
    rest, _ = watch.communicate("x" * 9000 + "\n" + path)
    check([line.split("\t")[:2] for line in rest.splitlines()] == [["x" * 9000, "error"], [path, "normal"]] and watch.returncode == 2, rest)


def explaining(accepted):
    """A map for each photo, under names of its own; a scale of 28 pixels below."""
    photo = accepted["path"]
    told = run("check", "--explain", "map.png", "gate.safetensors", photo, photo).stderr
    first, second = open("map.png", "rb").read(), open("map-2.png", "rb").read()
    check(first == second and first[:8] == b"\x89PNG\r\n\x1a\n", "maps of one photo differ")
    check(struct.unpack(">II", first[16:24]) == (96, 96 + 28), struct.unpack(">II", first[16:24]))
    check(first != open(photo, "rb").read() and not os.path.exists("map-3.png"), "no map")
    check(0 < float(re.search(r"full colour is ([-+.e\d]+) above", told)[1]) < 100, told)
    strength = [rows[95 + 20][3 * x + 1] - rows[95 + 20][3 * x] for rows in [pixels("map.png")] for x in (10, 85)]
    check(strength[0] < -20 and strength[1] > 20, "no scale from orange to green", strength)
    # Halves and quarters of what is normal in what is not, and the reverse, everywhere: what is normal is green, the other orange.
    def grain(x, y):
        return 50 * (x % 10 < 5) + (x * 7 + y * 13) % 17
    parts = {"left": (0, 0, 48, 96), "top": (0, 0, 96, 48), **{f"quarter at {x}, {y}": (x, y, x + 48, y + 48) for x in (0, 24, 48) for y in (0, 24, 48)}}
    for name, (left, top, right, bottom) in parts.items():
        for turned in (False, True):
            normal = lambda x, y: (left <= x < right and top <= y < bottom) != turned
            png("part.png", lambda x, y: [c + grain(x, y) for c in ((60, 170, 60) if normal(x, y) else (90, 90, 180))])
            run("check", "--explain", "part-map.png", "gate.safetensors", "part.png", status=None)
            rows, green = pixels("part-map.png"), {True: [], False: []}
            for y in range(96):
                for x in range(96):
                    green[normal(x, y)].append(rows[y][3 * x + 1] - rows[y][3 * x])
            inside, outside = mean(green[True]), mean(green[False])
            lower = sum(a < inside for a in green[False]) / len(green[False])
            check(inside > outside + 25 and lower > 0.65, name, turned, inside, outside, lower)
    check("nowhere" in run("check", "--explain", "nowhere/map.png", "gate.safetensors", photo, status=2).stderr, "a missing folder")


folders()
training()
measuring()
drifting()
accepted, rejected = checking()
explaining(accepted)
watching(accepted["path"])
handing_on(accepted, rejected)
