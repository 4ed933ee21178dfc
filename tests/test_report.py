#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: test_report.py WINNOW BROWSER-FOLDER

The pages of `train` and `eval` on drawn pictures: self-contained, whole, and, where `make browser` has put Chromium and playwright-core,
looked at by a browser (tests/browser/report.mjs)."""
import html, json, os, re, shutil, subprocess, sys, tempfile

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
    return result.stdout


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


def verdict(name, *arguments):
    run("eval", "frozen.safetensors", *arguments, "--report", name)
    return re.search(r'id="verdict">(.*?)</p>', open(name).read())[1]


def promises():
    """What the verdict says of the promise: kept, broken, above what was asked as chance explains, or none of these, each with the interval of what was turned away."""
    os.makedirs("five")
    os.makedirs("turned away")
    for path in sorted(os.path.join(d, f) for d, _, files in os.walk("p/train/normal") for f in files)[:5]:
        shutil.copy(path, "five")
    judged = subprocess.run([winnow, "check", "frozen.safetensors", "p/train/other", "p/train/lookalike"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    for i, line in enumerate(judged.stdout.splitlines()):
        path, found = line.split("\t")[:2]
        if found != "normal":
            shutil.copy(path, f"turned away/{i}.jpg")
    said = set()
    for folders in (["p/train/normal"], ["p/train/other"], ["p/train/other", "p/train/lookalike"], ["turned away"], ["five"]):
        options = [word for folder in folders for word in ("--normal", folder)]
        answer = json.loads(run("eval", "frozen.safetensors", *options, "--json"))
        (low, high), explained = answer["false_reject_interval"], answer["drift"]["explained_rate"]
        state = "kept" if high <= 0.1 else "open" if low <= 0.1 else "above" if low <= explained else "broken"
        words = {"kept": "the promise is <b>kept</b> on", "open": "the promise is <b>not contradicted</b> by", "above": "it is <b>more than asked</b>, but the "
                 f"draw of its 80 calibration photos explains up to {100 * explained:.3g}%", "broken": "the promise is <b>not kept</b> on"}[state]
        told = verdict("promise.html", *options)
        check(words in told and re.search(r"asked: 10%, so .* \(95% interval [\d.]+ to [\d.]+%\)", told), folders, state, told)
        check(folders != ["five"] or state == "open", "five photos cannot say", state)
        check(folders != ["turned away"] or state == "broken", "what is turned away as a whole keeps a promise:", state)
        said.add(state)
    check(len(said) >= 3, "the photos of this test all say", said)


def audit():
    """The page has the terminal's table of folders and sources, with its warning."""
    text = run("audit", "p/train/normal", "p/train/other", "--backbone", "backbone.safetensors", "--report", "audit.html").split("\n\n")[0]
    table = re.search(r'<table id="balance">.*?</table>', open("audit.html").read())[0]
    page = re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", table)))
    told = 0
    for line in text.splitlines():
        folder = re.match(r"(\S+) +(\d+) photos \((\d+)%\) of (\d+ sources?)(?:: (.*))?$", line)
        source = re.match(r"  (\S+) +(\d+)$", line)
        check(folder or source, "not a line of the table:", line)
        check(f" {folder[1]} {folder[2]} {folder[3]}% " in page and folder[4] in page and (folder[5] or "") in page if folder else f" {source[1]} {source[2]} "
              in page, line, "is not in", page)
        told += bool(folder and folder[5])
    check(told and page.count("a gate's promise would hold for these alone") == told, page)


def answers():
    """Where no wrong answer is confident the headline counts them all, on the terminal and on the page; photos that cannot be counted are told of
    where there are some."""
    options = ["frozen.safetensors", "--classes", "--normal", "p/train/normal", "--abnormal", "p/train/other", "--confident", "99.99999%"]
    answer = json.loads(run("eval", *options, "--json"))["diagnosis"]
    check(answer["confident_wrong"] == 0 < answer["wrong"], answer)
    share = f"{100 * (1 - answer['wrong_gated'] / answer['wrong']):.1f}%"
    text = run("eval", *options, "--report", "unsure.html")
    check(f"headline     the gate takes away {share} of the wrong answers (none of them is confident)" in text, text)
    page = re.search(r'id="headline">.*?</p>', open("unsure.html").read())[0]
    check(f"gives <b>{answer['wrong']}</b> wrong answers" in page and f"takes away <b>{share}</b>" in page, page)
    check("Not counted" not in open("unsure.html").read() and "are not counted" not in text, "photos are said to be left out")


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
    text = run("train", "--classes", "--normal", "p/train/normal", "--abnormal", "p/train/other", "--backbone", "backbone.safetensors", "--input-size", "96",
        "--false-reject", "10%", "-o", "frozen.safetensors")
    page = static("frozen.html")
    check("Learning curves" not in page and "No learning curves: the backbone is frozen" in page and 'id="confusion"' in page, "the frozen page")
    for page in (page, open("gate.html").read()):
        check(re.search(r"seed</th><td[^>]*>1</td>.*data hash</th><td[^>]*>normal [0-9a-f]{16}, abnormal [0-9a-f]{16}<", page), "no seed, or no hash")
    settings = [re.search(r">settings</th><td[^>]*>([^<]*)", open(name).read())[1] for name in ("frozen.html", "gate.html")]
    check(settings[0] == "--recipe default --input-size 96 --fit stretch --freeze backbone", settings[0])
    check("--width 0.35 " in settings[1] and "--augment none --epochs 2 " in settings[1] and "--freeze" not in settings[1], settings[1])
    info = run("info", "frozen.safetensors")
    check(re.search(rf"settings +{settings[0]}\nseed +1\ndata hash +normal [0-9a-f]+, abnormal [0-9a-f]+\n", info), info)
    check(re.search(r"confidence +none: the promise is kept on average\n", info) and re.search(r"seconds +[\d.]+ s\n", info), info)
    # The threshold was set on the training's normals: how many of them it turns away is no measurement.
    for page in (open(name).read() for name in ("frozen.html", "gate.html")):
        told = re.search(r'id="verdict">(.*?)</p>', page)[1]
        check("of the normals that is at most 10%, by construction, and only <code>winnow eval</code> on other photos measures it" in told, told)
        check("kept" not in told and "interval" not in told, told)
        check(re.search(r"Normals rejected<b>[\d.]+%</b><span>at most 10%, by construction</span>", page), "an interval of what was asked")
    check(re.search(r"at it +\d+ of \d+ calibration normals rejected \([\d.]+%; at most 10%, by construction\)", text), text)
    promises()
    answers()
    shutil.copy("p/train/other/so-small" + os.path.splitext(drawn_pictures[0])[1], "p/train/normal/copy" + os.path.splitext(drawn_pictures[0])[1])
    audit()
    with_browser("gate.html", "eval.html", "frozen.html", "audit.html")
finally:
    os.chdir("/")
    shutil.rmtree(work)
