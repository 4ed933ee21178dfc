#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures the product on photos, with its own commands, and prints docs/accuracy.md's tables as markdown.

    tools/accuracy.py WINNOW --data ../shared/data/dev --backbone BACKBONE.safetensors [--scorers BENCH_SCORERS] > tables.md
    tools/accuracy.py WINNOW --data ../shared/data/dev --scorers BENCH_SCORERS --sizes MobileNetV2=MOBILENET.safetensors EfficientNet-Lite0=...
    tools/accuracy.py WINNOW --data ../shared/data/dev --backbone BACKBONE.safetensors --finetune

Every source (collector) of the normal photos is left out in turn: a gate is made of the others, and judges the one that was left out. Folders
of one collector, whose cameras and days are the same, are one source: COLLECTORS. Everyday scenes are COCO's, and no photo of COCO is ever given to a gate; look-alikes are unseen unless the table says otherwise.
`--sizes` prints the table of backbones and input sizes alone, `--finetune` that of what learns. Needs no package; takes about ten minutes on two cores,
`--sizes` as long, `--finetune` an hour. WORK/ keeps the gates, so that a second run prints the tables at once.
"""
import argparse, collections, concurrent.futures, hashlib, json, os, random, subprocess, sys, time

EVERYDAY = ["coco128_train2017", "coco_2014_captioning", "coco_rknn_val2017", "coco_tiny_2017", "coco_train2017_mini"]
FAR = ["imagenet_sample_1000", "bsds500"]  # what gates are given of everything else
NEAR = ["chilli_crop_and_weeds", "flowers17", "maize_plantvillage"]
NAMES = {"everyday": "everyday scenes", "chilli_crop_and_weeds": "weeds", "flowers17": "flowers", "maize_plantvillage": "maize",
         "normal": "rice"}
FIELD = ["riceleafdisease_web_mix", "sethy_field_patches"]  # photos with a field behind the leaf; the others' background is plain
COLLECTORS = {"kaggle_riceleafs_crops": "kaggle_riceleafs", "kaggle_riceleafs_fullres": "kaggle_riceleafs"}
SHOTS = [0, 5, 20, 50]
# What learns: the options of `train` and the scorers that judge by one and the same training; the longest first.
BLOCKS = ["cosine:embedding", "knn:bottleneck,logistic:bottleneck+early"]
WAYS = {
    "all layers": (["--freeze", "none", "--epochs", "4"], BLOCKS),
    "head, last two blocks": (["--freeze", "early", "--epochs", "4"], BLOCKS),
    "the same, `--keep 10`": (["--freeze", "early", "--epochs", "4", "--keep", "10"], BLOCKS),
    "a head": (["--freeze", "backbone", "--epochs", "20"],
               ["cosine:embedding", "arcface", "knn:embedding", "mahalanobis:embedding", "logistic:embedding", "knn:bottleneck,logistic:embedding"]),
    "nothing (the default)": ([], ["auto"]),
}
# What `auto` bets on (src/train/gate_fit.c), and chose in every gate of cameras().
DEFAULT = "knn:bottleneck,logistic:bottleneck+early+middle"

parser = argparse.ArgumentParser()
parser.add_argument("winnow")
parser.add_argument("--data", default="../shared/data/dev")
parser.add_argument("--backbone")
parser.add_argument("--work", default="/tmp/winnow-accuracy")
parser.add_argument("--sizes", nargs="+", metavar="NAME=BACKBONE", help="print the table of these backbones at 128, 160, 192 and 224 alone")
parser.add_argument("--finetune", nargs="*", metavar="WAY", help="print the table of what learns alone, or of these: " + "; ".join(WAYS))
parser.add_argument("--scorers", help="the program bench_scorers: prints the table of every scorer and feature too")
given = parser.parse_args()
if not given.backbone and not (given.sizes and given.scorers):
    parser.error("--backbone is missing, or --sizes with --scorers")
bench_scorers = os.path.abspath(given.scorers or "")
winnow, data, backbone = (os.path.abspath(p) for p in (given.winnow, given.data, given.backbone or ""))
sizes_of = {name: os.path.abspath(path) for name, path in (pair.split("=", 1) for pair in given.sizes or [])}
os.makedirs(given.work, exist_ok=True)
os.chdir(given.work)
seconds = collections.defaultdict(list)


def run(*arguments, output=None):
    """The command's JSON; kept beside its output, or under a name that the command and its arguments make."""
    kept = (output or f"{arguments[0]}-{arguments[1]}-{hashlib.sha256(' '.join(arguments).encode()).hexdigest()[:12]}") + ".json"
    if not os.path.exists(kept):
        began = time.time()
        result = subprocess.run([winnow, *arguments, "--json"] + (["-o", output] if output else []), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True)
        if result.returncode:
            raise SystemExit(" ".join([winnow, *arguments]) + "\n" + result.stderr)
        seconds[arguments[0]].append(time.time() - began)
        open(kept, "w").write(result.stdout)
    return json.load(open(kept))


def collect():
    """work/normal/SOURCE: a folder of links to its photos."""
    for name in sorted(os.listdir(f"{data}/normal")):
        for folder, _, photos in os.walk(f"{data}/normal/{name}"):
            below = f"normal/{COLLECTORS.get(name, name)}/{os.path.relpath(folder, f'{data}/normal')}"
            os.makedirs(below, exist_ok=True)
            for photo in photos:
                if not os.path.islink(f"{below}/{photo}"):
                    os.symlink(f"{folder}/{photo}", f"{below}/{photo}")
    return os.path.abspath("normal")


normals = collect()


def folders(option, names, below):
    return [word for name in names for word in (option, f"{normals if below == 'normal' else f'{data}/{below}'}/{name}")]


def train(name, normal, abnormal, *more, start=None):
    run("train", *normal, *abnormal, "--backbone", start or backbone, "--report", "none", "--log", "none", "--checkpoint", "none", *more,
        output=f"{name}.safetensors")
    return f"{name}.safetensors"


def measure(gate, normal, kinds):
    """Share of the normals that is rejected, and AUROC and share accepted of each kind: {kind: [folders]}."""
    answer = run("eval", gate, "--normal", normal, *[word for kind in kinds.values() for f in kind for word in ("--abnormal", f)])
    result = {"rejected": answer["false_reject_rate"]}
    for folder in COLLECTORS:
        parts = [g for g in answer["groups"] if g["label"] == "normal" and g["name"].split("/")[0] == folder]
        if parts:
            count = sum(g["count"] for g in parts)
            result[folder] = (1 - sum(g["accepted"] for g in parts) / count, count)
    for kind, list_of in kinds.items():
        labels = [os.path.basename(f) for f in list_of]
        groups = [g for g in answer["groups"] if g["label"] == "abnormal" and g["name"].split("/")[0] in labels]
        count = sum(g["count"] for g in groups)
        assert count, (kind, answer["groups"])
        result[kind] = (sum(g["count"] * g["auroc"] for g in groups) / count, sum(g["accepted"] for g in groups) / count)
    return result


def kinds_of(*names):
    return {n: [f"{data}/far/{f}" for f in EVERYDAY] if n == "everyday" else [f"{data}/near/{n}"] for n in names}


def some(source, name, begin, end):
    """A folder of links to photos [begin, end) of a folder, in an order drawn once."""
    photos = sorted(os.path.join(d, f) for d, _, files in os.walk(source) for f in files)
    random.Random(0).shuffle(photos)
    if not os.path.isdir(name):
        os.makedirs(name)
        for i, photo in enumerate(photos[begin:end]):
            os.symlink(photo, f"{name}/{begin + i:04d}_{os.path.basename(photo)}")
    return os.path.abspath(name)


def mean(values):
    return sum(values) / len(values)


def table(head, rows):
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print(flush=True)


def percent(values, worst=max):
    return f"{100 * mean(values):.1f}%" + (f" ({100 * worst(values):.1f}%)" if len(values) > 1 else "")


def area(values):
    return f"{mean(values):.4f}" + (f" ({min(values):.3f})" if len(values) > 1 else "")
sources = sorted(os.listdir(normals))
all_kinds = ["everyday"] + NEAR


def cameras():
    """Each source left out: a gate without look-alikes, and gates that were given every look-alike but the one that is measured."""
    without, given_near, rows = {}, {}, []
    for s in sources:
        normal, held = folders("--normal", [n for n in sources if n != s], "normal"), f"{normals}/{s}"
        without[s] = measure(train(f"far-{s}", normal, folders("--abnormal", FAR, "far")), held, kinds_of(*all_kinds))
        given_near[s] = {}
        for near in NEAR:
            others = folders("--abnormal", FAR, "far") + folders("--abnormal", [n for n in NEAR if n != near], "near")
            given_near[s][near] = measure(train(f"near-{near}-{s}", normal, others), held, kinds_of("everyday", near))
    print("### A camera that it never saw, 5% promised\n")
    for title, results in (("everyday abnormals alone", without), ("other look-alikes given too", {s: given_near[s]["maize_plantvillage"] for s in sources})):
        print(f"Rejected photos of the source that was left out; accepted everyday scenes (COCO); {title}:\n")
        table(["source left out", "photos", "normals rejected", "everyday accepted"],
              [row for s in sources for row in
               [[f"`{s}`", str(sum(len(f) for _, _, f in os.walk(f"{normals}/{s}"))), percent([results[s]["rejected"]]),
                 f"{100 * results[s]['everyday'][1]:.2f}%"]] +
               [[f"of them `{folder}`", str(results[s][folder][1]), percent([results[s][folder][0]]), ""] for folder in COLLECTORS if folder in results[s]]] +
              [["**mean**", "", percent([results[s]["rejected"] for s in sources]).replace("(", "(worst "),
                f"{100 * mean([results[s]['everyday'][1] for s in sources]):.2f}%"]])
    print("### Look-alikes that it never saw\n\nAUROC, mean over the sources left out (worst of them); in brackets behind \"field\": photos with a field "
          "behind the leaf.\n")
    for title, result_of in (("everyday abnormals alone", lambda s, k: without[s][k]),
                             ("other look-alikes given", lambda s, k: given_near[s][k if k != "everyday" else "maize_plantvillage"][k])):
        rows.append([title] + [area([result_of(s, k)[0] for s in sources]) + f", field {mean([result_of(s, k)[0] for s in FIELD]):.4f}" for k in all_kinds])
    table(["abnormals given"] + [NAMES[k] for k in all_kinds], rows)


def few_shots(near, base):
    """Rows of 0, 5, 20, 50 photos of a look-alike learned by the gates `base`-SOURCE, judged on the rest of it."""
    photos = f"{data}/near/{near}"
    kinds = kinds_of("everyday") | {"rest": [some(photos, f"{near}-rest", max(SHOTS), None)]}
    rows = []
    for shots in SHOTS:
        results = []
        for s in sources:
            gate = f"{base}-{s}.safetensors"
            if base == "none":
                train(gate[:-12], folders("--normal", [n for n in sources if n != s], "normal"), [])
            if shots:
                run("learn", gate, "--abnormal", some(photos, f"{near}-{shots}", 0, shots), output=f"learn-{near}-{shots}-{gate}")
                gate = f"learn-{near}-{shots}-{gate}"
            results.append(measure(gate, f"{normals}/{s}", kinds))
        rows.append([NAMES[near] if not shots else "", str(shots), area([r["rest"][0] for r in results]), percent([r["rest"][1] for r in results]),
                     area([r["everyday"][0] for r in results]), f"{100 * mean([r['everyday'][1] for r in results]):.2f}%",
                     percent([r["rejected"] for r in results])])
    return rows


def few_shot_tables():
    """The gates know everyday abnormals and the two other look-alikes, or normals alone."""
    print("### Learning a look-alike from a few photos\n\n`winnow learn` on photos of one look-alike; judged on its others, but for the first "
          f"{max(SHOTS)} (mean over the sources left out, worst in brackets).\n")
    for title, base_of in (("everyday and the two other look-alikes", "near-{}"), ("none", "none")):
        print(f"Abnormals of the training: {title}.\n")
        table(["look-alike", "photos learned", "AUROC", "accepted", "everyday AUROC", "everyday accepted", "normals rejected"],
              [row for near in NEAR for row in few_shots(near, base_of.format(near))])


def recalibration():
    """60 photos of the new camera."""
    rows = []
    for s in sources:
        photos = sum(len(f) for _, _, f in os.walk(f"{normals}/{s}"))
        if photos < 100:
            continue
        gate, new = f"far-{s}.safetensors", f"calibrated-{s}.safetensors"
        rest = some(f"{normals}/{s}", f"camera-rest-{s}", 60, None)
        run("calibrate", gate, "--normal", some(f"{normals}/{s}", f"camera-{s}", 0, 60), output=new)
        rows.append([f"`{s}`"] + [percent([measure(g, rest, {})["rejected"]]) for g in (gate, new)])
    print("### Calibrated again on 60 photos of the new camera\n\nShare of its other photos that is rejected.\n")
    table(["source left out", "before", "after"], rows)


def second_domain():
    """Potato leaves, same defaults: half of the photos make the gate, half judge it."""
    potato = f"{data}/normal2/potato_plantvillage"
    classes = sorted(os.listdir(potato))
    normal = [word for c in classes for word in ("--normal", some(f"{potato}/{c}", f"potato/{c}", 0, len(os.listdir(f"{potato}/{c}")) // 2))]
    held = os.path.dirname([some(f"{potato}/{c}", f"potato-rest/{c}", len(os.listdir(f"{potato}/{c}")) // 2, None) for c in classes][0])
    kinds = kinds_of(*all_kinds) | {"normal": [f"{normals}/{s}" for s in sources]}
    rows = []
    for title, more in (("none", []), ("everyday", folders("--abnormal", FAR, "far")),
                        ("everyday, weeds and flowers", folders("--abnormal", FAR, "far") + folders("--abnormal", NEAR[:2], "near"))):
        gate = train("potato-" + title.replace(", ", "-").replace(" ", "-"), normal, more)
        result = measure(gate, held, kinds)
        rows.append([title, percent([result["rejected"]])] + [f"{result[k][0]:.4f}, {100 * result[k][1]:.1f}%" for k in kinds])
    print("### A second subject, same defaults\n\nPotato leaves on plain ground: half of the photos make the gate, the other half is judged. AUROC, and "
          "the share that is accepted at 5% promised.\n")
    table(["abnormals given", "normals rejected"] + [NAMES[k] for k in kinds], rows)


def leave_out(*arguments):
    """What bench_scorers prints, with the folders of one collector left out together."""
    collectors = [word for prefix in sorted(set(COLLECTORS.values())) for word in ("--collector", prefix)]
    return subprocess.run([bench_scorers, *collectors, *arguments], stdout=subprocess.PIPE, check=True, text=True).stdout


def scorers():
    """Every scorer and feature, by the bench program, on the features that a gate of all photos remembers."""
    gate = train("all", folders("--normal", sources, "normal"), folders("--abnormal", EVERYDAY + FAR, "far") + folders("--abnormal", NEAR, "near"),
                 "--scorer", "knn:bottleneck,knn:pooled,knn:early+middle")
    print("### Every scorer and feature\n")
    print(leave_out(gate))


def backbones():
    """Each source left out, at each size of the network's input, from one pass of it: what is judged is given to no scorer."""
    rows = []
    for size in ("128", "160", "192", "224"):
        for name, path in sizes_of.items():
            normal, abnormal = folders("--normal", sources, "normal"), folders("--abnormal", EVERYDAY + FAR, "far") + folders("--abnormal", NEAR, "near")
            gate = train(f"all-{name}-{size}", normal, abnormal, "--input-size", size, "--scorer", DEFAULT, start=path)
            result = leave_out("--unseen", gate, DEFAULT)
            rows.append([size, name] + result.splitlines()[-1].strip("| ").split(" | ")[1:])
    print("### Backbones and input sizes\n\nAUROC (worst of the sources left out), and the share that is accepted at 5% promised.\n")
    table(["input", "backbone"] + [NAMES[k] for k in NEAR] + ["everyday scenes", "normals rejected (worst)"], rows)


def judge_way(source, way):
    """One training without a source, judged by each of its scorers: {(way, scorer): result}. Later scorers resume where the training ended."""
    options, of_way = WAYS[way]
    held, kinds = f"{normals}/{source}", kinds_of(*all_kinds)
    normal, abnormal = folders("--normal", [n for n in sources if n != source], "normal"), folders("--abnormal", FAR, "far")
    if not options:
        return {(way, "auto"): measure(train(f"far-{source}-128", normal, abnormal, "--input-size", "128"), held, kinds)}
    name = f"{source}-" + "-".join(o.strip("-") for o in options)
    results = {}
    for scorer in of_way:
        gate = f"{name}-{scorer.replace(':', '-')}.safetensors"
        run("train", *normal, *abnormal, "--backbone", backbone, "--report", "none", "--log", "none", "--threads", "1", "--checkpoint", f"{name}.checkpoint",
            *["--resume"] * os.path.exists(f"{name}.checkpoint"), "--scorer", scorer, *options, output=gate)
        results[way, scorer] = measure(gate, held, kinds)
    return results


def finetune():
    """Each source left out, and each way to learn: everyday abnormals alone are given. A training has one thread: the same bits on any machine."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as workers:
        judged = {s: [workers.submit(judge_way, s, way) for way in WAYS] for s in sources}
        judged = {s: {key: result for job in judged[s] for key, result in job.result().items()} for s in sources}
    print("### Frozen, head, last blocks, all layers\n\nAUROC, mean over the sources left out (worst of them), and the share accepted at 5% promised.\n")
    rows = []
    for way in reversed(WAYS):
        for scorer in WAYS[way][1]:
            results = [judged[s][way, scorer] for s in sources]
            rows.append([way, f"`{scorer}`"] + [area([r[k][0] for r in results]) + f", {100 * mean([r[k][1] for r in results]):.1f}%" for k in all_kinds] +
                        [percent([r["rejected"] for r in results])])
    head = ["what learns", "scorer"] + [NAMES[k] for k in all_kinds] + ["normals rejected (worst)"]
    table(head, rows)
    print("Source by source: maize's AUROC, normals rejected.\n")
    table(["what learns", "scorer"] + [f"`{s}`" for s in sources],
          [[way, f"`{scorer}`"] + [f"{judged[s][way, scorer]['maize_plantvillage'][0]:.3f}, {percent([judged[s][way, scorer]['rejected']])}" for s in sources]
           for way in reversed(WAYS) for scorer in WAYS[way][1]])


if given.finetune is not None:
    WAYS = {way: WAYS[way] for way in given.finetune or WAYS}
    finetune()
    sys.exit(0)
if sizes_of:
    backbones()
    sys.exit(0)
cameras()
few_shot_tables()
recalibration()
second_domain()
if given.scorers:
    scorers()
for command, times in sorted(seconds.items()):
    print(f"{command}: {len(times)} runs, {mean(times):.1f} s each", file=sys.stderr)
