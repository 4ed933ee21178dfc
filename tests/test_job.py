#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: test_job.py WINNOW EXAMPLE

The main job from end to end on drawn pictures: train, eval, check, info, the example program; then everything that can be wrong with
what it is given: each gives one clear line, the right exit status, and costs no data."""
import json, os, random, shutil, struct, subprocess, sys, tempfile

winnow, example = (os.path.abspath(path) for path in sys.argv[1:3])
work = tempfile.mkdtemp(prefix="winnow-job-")
os.chdir(work)
os.environ["WINNOW_HOME"] = work  # no backbone there: every gate is trained from scratch, and small
SMALL = ["--width", "0.35", "--input-size", "96", "--embedding-size", "32", "--batch", "16", "--epochs", "3", "--save-interval", "1",
         "--augment", "none", "--false-reject", "40%"]  # of few photos, so that some are turned away whatever three epochs learn
checks = 0


def check(condition, *what):
    global checks
    checks += 1
    if not condition:
        raise SystemExit("FAILED: " + " ".join(map(str, what)))


def run(*arguments, **more):
    return subprocess.run([winnow, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


def refused(words, *arguments, **more):
    """Exit status 2, nothing on stdout, one error line that holds all the words."""
    result = run(*arguments, **more)
    lines = [line for line in result.stderr.splitlines() if "error:" in line]
    check(result.returncode == 2, arguments, result.returncode, result.stderr)
    check(not result.stdout, arguments, "wrote to stdout:", result.stdout)
    check(len(lines) == 1, arguments, "not one error line:", result.stderr)
    for word in words.split("|"):
        check(word in lines[0], arguments, f"no '{word}' in:", lines[0])


def train(*arguments, **more):
    return run("train", "--normal", "p/train/normal", "--abnormal", "p/train/other", "--abnormal", "p/train/lookalike", *SMALL, *arguments, **more)


def draw():
    result = run("synth", "p", "--count", "60", "--size", "128")
    check(result.returncode == 0, result.stderr)


def main_job():
    result = train("-o", "gate.safetensors", "--json", "--reference-outputs", "ref")
    check(result.returncode == 0, result.stderr)
    answer = json.loads(result.stdout)
    for key in ("epochs", "best_epoch", "auroc", "images_per_second", "gate", "calibration_count"):
        check(key in answer, "train --json lacks", key)
    check(answer["epochs"] == 3 and answer["calibration_count"] >= 9, answer)
    for line in ("epoch1: ", "epoch2: ", "epoch3: "):
        check(line in result.stderr, "no", line, result.stderr)
    log = open("gate.csv").read().splitlines()
    check(len(log) == 4 and log[0].startswith("epoch,"), log)
    mean = [float(line) for line in open("ref/mean_embedding.txt")]
    check(len(mean) == 32 and 0 < sum(x * x for x in mean) <= 1.0001, mean)
    page = open("gate.html").read()
    check("<svg" in page and "http://" not in page and "https://" not in page, "the report is not self-contained")

    result = run("eval", "gate.safetensors", "--normal", "p/test/normal", "--abnormal", "p/test/other", "--abnormal", "p/test/lookalike", "--json")
    check(result.returncode == 0, result.stderr)
    answer = json.loads(result.stdout)
    for key in ("auroc", "fpr_at_95_tpr", "false_reject_rate", "abnormal_accept_rate", "threshold", "groups"):
        check(key in answer, "eval --json lacks", key)
    # How well three epochs from a random start tell is luck; over the abnormals' groups it must come out as over all.
    abnormal = [g for g in answer["groups"] if g["label"] == "abnormal"]
    share = sum(g["auroc"] * g["count"] for g in abnormal) / sum(g["count"] for g in abnormal)
    check(abs(answer["auroc"] - share) < 1e-5, answer)
    check({"name", "label", "count", "accepted", "auroc"} <= set(answer["groups"][0]), answer["groups"][0])
    total = sum(g["count"] for g in answer["groups"] if g["label"] == "normal")
    accepted = sum(g["accepted"] for g in answer["groups"] if g["label"] == "normal")
    check(abs(answer["false_reject_rate"] - (total - accepted) / total) < 1e-6, answer)

    info = json.loads(run("info", "gate.safetensors", "--json").stdout)
    check(info["metadata"]["winnow.kind"] == "gate" and "features.0.0.weight" in info["tensors"], info["metadata"])


def bench():
    result = run("bench", "gate.safetensors", "--seconds", "0.05", "--batch", "4", "--threads", "2", "--json")
    check(result.returncode == 0, result.stderr)
    answer = json.loads(result.stdout)
    check([(r["batch"], r["threads"]) for r in answer["results"]] == [(1, 1), (4, 2)], answer["results"])
    for r in answer["results"]:
        check(0 < r["min_ms"] <= r["median_ms"] <= r["p90_ms"] and 0 < r["percent_of_peak"] < 120, r)
        check(abs(r["images_per_second"] * r["median_ms"] / 1000 / r["batch"] - 1) < 1e-4, r)
    check(abs(sum(part["floor_us"] for part in answer["parts"]) - 1000 * answer["floor_ms"]) < 0.01, answer)
    check(sum(part["macs"] for part in answer["parts"]) > 1e6 and all(part["min_us"] > 0 and part["gmacs"] > 0 and 0 < part["percent_of_peak"] < 150 for part in answer["parts"]), answer["parts"])
    check(answer["peak_rss_mb"] > 1 and answer["cold_start_ms"] > 0, answer)
    text = run("bench", "gate.safetensors", "--seconds", "0.01").stdout
    check("of peak" in text and "features.18.0" in text, text)
    refused("photo.jpg", "bench", "photo.jpg")


def quantize():
    start = ["quantize", "gate.safetensors", "--calibrate", "p/test/normal", "--abnormal", "p/test/other"]
    # Of a gate of three epochs the AUROC is luck, and what rounding does to it too.
    result = run(*start, "--max-drop", "0.3", "-o", "small.safetensors", "--json")
    check(result.returncode == 0, result.stderr)
    answer = json.loads(result.stdout)
    check(abs(answer["auroc"] - answer["auroc_before"]) < 0.3 and answer["changed"] < 10, answer)
    check(answer["measured_count"] == answer["calibration_count"] // 2 and 0 < answer["score_deviation"] < answer["score_spread"], answer)
    check(os.path.getsize("small.safetensors") < 0.6 * os.path.getsize("gate.safetensors"), "not smaller")
    measure = ["--normal", "p/test/normal", "--abnormal", "p/test/other", "--json"]
    auroc = [json.loads(run("eval", gate, *measure).stdout)["auroc"] for gate in ("gate.safetensors", "small.safetensors")]
    check(abs(auroc[0] - auroc[1]) < 0.3, auroc)
    for level in ("baseline", "avx2"):  # every machine can open it
        result = run("eval", "small.safetensors", *measure, env={**os.environ, "WINNOW_CPU": level})
        check(abs(json.loads(result.stdout)["auroc"] - auroc[1]) < 0.01, level, result)
    peak = {}
    for gate in ("gate.safetensors", "small.safetensors"):
        answer = json.loads(run("bench", gate, "--seconds", "0.05", "--json").stdout)
        check(all(0 < r["percent_of_peak"] < 120 for r in answer["results"]), answer)
        peak[answer["results"][0]["precision"]] = answer["peak_gmacs"]
    check(peak["int8"] > 1.3 * peak["fp32"], "the peak of bytes", peak)
    refused("quantised already", "quantize", "small.safetensors", "--calibrate", "p/test/normal", "-o", "x.safetensors")
    refused("--calibrate", "quantize", "gate.safetensors", "-o", "x.safetensors")
    refused("-o NEW", "quantize", "gate.safetensors", "--calibrate", "p/test/normal")


def falling_auroc():
    """One kind of photo, divided by the gate's own scores: before, AUROC is 1 but for equal ones, and what moves photos past each other lowers it."""
    photos = photos_below("p/train/normal") + photos_below("p/test/normal")
    lines = run("check", "--json", "gate.safetensors", *photos).stdout.splitlines()
    ranked = sorted((json.loads(line) for line in lines), key=lambda answer: answer["similarity"])
    check(len(ranked) == len(photos) >= 60, len(ranked))
    for i, answer in enumerate(ranked):
        folder = "ranked/low" if i < len(ranked) // 2 else "ranked/high"
        os.makedirs(folder, exist_ok=True)
        shutil.copy(answer["path"], f"{folder}/{i}{os.path.splitext(answer['path'])[1]}")
    start = ["quantize", "gate.safetensors", "--calibrate", "ranked/high", "--abnormal", "ranked/low", "-o", "x.safetensors", "--max-drop"]
    answer = json.loads(run(*start, "1", "--json").stdout)
    drop = answer["auroc_before"] - answer["auroc"]
    check(drop > 0, answer)
    os.remove("x.safetensors")
    refused(f"AUROC falls from {answer['auroc_before']:.4f} to {answer['auroc']:.4f}|nothing was written", *start, str(0.99 * drop))
    refused("AUROC falls|more than --max-drop 0:", *start, "0")
    check(not os.path.exists("x.safetensors"), "a refused gate was written")
    check(run(*start, str(1.01 * drop)).returncode == 0 and os.path.exists("x.safetensors"), "a drop within --max-drop is refused")
    os.remove("x.safetensors")


def bf16_gate():
    start = ["quantize", "gate.safetensors", "--to", "bf16", "--calibrate", "p/test/normal", "--abnormal", "p/test/other"]
    result = run(*start, "--max-drop", "0.3", "-o", "halves.safetensors", "--json")  # luck here too
    check(result.returncode == 0, result.stderr)
    answer = json.loads(result.stdout)
    check(abs(answer["auroc_before"] - answer["auroc"]) < 0.3 and answer["changed"] < 10, answer)
    check(os.path.getsize("halves.safetensors") < 0.75 * os.path.getsize("gate.safetensors"), "not smaller")
    photo = photos_below("p/test/normal")[0]
    check(run("check", "halves.safetensors", photo).returncode in (0, 1), "bf16 gate does not judge")
    result = run("calibrate", "halves.safetensors", "--normal", "p/test/normal", "-o", "camera.safetensors", "--force")  # whether it keeps abnormals out is luck
    check(result.returncode == 0, result.stderr)
    check(json.loads(run("info", "camera.safetensors", "--json").stdout)["metadata"]["winnow.precision"] == "bf16", "precision was lost")
    check(json.loads(run("bench", "halves.safetensors", "--seconds", "0.01", "--json").stdout)["results"][0]["precision"] == "bf16")
    check("used as float32" in run("bench", "halves.safetensors", "--seconds", "0.01", env={**os.environ, "WINNOW_CPU": "baseline"}).stdout)
    for gate in ("gate", "halves"):
        result = run("export", f"{gate}.safetensors", "--to", "onnx", "-o", f"{gate}.onnx")
        check(result.returncode == 0, result.stderr)
    refused("quantised already", "quantize", "halves.safetensors", "--calibrate", "p/test/normal", "-o", "x.safetensors")


def int8_gate():
    """What the other commands make of a gate that computes in bytes (tests/test_teach.py, test_export.py, python/tests and web/gate/test have
    the rest)."""
    photo = photos_below("p/test/normal")[0]
    result = run("check", "small.safetensors", photo)
    check(result.returncode in (0, 1) and photo in result.stdout, result)
    metadata = json.loads(run("info", "small.safetensors", "--json").stdout)["metadata"]
    check(metadata["winnow.precision"] == "int8" and "quantize gate.safetensors" in metadata["winnow.quantized"], metadata)
    result = run("calibrate", "small.safetensors", "--normal", "p/test/normal", "-o", "camera.safetensors", "--force")
    check(result.returncode == 0, result.stderr)
    check(json.loads(run("info", "camera.safetensors", "--json").stdout)["metadata"]["winnow.precision"] == "int8", "precision was lost")
    refused("quantize|the one that it was made of", "train", "--normal", "p/train/normal", "--backbone", "small.safetensors", "-o", "x.safetensors")
    refused("winnow's own", "import", "small.safetensors", "-o", "x.safetensors")
    for form, path in (("coreml", "x.mlmodel"), ("mlpackage", "x.mlpackage"), ("c", "x.c")):
        refused("computes in bytes|quantized from", "export", "small.safetensors", "--to", form, "-o", path)
    refused("computes in bytes", "export", "small.safetensors", "--to", "onnx", "--precision", "fp32", "-o", "x.onnx")


def int8_hostile():
    """Each number that an int8 gate's sums depend on, out of range; then bytes changed at random."""
    gate = open("small.safetensors", "rb").read()
    photo = photos_below("p/test/normal")[0]
    length = struct.unpack("<Q", gate[:8])[0]
    header, start = json.loads(gate[8:8 + length]), 8 + length
    weight, scale = "features.2.conv.0.0.weight", "features.2.conv.0.0.scale"

    def changed(words, name=None, at=0, data=b"", **other):
        new = json.loads(json.dumps(header))
        body = bytearray(gate[start:])
        if data:
            begin = header[name]["data_offsets"][0] + at
            body[begin:begin + len(data)] = data
        if other.get("metadata"):
            new["__metadata__"].update(other.pop("metadata"))
        new.get(name, {}).update(other)
        text = json.dumps(new).encode()
        open("hostile.safetensors", "wb").write(struct.pack("<Q", len(text)) + text + bytes(body))
        refused("hostile.safetensors|" + words, "check", "hostile.safetensors", photo)

    columns = header[weight]["shape"][1]
    changed("row 0 are too large", weight, data=b"\x7f" * columns)
    changed("row 1 are too large", weight, columns, b"\x80")
    for value in (-1.0, 1e-40, 1e37, float("inf"), float("nan")):
        changed("scale", scale, 4, struct.pack("<f", value))
    changed("shape", weight, dtype="F32")
    changed(weight, weight, dtype="U8")
    changed(weight, weight, shape=header[weight]["shape"][::-1])
    changed(scale, scale, shape=[1, header[scale]["shape"][0]], dtype="I32")
    rows = header["gate.ranges"]["shape"][0]
    changed("gate.ranges", "gate.ranges", shape=[2, rows])
    for low, high in ((1, 2), (-2, -1), (float("nan"), 1), (0, 1e7), (-1e-7, 0), (0, float("inf"))):
        changed("gate.ranges", "gate.ranges", 8 * 3, struct.pack("<2f", low, high))
    changed("int4", metadata={"winnow.precision": "int4"})
    chance = random.Random(5)
    for _ in range(100):
        data = bytearray(gate)
        for _ in range(chance.choice((1, 3, 30))):
            data[chance.randrange(start if chance.random() < 0.5 else len(data))] = chance.randrange(256)
        open("hostile.safetensors", "wb").write(data)
        result = run("check", "hostile.safetensors", photo)
        check(result.returncode in (0, 1, 2) and (result.returncode != 2 or result.stderr.count("error:") == 1), result)


def photos_below(folder):
    return sorted(os.path.join(d, f) for d, _, files in os.walk(folder) for f in files)


def judging():
    photos = photos_below("p/train/normal") + photos_below("p/test")  # of so many normals alone a tenth is turned away
    lines = [json.loads(line) for line in run("check", "--json", "gate.safetensors", *photos).stdout.splitlines()]
    check([line["path"] for line in lines] == photos, "another order")
    for line in lines:
        check(line["verdict"] in ("normal", "unsure", "abnormal") and 0 < line["p_value"] <= 1, line)
    result = subprocess.run([winnow, "check", "--json", "--threads", "1", "gate.safetensors", "-"], input="\n".join(photos) + "\n",
                            stdout=subprocess.PIPE, text=True)
    check([json.loads(line) for line in result.stdout.splitlines()] == lines, "stdin or one thread gives other results")

    normal = [line["path"] for line in lines if line["verdict"] == "normal"]
    other = [line["path"] for line in lines if line["verdict"] != "normal"]
    check(normal and other, "the gate does not part anything")
    check(run("check", "gate.safetensors", *normal).returncode == 0)
    check(run("check", "gate.safetensors", *normal, other[0]).returncode == 1)
    open("broken.jpg", "wb").write(open(normal[0], "rb").read()[:2000])
    result = run("check", "gate.safetensors", normal[0], "broken.jpg", other[0])
    check(result.returncode == 2 and len(result.stdout.splitlines()) == 3 and "broken.jpg" in result.stderr, result)
    check("\terror\t" in result.stdout.splitlines()[1], result.stdout)
    check(len(run("check", "gate.safetensors", "p/test/other").stdout.splitlines()) == len(photos_below("p/test/other")), "folder")

    # The example program, on a picture without loss, says what `check` says.
    width, height, pixels = 40, 30, bytes((x * 7 + y * 5 + c * 90) % 256 for y in range(30) for x in range(40) for c in range(3))
    open("picture.ppm", "wb").write(b"P6 40 30 255\n" + pixels)
    result = subprocess.run([example, "gate.safetensors", "picture.ppm"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    check(result.returncode in (0, 1) and "(p = " in result.stdout, result)
    result = subprocess.run([example, "gate.safetensors", "gate.csv"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    check(result.returncode == 2 and "not a PPM" in result.stderr, result)


def bad_photos():
    os.makedirs("empty")
    os.makedirs("few")
    for path in photos_below("p/train/normal")[:3]:
        shutil.copy(path, "few")
    out = ["-o", "x.safetensors"]
    both = ["--normal", "p/train/normal", "--abnormal", "p/train/other", *SMALL, *out]
    refused("missing", "train", "--normal", "missing", "--abnormal", "p/train/other", *SMALL, *out)
    refused("empty", "train", "--normal", "empty", "--abnormal", "p/train/other", *SMALL, *out)
    refused("", "train", "--normal", "few", "--abnormal", "p/train/other", *SMALL, *out)
    refused("--normal", "train", "--abnormal", "p/train/other", *SMALL, *out)
    refused("-o", "train", "--normal", "p/train/normal")
    refused("nowhere", "train", "--normal", "p/train/normal", "--abnormal", "p/train/other", *SMALL, "-o", "nowhere/x.safetensors")
    refused("--normall|--normal", "train", "--normall", "p")
    refused("--false-reject", "train", *both, "--false-reject", "120%")
    refused("--epochs", "train", *both, "--epochs", "0")
    refused("--width", "train", *both, "--width", "7")
    refused("scorer", "train", *both, "--scorer", "magic")
    refused("photos", "train", *both, "--false-reject", "0.1%", "--confidence", "95%")
    refused("nothing.safetensors", "train", *both, "--backbone", "nothing.safetensors")

    # A photo in both, under another name: both are named.
    shutil.copytree("p/train/other", "overlap")
    twin = photos_below("p/train/normal")[0]
    shutil.copy(twin, "overlap/twin.jpg")
    refused(f"{twin}|overlap/twin.jpg", "train", "--normal", "p/train/normal", "--abnormal", "overlap", *SMALL, *out)
    refused(f"{twin}|overlap/twin.jpg", "eval", "gate.safetensors", "--normal", "p/train/normal", "--abnormal", "overlap")
    check(not os.path.exists("x.safetensors"), "a refused training left a gate")

    # Some that cannot be read: reported by name, and the run goes on; too many: it stops.
    shutil.copytree("p/train/normal", "dirty")
    open("dirty/notes.txt", "w").write("not a photo")
    open("dirty/zero.jpg", "w").close()
    os.symlink("gone.jpg", "dirty/dangling.jpg")
    result = run("train", "--normal", "dirty", "--abnormal", "p/train/other", *SMALL, "--max-bad", "20%", *out)
    check(result.returncode == 0, result.stderr)
    for name in ("notes.txt", "zero.jpg", "dangling.jpg"):
        check(sum(name in line for line in result.stderr.splitlines()) == 1, name, "is not reported once:", result.stderr)
    refused("max-bad", "train", "--normal", "dirty", "--abnormal", "p/train/other", *SMALL, "--max-bad", "1%", "-o", "y.safetensors")


def bad_gates():
    gate = open("gate.safetensors", "rb").read()
    photo = photos_below("p/test/normal")[0]
    length = struct.unpack("<Q", gate[:8])[0]
    for size in (0, 1, 7, 8, 9, 8 + length // 2, 8 + length - 1, 8 + length, 9 + length, len(gate) // 2, len(gate) - 1):
        open("cut.safetensors", "wb").write(gate[:size])
        refused("cut.safetensors", "check", "cut.safetensors", photo)
    header = json.loads(gate[8:8 + length])

    def changed(name, change):
        other = json.loads(json.dumps(header))
        data = bytearray(gate[8 + length:])
        change(other, data)
        text = json.dumps(other).encode()
        open(name, "wb").write(struct.pack("<Q", len(text)) + text + bytes(data))
        refused(name, "check", name, photo)

    def absurd(h, d):
        h["embedding.weight"]["shape"] = [2**40, 2**40]

    def dtype(h, d):
        h["embedding.bias"]["dtype"] = "I32"

    def nan(h, d):
        at = h["features.0.0.weight"]["data_offsets"][0]
        d[at:at + 4] = struct.pack("<f", float("nan"))

    def no_promise(h, d):
        del h["__metadata__"]["winnow.false_reject"]

    def other_network(h, d):
        h["__metadata__"]["winnow.architecture"] = "resnet"

    for change in (absurd, dtype, nan, no_promise, other_network):
        changed(f"{change.__name__}.safetensors", change)
    open("huge.safetensors", "wb").write(struct.pack("<Q", 2**63) + b"{}")
    refused("huge.safetensors", "check", "huge.safetensors", photo)
    refused("none.safetensors", "eval", "none.safetensors", "--normal", "p/test/normal")


def full_disk():
    """A file system of 1 MB: the gate does not fit, and what was there stays."""
    os.makedirs("small")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", "small"], stderr=subprocess.DEVNULL).returncode:
        print("not tested: a full disk, for want of the right to mount one")
        return
    try:
        open("small/gate.safetensors", "w").write("the old gate")
        refused("small/gate", "train", "--normal", "p/train/normal", "--abnormal", "p/train/other", *SMALL, "--checkpoint", "none", "--log", "none",
                "--report", "none", "-o", "small/gate.safetensors")
        check(open("small/gate.safetensors").read() == "the old gate", "the old gate is gone")
        check(os.listdir("small") == ["gate.safetensors"], "a temporary file was left", os.listdir("small"))
    finally:
        subprocess.run(["umount", "small"])


try:
    for step in (draw, main_job, bench, quantize, falling_auroc, bf16_gate, int8_gate, int8_hostile, judging, bad_photos, bad_gates, full_disk):
        step()
    print(f"{checks} checks")
finally:
    os.chdir("/")
    shutil.rmtree(work)
