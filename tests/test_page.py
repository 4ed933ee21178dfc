#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: test_page.py WINNOW BROWSER-FOLDER BRIDGE SCREENSHOTS PART...

The camera page in Chromium with a fake camera, served by `winnow serve`; the parts are the functions of the same names below. With
`photos` before them, the camera shows real photos (WINNOW_DATA) and the gate stands on a real backbone; else pictures are drawn. A part
writes SCREENSHOTS/drawn-PART-NAME.png (photos-...), and removes those of before. Needs what `make test` installs: a browser, Node and the
WebAssembly tools; skipped without."""
import contextlib, functools, glob, json, os, random, re, shutil, signal, subprocess, sys, urllib.request

shots, *parts = sys.argv[4:]
browser, bridge, shots = (os.path.abspath(path) for path in sys.argv[2:4] + [shots])
sys.argv[2:] = []
root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
if not (chromium and shutil.which("node") and os.path.isdir(os.path.join(browser, "node_modules", "axe-core"))):
    print("no browser here: run `make browser` once")
    sys.exit(77)
if subprocess.run([os.path.join(root, "tools", "wasm.sh")]).returncode:
    print("the WebAssembly tools are missing")
    sys.exit(77)
data = os.path.abspath(os.environ.get("WINNOW_DATA", os.path.join(root, "..", "shared", "data", "dev")))
mobilenet = os.path.join(data, "..", "..", "weights", "mobilenet_v2_imagenet.safetensors")
real = parts[0] == "photos"
shots_name = "photos" if real else "drawn"
if real and not (os.path.isfile(mobilenet) and os.path.isdir(f"{data}/normal2")):
    print("no photos here")
    sys.exit(77)
os.makedirs(shots, exist_ok=True)

import drawn
from harness import check, done, run, winnow

environment = {**os.environ, "CHROMIUM": chromium, "WINNOW_BROWSER": browser}
VERDICTS = ("normal", "unsure", "abnormal")
KINDS = {"normal": "normal", "lookalike": "near", "other": "far"}  # and the folders of photos
random.seed(1)


def node(script, *arguments):
    subprocess.run(["node", os.path.join(root, "tests", "browser", script), *map(str, arguments)], check=True, env=environment)


def pick(kind, count):
    folder = f"{data}/{KINDS[kind]}/**/*.jpg" if real else "p/test/lookalike/*.jpg" if kind == "lookalike" else f"{kind}/*.png"
    return random.sample(sorted(glob.glob(folder, recursive=True)), count)


def judge(gate, pictures):
    """The native result of each."""
    lines = map(json.loads, run("check", "--json", gate, *pictures, status=None).stdout.splitlines())
    results = {line["path"]: line for line in lines}
    return [results[path] for path in pictures]


def make_gate():
    if real:
        done("train", "--backbone", mobilenet, "--normal", f"{data}/normal", "--abnormal", f"{data}/far", "--abnormal", f"{data}/near",
             "--report", "none", "-o", "gate.safetensors")
    else:
        done("synth", "p", "--count", "60", "--size", "320x240")
        drawn.gate(winnow, "gate.safetensors")


def film(name, pictures, *raw):
    """Frames that show the pictures: their files, and those of what lies under the guide of a phone's screen in each; with the name of a
    y4m file, that of the frames too, 60 a second."""
    frames, squares = ([f"{name}-{i}.{kind}" for i in range(len(pictures))] for kind in ("jpg", "png"))
    with open(f"{name}.json", "w") as file:
        json.dump([{"source": p, "frame": f, "square": s} for p, f, s in zip(pictures, frames, squares)], file)
    node("film.mjs", f"{name}.json", *raw)
    return frames, squares


def video(name, frames, times):
    """30 frames a second, each of the list shown so many times."""
    with open(name, "wb") as file:
        for frame in frames:
            file.write(open(frame, "rb").read() * times)
    return name


def native_pixels():
    """What this machine makes of the picture that page.mjs makes by the same formula."""
    pixels = bytes(255 if i % 4 == 3 else (i * i + 7 * i) % 251 for i in range(160 * 160 * 4))
    result = subprocess.run([bridge, "gate.safetensors"], input=b"160 160 2 1\n" + pixels, stdout=subprocess.PIPE, check=True)
    return json.loads(result.stdout)


@functools.cache
def make_backbone():
    """A backbone alone, and a gate on it that has seen no look-alikes; (backbone, gate)."""
    photos = ["--normal", "normal", "--abnormal", "other", "--false-reject", "5%", "--input-size", "128"]  # what the page itself takes
    backbone = mobilenet
    if real:
        photos = ["--normal", f"{data}/normal", "--abnormal", f"{data}/far"]
    else:
        backbone = "backbone.safetensors"
        drawn.backbone("gate.safetensors", "weights.safetensors")
        done("import", "weights.safetensors", "-o", backbone)
    done("train", "--backbone", backbone, *photos, "--report", "none", "-o", "young.safetensors")
    return os.path.abspath(backbone), os.path.abspath("young.safetensors")


@functools.cache
def make_classes():
    """A gate with two classes and its own advice, and what the native build says of a picture of each class and of another."""
    for name, colour in (("blades", (40, 150, 50)), ("stalks", (60, 70, 190))):
        os.makedirs(f"kinds/{name}")
        for i in range(40):
            drawn.draw(f"kinds/{name}/{i}", colour)
    advice = "Point the camera at the rice"
    done("train", "--classes", "--normal", "kinds", "--abnormal", "other", "--backbone", "none", "--width", "0.35", "--input-size", "96",
         "--embedding-size", "32", "--batch", "16", "--epochs", "12", "--save-interval", "12", "--augment", "none", "--false-reject", "10%",
         "--advice", advice, "--report", "none", "-o", "classes.safetensors")
    pictures = [*sorted(glob.glob("kinds/*/*.png"))[::10], *pick("other", 3)]
    photos = {os.path.abspath(p): r for p, r in zip(pictures, judge("classes.safetensors", pictures))}
    check({r["class"] for r in photos.values() if r["verdict"] == "normal"} == {"blades", "stalks"}, photos)
    check("abnormal" in {r["verdict"] for r in photos.values()}, photos)
    return {"gate": os.path.abspath("classes.safetensors"), "advice": advice, "photos": photos}


TYPES = {"": "text/html; charset=utf-8", "app.js": "text/javascript; charset=utf-8", "style.css": "text/css; charset=utf-8",
         "gate/winnow.wasm": "application/wasm", "icon.svg": "image/svg+xml", "apple-touch-icon.png": "image/png",
         "manifest.webmanifest": "application/manifest+json", "gate.safetensors": "application/octet-stream"}


def served(url):
    for path, kind in TYPES.items():
        headers = urllib.request.urlopen(url + path).headers
        check(headers["Content-Type"] == kind and headers["X-Content-Type-Options"] == "nosniff", path, headers)
        policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
        allowed = {word for words in policy.values() for word in words.split()}
        check(policy["default-src"] == "'none'" and allowed <= {"'none'", "'self'", "'wasm-unsafe-eval'", "blob:", "mediastream:"}, policy)
        check(policy.pop("frame-ancestors") == "'none'")
        if not path:
            page = urllib.request.urlopen(url).read().decode()
            own = re.search(r'<meta http-equiv="Content-Security-Policy" content="(.*)">', page).group(1)
            check(dict(part.split(" ", 1) for part in own.split("; ")) == policy, "the page's own policy is another", own, policy)
    for path, status in {"gate/winnow.wasm": 200, "../README.md": 404, "gate/../../README.md": 404, "%2e%2e/README.md": 404, ".x": 404,
                         "gate": 404, "gate/src/bridge.c": 404, "gate/README.md": 404, "gate/index.d.ts": 404}.items():
        if shutil.which("curl"):
            got = subprocess.run(["curl", "-s", "-o", os.devnull, "-w", "%{http_code}", "--path-as-is", url + path], stdout=subprocess.PIPE, text=True)
            check(int(got.stdout) == status, path, got.stdout)


def make_site():
    """The page and its gate as plain files: whole, and without the WebAssembly."""
    shutil.copytree(os.path.join(root, "web"), "site", ignore=shutil.ignore_patterns("*.safetensors", "test", "src"))
    shutil.copy("gate.safetensors", "site")
    shutil.copytree("site", "half", ignore=shutil.ignore_patterns("*.wasm"))


def make_bundle():
    """An app of the npm package as Vite makes it by itself, and its gate: its folder."""
    shutil.copytree(os.path.join(root, "web", "gate"), "app/node_modules/winnow-gate", ignore=shutil.ignore_patterns("test", "src"))
    for name, text in {"package.json": '{"private": true, "type": "module", "dependencies": {"winnow-gate": "*"}}',
                       "index.html": '<!doctype html><title>app</title><script type="module" src="./main.js"></script>',
                       "main.js": "import { Gate } from 'winnow-gate';\nimport { WorkerGate } from 'winnow-gate/worker';\n"
                                  "window.gates = [Gate, WorkerGate];\n"}.items():
        with open(f"app/{name}", "w") as file:
            file.write(text)
    subprocess.run(["node", f"{browser}/node_modules/vite/bin/vite.js", "build", "--logLevel", "warn", "app"], check=True)
    shutil.copy("gate.safetensors", "app/dist")
    return "app/dist"


@contextlib.contextmanager
def static(folder):
    """Its URL at a server that knows nothing of winnow."""
    server = subprocess.Popen([sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", folder],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        yield re.search(r"http://\S+/", server.stdout.readline()).group()
    finally:
        server.terminate()
        server.wait()


# ---- the parts ----

def page(url):
    """Layout, languages, accessibility, files, messages, offline, the npm package in an app: page.mjs."""
    served(url)
    make_site()
    pictures = pick("normal", 4) + pick("other", 4)
    frames, _ = film("page", pictures)
    plan = {"photos": {os.path.abspath(p): r for p, r in zip(pictures, judge("gate.safetensors", pictures))},
            "threshold": float(json.loads(done("info", "--json", "gate.safetensors"))["metadata"]["winnow.threshold"]),
            "classes": None if real else make_classes(), "pixels": native_pixels()}
    with static("site") as plan["static"], static("half") as plan["half"], static(make_bundle()) as plan["bundle"]:
        with open("plan.json", "w") as file:
            json.dump(plan, file)
        node("page.mjs", video("page.mjpeg", frames, 30), "plan.json")


def visits(url):
    """Later visits on bad connections, and the person's own gate: visits.mjs."""
    frames, _ = film("visits", pick("normal", 4))
    node("visits.mjs", video("visits.mjpeg", frames, 30), make_classes()["gate"], make_backbone()[1])


def verdicts(url):
    """Normals, look-alikes, scenes: what the gauge shows at each frame is what the native gate and the native smoothing say."""
    candidates = {kind: pick(kind, 30) for kind in KINDS}
    _, squares = film("try", sum(candidates.values(), []))
    native = dict(zip(sum(candidates.values(), []), judge("gate.safetensors", squares)))
    threshold = float(json.loads(done("info", "--json", "gate.safetensors"))["metadata"]["winnow.threshold"])
    shown = []
    for kind, count in (("normal", 4), ("lookalike", 6), ("other", 4)):
        wanted = {"normal": ("normal",), "other": ("abnormal",)}.get(kind, VERDICTS)
        suitable = [p for p in candidates[kind] if native[p]["verdict"] in wanted]
        shown += sorted(suitable, key=lambda path: abs(native[path]["similarity"] - threshold))[-count:]
    check(len(shown) >= 10, "too few of a kind", [native[p]["verdict"] for p in shown])
    frames, squares = film("watch", shown)
    node("verdicts.mjs", video("watch.mjpeg", frames, 30), len(frames), "log.json", "squares")
    log = json.load(open("log.json"))
    # The camera's JPEG and its colours move a similarity a little, so the native gate judges what the page's gate was given.
    lines = subprocess.run([bridge, "gate.safetensors"], stdin=open("squares", "rb"), stdout=subprocess.PIPE, check=True, text=True).stdout
    results = [{**line, "verdict": VERDICTS[line["verdict"]]} for line in map(json.loads, lines.splitlines())]
    check(len(results) == len(frames), len(results))
    of_files = [result["verdict"] for result in judge("gate.safetensors", squares)]
    same = sum(result["verdict"] == verdict for result, verdict in zip(results, of_files))
    print(f"{len(log)} frames of {len(frames)} pictures, {same} of which get the verdict of their file")
    check(same >= 0.8 * len(frames), "the camera's picture is not the file's", of_files, results)
    native_frames = [results[frame["mark"]] for frame in log]
    for frame, result in zip(log, native_frames):
        apart = abs(frame["result"]["similarity"] - result["similarity"])
        check(apart <= 1e-5 * max(1, abs(result["similarity"])), "a frame's similarity", frame, result)
        check(frame["result"]["verdict"] == result["verdict"], "a frame's verdict", frame, result)
    lines = "".join(f"{VERDICTS.index(r['verdict'])} {r['pValue']} {r['similarity']} {f['seconds']:.9f}\n" for f, r in zip(log, native_frames))
    smoothed = subprocess.run([bridge], input=lines, stdout=subprocess.PIPE, check=True, text=True).stdout.split()
    check(len(smoothed) == len(log), "frames were lost")
    windows = []
    for frame, number in zip(log, smoothed):
        verdict = VERDICTS[int(number)]
        check(frame["gauge"] == frame["shown"]["verdict"] == verdict, "the gauge", frame, verdict)
        check(abs(frame["ring"] - 100 * frame["shown"]["gauge"]) < 0.1, "the ring", frame)
        check(frame["ring"] >= 50 if verdict == "normal" else frame["ring"] <= 50, "the ring is on the other side of half", frame)
        if not windows or windows[-1][0] != frame["mark"]:
            windows.append([frame["mark"], verdict])
        windows[-1][1] = verdict
    print("at the end of each picture:", *(f"{results[mark]['verdict']}>{verdict}" for mark, verdict in windows))
    check({verdict for _, verdict in windows} >= {"normal", "abnormal"}, "the gauge never turned")


def teach(url):
    """Teaching from a backbone and from a gate: teach.mjs; the files that the page saves score the same here."""
    backbone, young = make_backbone()
    counts = {"normal": 24, "other": 12, "lookalike": 8}
    frames, _ = film("teach", sum((pick(kind, count) for kind, count in counts.items()), []))
    plan, begin = {"gate": young, "backbone": backbone, "pictures": len(frames)}, 0
    for kind, count in counts.items():
        plan[kind] = [begin, begin + count - 1]
        begin += count
    with open("teach.json", "w") as file:
        json.dump(plan, file)
    # A page without a gate is served with the default backbone.
    shutil.copytree(os.path.join(root, "web"), "web", ignore=shutil.ignore_patterns("*.safetensors", "test"))
    os.makedirs("backbones", exist_ok=True)
    os.symlink(backbone, "backbones/mobilenet_v2.safetensors")
    with serving("--web", "web"):
        node("teach.mjs", video("teach.mjpeg", frames, 15), "teach.json")
    for name in ("taught", "learned"):
        scores = json.load(open(f"{name}/scores.json"))
        for i, (there, here) in enumerate(zip(scores, judge(f"{name}.safetensors", [f"{name}/{i}.png" for i in range(len(scores))]))):
            apart = abs(there["similarity"] - here["similarity"])
            check(apart <= 1e-5 * max(1, abs(here["similarity"])) and there["verdict"] == here["verdict"], name, i, there, here)
        print(len(scores), "pictures score in", f"{name}.safetensors", "as they did in the page")


def rate(url, count=300):
    """Frames a second, of a camera of 60 with the pixels that camera.js asks for, which shows another picture in each."""
    film("rate", sum((pick(kind, 10) for kind in KINDS), []), "camera.y4m")
    node("rate.mjs", "camera.y4m", count)


def memory(url):
    """Memory stays where it is over 3,000 frames."""
    rate(url, 3000)


@contextlib.contextmanager
def serving(*arguments):
    server = subprocess.Popen([winnow, "serve", *arguments, "--port", "0"], stdout=subprocess.PIPE, text=True)
    before = environment.get("WINNOW_PAGE", "")
    try:
        environment["WINNOW_PAGE"] = server.stdout.readline().strip()
        yield environment["WINNOW_PAGE"]
    finally:
        environment["WINNOW_PAGE"] = before
        server.send_signal(signal.SIGINT)
        check(server.wait(timeout=10) == 0, "serve ended with", server.returncode)


make_gate()
with serving("--web", os.path.join(root, "web"), "--gate", "gate.safetensors") as url:
    for part in parts[real:]:
        environment["WINNOW_SHOTS"] = os.path.join(shots, f"{shots_name}-{part}")
        for old in glob.glob(glob.escape(environment["WINNOW_SHOTS"]) + "-*.png"):
            os.remove(old)
        {"page": page, "visits": visits, "verdicts": verdicts, "teach": teach, "rate": rate, "memory": memory}[part](url)
