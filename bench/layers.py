#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Which layers a scorer should look at, and how two scores become one: what chose the default of `--scorer auto`.

    python3 bench/layers.py ../shared/data/dev BACKBONE.safetensors > table.md

Means over the map of every block of MobileNetV2 (features.1 to features.18, "m1" to "m18"; m17 is `bottleneck`, m18 `pooled`, m3 `early`), each
L2-normalised, concatenated where a scorer looks at several. Each source of normals is left out in turn. The abnormals that are given are
the everyday ones (far), and, behind the slash, the other look-alikes too. The scorers are those of docs/scorers.md in NumPy and scikit-learn. Two scores are averaged, each standardised by its scores of normals whose source was left out, or combined as p-values
among these. Needs what bench/detectors.py needs.
"""
import sys

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from detectors import KINDS, Backbone, auroc, photos, read

LOOKALIKES = ("weeds", "flowers", "maize")
ROWS = [("mean", "knn:m17"), ("mean", "log:m17")] + [("mean", f"{kind}:m{m}") for kind in ("knn", "log") for m in (3, 7, 13, 18)] + [
    (how, "knn:m17,log:m17") for how in ("mean", "Fisher", "least p", "harmonic mean p")] + [
        (how, "knn:m17,log:m17+m3") for how in ("mean", "Fisher", "least p", "harmonic mean p")] + [
            ("mean", f"knn:m17,log:{layers}") for layers in ("m17+m2", "m17+m4", "m17+m7", "m17+m13", "m17+m13+m3", "m17+m18+m3")] + [
                ("mean", "knn:m17+m3,log:m17+m3"), ("mean", "knn:m17,log:m17,log:m17+m3")]


def unit(rows):
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


@torch.no_grad()
def means(backbone, listed):
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


def logistic(normal, group, abnormal, abnormal_group):
    x = np.concatenate([normal, abnormal])
    weight = np.concatenate([shares(group), shares(abnormal_group)]) / 2
    scale = np.sqrt((weight[:, None] * (x - weight @ x)**2).sum(0).mean())
    label = np.arange(len(x)) < len(normal)
    model = LogisticRegression(C=0.01, max_iter=200).fit(x / scale, label, sample_weight=weight * len(x))
    return lambda q: q @ model.coef_[0] / scale


FIT = {"knn": knn, "log": logistic}


class Bench:
    def __init__(self, listed, block):
        self.block = block
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
        kind, layers = text.split(":")
        x = unit(np.concatenate([self.block[int(m[1:])] for m in layers.split("+")], 1))
        fit = lambda rows, abnormal: FIT[kind](x[rows], self.source[rows], x[abnormal], self.source[abnormal])
        result = {}
        for left_out in self.sources:
            rows = self.normal & (self.source != left_out)
            for given, abnormal in self.given.items():
                inner = np.zeros(len(x))
                for other in self.sources:
                    if other != left_out:
                        inner[self.source == other] = fit(rows & (self.source != other), abnormal)(x[self.source == other])
                result[left_out, given] = fit(rows, abnormal)(x), inner[rows], self.source[rows]
        self.known[text] = result
        return result


def combine(how, parts):
    """One score of all photos and of the left-out normals."""
    scores, inners, group = [p[0] for p in parts], [p[1] for p in parts], parts[0][2]
    if how == "mean":
        weight = shares(group)**2
        weight /= weight.sum()
        mean = [weight @ i for i in inners]
        spread = [np.sqrt(weight @ (i - m)**2) for i, m in zip(inners, mean)]
        return [sum((s - m) / d for s, m, d in zip(each, mean, spread)) for each in (scores, inners)]
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
        score, inner = combine(how, [p[key] for p in parts])
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


def main():
    torch.set_num_threads(2)
    listed = list(photos(sys.argv[1]))
    bench = Bench(listed, means(Backbone(sys.argv[2]), listed))
    print("| | everyday scenes | " + " | ".join(LOOKALIKES) + " | normals rejected (worst) | everyday accepted |\n|---|---|---|---|---|---|---|")
    for how, text in ROWS:
        row(bench, how, text)


if __name__ == "__main__":
    main()
