#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: test_report.py WINNOW BROWSER-FOLDER

The pages of `train` and `eval` on drawn pictures: self-contained, whole, and, where `make browser` has put Chromium and playwright-core,
looked at by a browser (tests/browser/report.mjs)."""
import os, re, shutil, subprocess, sys, tempfile

import drawn

winnow, browser = (os.path.abspath(path) for path in sys.argv[1:3])
script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "browser", "report.mjs")
work = tempfile.mkdtemp(prefix="winnow-report-")
os.chdir(work)
os.environ["WINNOW_HOME"] = work


def run(*arguments):
    result = subprocess.run([winnow, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if result.returncode:
        raise SystemExit(f"FAILED: {arguments}: {result.returncode}\n{result.stderr}")


def check(condition, *what):
    if not condition:
        raise SystemExit("FAILED: " + " ".join(map(str, what)))


def static(name):
    page = open(name).read()
    check(not re.search(r'(?:src|href|url\()\s*=?\s*["\']?(?!data:)[a-z]*:?//', page), name, "asks for something")
    check(page.count("<svg") == page.count("</svg>") >= 3, name, "lacks charts")
    check(page.endswith("</main></body></html>\n"), name, "is cut short")
    for words in ("The gate turned away", "accepted-abnormals", "rejected-normals", "Map of the photos", "What if the threshold moved?", "winnow train"):
        check(words in page, name, "lacks", words)
    for wrong, way in (("turned away", "--normal"), ("let through", "--abnormal")):
        check("turn away them" not in page and ("them away" in page or "were let through (0)" in page), name, "does not speak English")
        check(f"were {wrong} (0)" in page or f"winnow learn GATE {way}" in page, name, "does not say how to teach what was", wrong)
    return page


def with_browser(*pages):
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not (chromium and shutil.which("node") and os.path.isdir(os.path.join(browser, "node_modules", "playwright-core"))):
        print("not tested: how the pages look, for want of a browser (`make browser`); they were read")
        return
    subprocess.run(["node", script, chromium, *pages], check=True, env={**os.environ, "WINNOW_BROWSER": browser})


try:
    run("synth", "p", "--count", "80", "--size", "128")
    small = ["--width", "0.35", "--input-size", "96", "--embedding-size", "32", "--batch", "16", "--epochs", "2", "--save-interval", "1",
             "--augment", "none", "--false-reject", "10%"]
    run("synth", "q", "--count", "4", "--size", "64")
    drawn_pictures = sorted(os.path.join(d, f) for d, _, files in os.walk("q/train/other") for f in files)
    shutil.copy(drawn_pictures[0], "p/train/other/so-small" + os.path.splitext(drawn_pictures[0])[1])
    run("train", "--normal", "p/train/normal", "--abnormal", "p/train/other", "--abnormal", "p/train/lookalike", *small, "-o", "gate.safetensors")
    os.rename("p/test/normal", "p/test/<normal> & \"co\"")  # names are data, not markup
    run("eval", "gate.safetensors", "--normal", "p/test/<normal> & \"co\"", "--abnormal", "p/test/other", "--abnormal", "p/test/lookalike",
        "--report", "eval.html")
    page = static("gate.html")
    check("Learning curves" in page, "no learning curves after a training")
    check(re.search(r'<details class="audit"><summary>tiny: 1</summary>.*so-small', page, re.S), "the audit of the photos is not in the report")
    page = static("eval.html")
    check("&lt;normal&gt; &amp; &quot;co&quot;" in page and "<normal>" not in page, "names are not escaped")
    # Frozen: no epochs; the plots of the normals as classes: a diagnosis. And the page of an audit.
    drawn.backbone("gate.safetensors", "backbone.safetensors")
    run("train", "--classes", "--normal", "p/train/normal", "--abnormal", "p/train/other", "--backbone", "backbone.safetensors", "--input-size", "96",
        "--false-reject", "10%", "-o", "frozen.safetensors")
    page = static("frozen.html")
    check("Learning curves" not in page and "No learning curves: the backbone is frozen" in page and 'id="confusion"' in page, "the frozen page")
    for page in (page, open("gate.html").read()):
        check(re.search(r"<th>seed</th><td[^>]*>1</td>.*<th>data hash</th><td[^>]*>[0-9a-f]{16}", page), "no seed, or no hash")
    shutil.copy("p/train/other/so-small" + os.path.splitext(drawn_pictures[0])[1], "p/train/normal/copy" + os.path.splitext(drawn_pictures[0])[1])
    run("audit", "p/train/normal", "p/train/other", "--backbone", "backbone.safetensors", "--report", "audit.html")
    with_browser("gate.html", "eval.html", "frozen.html", "audit.html")
finally:
    os.chdir("/")
    shutil.rmtree(work)
