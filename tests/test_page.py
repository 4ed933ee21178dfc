#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: test_page.py WINNOW BROWSER-FOLDER BRIDGE

The camera page in Chromium with a fake camera, served by `winnow serve`. With the photos of WINNOW_DATA, Pillow and a backbone, the camera
shows real photos and the gate is a real one; else both are drawn. Needs `make browser` and the WebAssembly tools; skipped without."""
import glob, json, os, random, shutil, signal, subprocess, sys, tempfile, urllib.request

winnow, browser, bridge = (os.path.abspath(path) for path in sys.argv[1:4])
top = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
if not (chromium and shutil.which("node") and os.path.isdir(os.path.join(browser, "node_modules", "axe-core"))):
    print("skipped: no browser here: run `make browser` once")
    sys.exit(77)
if subprocess.run([os.path.join(top, "tools", "wasm.sh")]).returncode:
    print("skipped: the WebAssembly tools are missing")
    sys.exit(77)
data = os.environ.get("WINNOW_DATA", os.path.join(top, "..", "shared", "data", "dev"))
backbone = os.path.join(data, "..", "..", "weights", "mobilenet_v2_imagenet.safetensors")
try:
    from PIL import Image
    real = os.path.isfile(backbone)
except ImportError:
    real = False
work = tempfile.mkdtemp(prefix="winnow-page-")
out = os.environ.get("WINNOW_SCREENSHOTS", os.path.join(work, "out"))
os.makedirs(out, exist_ok=True)
random.seed(1)


def run(*arguments, status=(0,)):
    result = subprocess.run([winnow, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if result.returncode not in status:
        raise SystemExit(f"FAILED: {arguments}: {result.returncode}\n{result.stderr}")
    return result.stdout


def judge(photos):
    lines = map(json.loads, run("check", "--json", gate, *photos, status=(0, 1)).splitlines())
    return {line["path"]: line for line in lines}


def frame(path):
    """A photo as a phone's camera would show it: 720x960, the photo where the guide of a 390x844 screen is."""
    photo = Image.open(path).convert("RGB")
    canvas = photo.resize((720, 960))
    canvas.paste(photo.resize((346, 346)), (187, 269))
    name = os.path.join(work, "frame.jpg")
    canvas.save(name, quality=92)
    return open(name, "rb").read()


def native_pixels():
    """What this machine makes of the picture that page.mjs makes by the same formula."""
    pixels = bytes(255 if i % 4 == 3 else (i * i + 7 * i) % 251 for i in range(160 * 160 * 4))
    result = subprocess.run([bridge, gate], input=b"160 160 2 1\n" + pixels, stdout=subprocess.PIPE, check=True)
    return json.loads(result.stdout)


server = None
try:
    gate, video = os.path.join(work, "gate.safetensors"), os.path.join(work, "camera.mjpeg")
    plan = {"seconds": 5, "parts": [], "photos": {}, "teach": real and not os.environ.get("WINNOW_NO_TEACH")}
    if real:
        run("train", "--backbone", backbone, "--normal", f"{data}/normal", "--abnormal", f"{data}/far", "--abnormal", f"{data}/near",
            "--report", "none", "-o", gate)
        pick = lambda kind, n: random.sample(sorted(glob.glob(f"{data}/{kind}/**/*.jpg", recursive=True)), n)
        results = judge(pick("normal", 12) + pick("far", 12))
        parts = {v: [p for p, r in results.items() if r["verdict"] == v and ("/normal/" in p) == (v == "normal")] for v in ("normal", "abnormal")}
        with open(video, "wb") as file:
            for verdict in ("normal", "abnormal"):
                for path in parts[verdict][:5]:
                    file.write(frame(path) * 30)
        plan["parts"] = ["normal", "abnormal"]
        plan["photos"] = {p: results[p] for v in parts.values() for p in v[:3]}
    else:
        run("synth", f"{work}/p", "--count", "24", "--size", "640x480")
        os.environ["WINNOW_HOME"] = work
        run("train", "--backbone", "none", "--normal", f"{work}/p/train/normal", "--abnormal", f"{work}/p/train/other", "--width", "0.35",
            "--input-size", "96", "--epochs", "20", "--save-interval", "20", "--embedding-size", "32", "--batch", "16", "--augment", "none",
            "--false-reject", "20%", "--report", "none", "-o", gate)
        photos = sorted(glob.glob(f"{work}/p/test/*/*.jpg"))[:8] + sorted(glob.glob(f"{work}/p/test/normal/*/*.jpg"))[:8]
        plan["photos"] = dict(list(judge(photos).items())[:4])
        with open(video, "wb") as file:
            for path in photos:
                file.write(open(path, "rb").read() * 15)
    plan["threshold"] = json.loads(run("info", "--json", gate))["metadata"]["winnow.threshold"]
    plan["threshold"] = float(plan["threshold"])
    plan["pixels"] = native_pixels()
    json.dump(plan, open(os.path.join(work, "plan.json"), "w"))

    server = subprocess.Popen([winnow, "serve", "--web", os.path.join(top, "web"), "--gate", gate, "--port", "0"], stdout=subprocess.PIPE, text=True)
    url = server.stdout.readline().strip()
    reply = urllib.request.urlopen(url)
    assert "default-src 'none'" in reply.headers["Content-Security-Policy"], reply.headers
    for path, status in {"gate/winnow.wasm": 200, "../README.md": 404, "gate/../../README.md": 404, "%2e%2e/README.md": 404, ".x": 404, "gate": 404}.items():
        got = subprocess.run(["curl", "-s", "-o", os.devnull, "-w", "%{http_code}", "--path-as-is", url + path], stdout=subprocess.PIPE, text=True) if shutil.which("curl") else None
        if got and int(got.stdout) != status:
            raise SystemExit(f"FAILED: {path}: {got.stdout}, not {status}")
    subprocess.run(["node", os.path.join(top, "tests", "browser", "page.mjs"), chromium, url, video, os.path.join(work, "plan.json"), out],
                   check=True, env={**os.environ, "WINNOW_BROWSER": browser})
    if plan["teach"]:  # what the page taught is a gate of the command line
        run("check", os.path.join(out, "taught.safetensors"), *plan["photos"], status=(0, 1))
finally:
    if server:
        server.send_signal(signal.SIGINT)
        if server.wait(timeout=10):
            raise SystemExit(f"FAILED: serve ended with {server.returncode}")
    shutil.rmtree(work)
