#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Which layers a scorer should look at, and how two scores become one: what chose the default of `--scorer auto`.

    python3 bench/layers.py ../shared/data/dev BACKBONE.safetensors > table.md
    python3 bench/layers.py ../shared/data/dev BACKBONE.safetensors --soft > table.md

Means over the map of every block of MobileNetV2 (features.1 to features.18, "m1" to "m18"; m17 is `bottleneck`, m18 `pooled`, m3 `early`), each
L2-normalised, concatenated where a scorer looks at several. Each source of normals is left out in turn. The abnormals that are given are
the everyday ones (far), and, behind the slash, the other look-alikes too. The scorers are those of docs/scorers.md in NumPy and scikit-learn. Two scores are averaged, each standardised by its scores of normals whose source was left out, or combined as p-values
among these. Needs what bench/detectors.py needs.

--soft: what it brings to learn from a softened copy of each photo, one that keeps 32 to 95 of 128 pixels a side, beside it: by the neighbours, by the
regression, by both. Photos as they are, and their softened copies, are judged; thresholds come from photos as they are.
"""
import sys, zlib

import numpy as np
import torch
from PIL import Image
from sklearn.linear_model import LogisticRegression

from detectors import KINDS, SIZE, Backbone, auroc, photos, read

LOOKALIKES = ("weeds", "flowers", "maize")
SOFT = [("neither", "knn:m17,log:m17+m3"), ("the neighbours", "knn:m17*,log:m17+m3"), ("the regression", "knn:m17,log:m17+m3*"),
        ("both", "knn:m17*,log:m17+m3*")]  # *: softened copies too
ROWS = [("mean", "knn:m17"), ("mean", "log:m17")] + [("mean", f"{kind}:m{m}") for kind in ("knn", "log") for m in (3, 7, 13, 18)] + [
    (how, "knn:m17,log:m17") for how in ("mean", "Fisher", "least p", "harmonic mean p")] + [
        (how, "knn:m17,log:m17+m3") for how in ("mean", "Fisher", "least p", "harmonic mean p")] + [
            ("mean", f"knn:m17,log:{layers}") for layers in ("m17+m2", "m17+m4", "m17+m7", "m17+m13", "m17+m13+m3", "m17+m18+m3")] + [
                ("mean", "knn:m17+m3,log:m17+m3"), ("mean", "knn:m17,log:m17,log:m17+m3")]


def unit(rows):
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def soften(path):
    left = SIZE // 4 + zlib.crc32(path.encode()) % (SIZE // 2)
    return read(path, lambda image: image.resize((left, left), Image.BILINEAR).resize((SIZE, SIZE), Image.BILINEAR))


@torch.no_grad()
def means(backbone, listed, read=read):
    """[m] -> (photos, channels) for each of features.0 to features.18."""
    blocks = None
    for i in range(0, len(listed), 32):
        outputs = backbone(torch.from_numpy(np.stack([read(path) for _, _, path in listed[i:i + 32]])))
        pooled = [o.mean((2, 3)).numpy() for o in outputs]
        blocks = [[p] for p in pooled] if blocks is None else [b + [p] for b, p in zip(blocks, pooled)]
    return [unit(np.concatenate(b)) for b in blocks]


def shares(group):
    """A photo weighs 1/sqrt(photos of its source)."""
    _, index, count = np.unique(group, return_inverse=True, return_counts=True)
    weight = 1 / np.sqrt(count[index])
    return weight / weight.sum()


def k_centre(x, count):
    """Greedy: the next is the farthest from those that are chosen; the first is the nearest to the mean."""
    if len(x) <= count:
        return x
    chosen = [int(np.argmax(x @ x.mean(0)))]
    nearest = x @ x[chosen[0]]
    while len(chosen) < count:
        nearest[chosen[-1]] = 9
        chosen.append(int(np.argmin(nearest)))
        nearest = np.maximum(nearest, x @ x[chosen[-1]])
    return x[chosen]


def coreset(x, group, most=512):
    """An even share of each source."""
    names, size = np.unique(group, return_counts=True)
    share = max(s for s in range(1, most + 1) if s == 1 or np.minimum(size, s).sum() <= most)
    return np.concatenate([k_centre(x[group == name], share) for name in names])


def knn(normal, group, _, __):
    kept = coreset(normal, group)
    return lambda x: -np.partition(-x @ kept.T, 4, axis=1)[:, :5].mean(1)


def logistic(normal, group, abnormal, abnormal_group, strength=0.01):
    x = np.concatenate([normal, abnormal])
    weight = np.concatenate([shares(group), shares(abnormal_group)]) / 2
    scale = np.sqrt((weight[:, None] * (x - weight @ x)**2).sum(0).mean())
    label = np.arange(len(x)) < len(normal)
    model = LogisticRegression(C=strength, max_iter=200).fit(x / scale, label, sample_weight=weight * len(x))
    return lambda q: q @ model.coef_[0] / scale


FIT = {"knn": knn, "log": logistic}


class Bench:
    def __init__(self, listed, block, soft=None):
        self.block, self.soft = block, soft
        self.normal = np.array([side == "normal" for side, _, _ in listed])
        self.source = np.array([source for _, source, _ in listed])
        self.sources = sorted(set(self.source[self.normal]))
        self.kind = {name: np.array([s.startswith(prefix) for s in self.source]) for name, prefix in KINDS.items()}
        far = ~self.normal & ~np.logical_or.reduce(list(self.kind.values()))
        others = {name: far | np.logical_or.reduce([self.kind[k] for k in LOOKALIKES if k != name]) for name in LOOKALIKES}
        self.given = {"far": far, **others}
        self.known = {}

    def part(self, text):
        """{(source left out, abnormals given): (scores of all photos, out-of-source scores of the normals, their sources)}"""
        if text in self.known:
            return self.known[text]
        kind, layers = text.rstrip("*").split(":")
        views = [unit(np.concatenate([block[int(m[1:])] for m in layers.split("+")], 1)) for block in (self.block, self.soft) if block]
        x, learned = views[0], views if text.endswith("*") else views[:1]
        some = lambda rows: (np.concatenate([v[rows] for v in learned]), np.concatenate([self.source[rows]] * len(learned)))
        fit = lambda rows, abnormal: FIT[kind](*some(rows), *some(abnormal))
        result = {}
        for left_out in self.sources:
            rows = self.normal & (self.source != left_out)
            for given, abnormal in self.given.items():
                inner = np.zeros(len(x))
                for other in self.sources:
                    if other != left_out:
                        inner[self.source == other] = fit(rows & (self.source != other), abnormal)(x[self.source == other])
                whole = fit(rows, abnormal)
                result[left_out, given] = whole(x), inner[rows], self.source[rows], whole(views[-1])
        self.known[text] = result
        return result


def combine(how, parts):
    """One score of all photos and of the left-out normals."""
    scores, inners, group, soft = [p[0] for p in parts], [p[1] for p in parts], parts[0][2], [p[3] for p in parts]
    if how == "mean":
        weight = shares(group)**2
        weight /= weight.sum()
        mean = [weight @ i for i in inners]
        spread = [np.sqrt(weight @ (i - m)**2) for i, m in zip(inners, mean)]
        return [sum((s - m) / d for s, m, d in zip(each, mean, spread)) for each in (scores, inners, soft)]
    ordered = [np.sort(i) for i in inners]
    n = len(group)
    p = [[(1 + np.searchsorted(o, s, side="right")) / (n + 1) for o, s in zip(ordered, scores)],
         [np.searchsorted(o, s, side="right") / n for o, s in zip(ordered, inners)]]
    rule = {"Fisher": lambda q: np.log(q).sum(0), "least p": lambda q: np.min(q, 0), "harmonic mean p": lambda q: 1 / (1 / np.array(q)).mean(0)}[how]
    return [rule(q) for q in p]


def row(bench, how, text):
    parts = [bench.part(p) for p in text.split(",")]
    area = {(k, given): [] for k in KINDS for given in ("far", "others")}
    rejected, accepted = [], []
    for key in parts[0]:
        left_out, given = key
        score, inner = combine(how, [p[key] for p in parts])[:2]
        own = score[bench.source == left_out]
        threshold = np.sort(inner)[int(0.05 * (len(inner) + 1)) - 1]
        everyday = score[bench.kind["everyday scenes"]]
        if given == "far":
            rejected.append((own < threshold).mean())
            accepted.append((everyday >= threshold).mean())
        for k in KINDS:
            if given == "far":
                area[k, "far"].append(auroc(own, score[bench.kind[k]]))
            elif k == given:
                area[k, "others"].append(auroc(own, score[bench.kind[k]]))
    cells = [f"{np.mean(area['everyday scenes', 'far']):.4f}"] + [f"{np.mean(area[k, 'far']):.4f} / {np.mean(area[k, 'others']):.4f}" for k in LOOKALIKES]
    print(f"| `{text}`{'' if how == 'mean' else ', ' + how} | {' | '.join(cells)} | {100 * np.mean(rejected):.1f}% ({100 * max(rejected):.1f}%) | "
          f"{100 * np.mean(accepted):.2f}% |", flush=True)


def soft_rows(bench):
    """For each of SOFT two lines, of photos as they are and of softened ones: AUROC, share accepted."""
    print("| learned from copies | judged | everyday scenes | " + " | ".join(LOOKALIKES) + " | normals rejected (worst) |\n|---|---|---|---|---|---|---|")
    for title, text in SOFT:
        parts = [bench.part(p) for p in text.split(",")]
        for view, judged in ((0, "as they are"), (2, "softened")):
            found, rejected = {k: [] for k in KINDS}, []
            for left_out in bench.sources:
                scores = combine("mean", [p[left_out, "far"] for p in parts])
                threshold = np.sort(scores[1])[int(0.05 * (len(scores[1]) + 1)) - 1]
                own = scores[view][bench.source == left_out]
                rejected.append((own < threshold).mean())
                for k in KINDS:
                    other = scores[view][bench.kind[k]]
                    found[k].append((auroc(own, other), (other >= threshold).mean()))
            cells = [f"{area:.4f}, {100 * accepted:.1f}%" for area, accepted in (np.mean(f, 0) for f in found.values())]
            print(f"| {title} | {judged} | {' | '.join(cells)} | {100 * np.mean(rejected):.1f}% ({100 * max(rejected):.1f}%) |", flush=True)


def main():
    torch.set_num_threads(2)
    listed, backbone = list(photos(sys.argv[1])), Backbone(sys.argv[2])
    if sys.argv[3:] == ["--soft"]:
        soft_rows(Bench(listed, means(backbone, listed), means(backbone, listed, soften)))
        return
    bench = Bench(listed, means(backbone, listed))
    print("| | everyday scenes | " + " | ".join(LOOKALIKES) + " | normals rejected (worst) | everyday accepted |\n|---|---|---|---|---|---|---|")
    for how, text in ROWS:
        row(bench, how, text)


if __name__ == "__main__":
    main()
