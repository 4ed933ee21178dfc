#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Other scorers than the default one, each collector of normals left out: the last table of docs/scorers.md's "Which layers".

    tools/accuracy.py ... --sizes ... --work WORK
    python3 bench/variants.py WORK/all-MobileNetV2-128.safetensors > table.md
    python3 bench/variants.py WORK/all-MobileNetV2-160.safetensors --default > line.md

The gate is one of all photos, whose memory holds `bottleneck`, `early` and `middle` of each. A line is two numbers a column: everyday abnormals
given / the other look-alikes too. Thresholds are those of 5% promised, from scores of normals whose source was left out. Needs NumPy and
scikit-learn, and takes two minutes.
"""
import json, struct, sys

import numpy as np

from layers import LOOKALIKES, combine, coreset, logistic, shares, unit
from detectors import KINDS, auroc

NORMALS = ("kaggle", "riceleafdisease", "sethy", "uci")
TYPES = {"F32": np.float32, "F16": np.float16, "I32": np.int32}


def memory(path):
    """The features that a gate remembers, {name: (photos, length)}, and the source of each photo."""
    data = open(path, "rb").read()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    names = {int(k.rsplit(".", 1)[1]): v.rsplit("/", 1)[-1] for k, v in header["__metadata__"].items() if k.startswith("winnow.group.")}
    tensor = lambda name: np.frombuffer(data[8 + size:][slice(*header[name]["data_offsets"])], TYPES[header[name]["dtype"]]).reshape(header[name]["shape"])
    source = np.array([names[g] for g in tensor("gate.memory.group").ravel()])
    return {f: unit(tensor(f"gate.memory.{f}").astype(np.float32)) for f in ("bottleneck", "early", "middle")}, source


def nearest(x, rows, k=5):
    """Mean cosine with the k nearest rows."""
    return -np.partition(-x @ rows.T, k - 1, axis=1)[:, :k].mean(1)


def knn(normal, group, abnormal, abnormal_group):
    kept = coreset(normal, group)
    return lambda x: nearest(x, kept)


def difference(normal, group, abnormal, abnormal_group):
    kept, other = coreset(normal, group), coreset(abnormal, abnormal_group)
    return lambda x: nearest(x, kept) - 0.5 * nearest(x, other)


def above_level(normal, group, abnormal, abnormal_group):
    """Less the nearness to any abnormal, where it is above that of 98 of 100 normals."""
    kept, other = coreset(normal, group), coreset(abnormal, abnormal_group)
    level = np.quantile(nearest(normal, other, 3), 0.98)
    return lambda x: nearest(x, kept) - np.maximum(nearest(x, other, 3), level)


def without_nuisance(normal, group, abnormal, abnormal_group):
    """Nuisance attribute projection (Solomonoff et al., 2004): without the direction in which the sources' means differ most."""
    means = np.array([normal[group == g].mean(0) for g in np.unique(group)])
    away = np.linalg.svd(means - means.mean(0), full_matrices=False)[2][:1]
    project = lambda x: unit(x - (x @ away.T) @ away)
    kept = coreset(project(normal), group)
    return lambda x: nearest(project(x), kept)


def whitened(normal, group, abnormal, abnormal_group):
    x, weight = np.concatenate([normal, abnormal]), np.concatenate([shares(group), shares(abnormal_group)]) / 2
    mean = weight @ x
    covariance = (x - mean).T @ ((x - mean) * weight[:, None])
    value, vector = np.linalg.eigh(0.7 * covariance + 0.3 * np.trace(covariance) / len(mean) * np.eye(len(mean)))
    whiten = lambda x: unit((x - mean) @ (vector / np.sqrt(value)))
    kept = coreset(whiten(normal), group)
    return lambda x: nearest(whiten(x), kept)


def stronger(times):
    return lambda *data: logistic(*data, strength=0.01 / times)


ROWS = [("regression on `bottleneck+early`", knn, logistic, ("bottleneck", "early")),
        ("`+middle`", knn, logistic, ("bottleneck", "early", "middle")),
        ("that, penalty 3.3 times as strong", knn, stronger(10 / 3), ("bottleneck", "early", "middle")),
        ("that, 10 times", knn, stronger(10), ("bottleneck", "early", "middle")),
        ("nearness less half of that to all abnormals", difference, logistic, ("bottleneck", "early", "middle")),
        ("the same above the level of 98% of the normals", above_level, logistic, ("bottleneck", "early", "middle")),
        ("neighbours without the direction in which sources differ most", without_nuisance, logistic, ("bottleneck", "early", "middle")),
        ("neighbours whitened by all photos, shrunk by 0.3", whitened, logistic, ("bottleneck", "early", "middle"))]


class Bench:
    def __init__(self, path):
        self.feature, self.source = memory(path)
        self.normal = np.array([s.startswith(NORMALS) for s in self.source])
        self.kind = {name: np.array([s.startswith(prefix) for s in self.source]) for name, prefix in KINDS.items()}
        far = ~self.normal & ~np.logical_or.reduce(list(self.kind.values()))
        self.given = {"far": far}
        for name in LOOKALIKES:
            self.given[name] = far | np.logical_or.reduce([self.kind[k] for k in LOOKALIKES if k != name])
        self.known = {}

    def part(self, fit, features):
        """{(collector left out, abnormals given): scores of all photos, out-of-source scores of the other normals, their sources}"""
        key = fit, features
        if key in self.known:
            return self.known[key]
        x, result = unit(np.concatenate([self.feature[f] for f in features], 1)), {}
        for left_out in NORMALS:
            rest = self.normal & np.array([not s.startswith(left_out) for s in self.source])
            for given, abnormal in self.given.items():
                learned = lambda rows: fit(x[rows], self.source[rows], x[abnormal], self.source[abnormal])
                inner = np.zeros(len(x))
                for other in np.unique(self.source[rest]):
                    own = self.source == other
                    inner[own] = learned(rest & ~own)(x[own])
                whole = learned(rest)(x)
                result[left_out, given] = whole, inner[rest], self.source[rest], whole
        self.known[key] = result
        return result

    def row(self, title, near, side, features):
        parts = self.part(near, ("bottleneck",)), self.part(side, features)
        area, rejected, accepted = {}, {}, {}
        for left_out, given in parts[0]:
            score, inner = combine("mean", [p[left_out, given] for p in parts])[:2]
            mode = "far" if given == "far" else "others"
            own = score[self.normal & np.array([s.startswith(left_out) for s in self.source])]
            threshold = np.sort(inner)[int(0.05 * (len(inner) + 1)) - 1]
            everyday = score[self.kind["everyday scenes"]]
            rejected.setdefault((mode, left_out), []).append((own < threshold).mean())
            accepted.setdefault(mode, []).append((everyday >= threshold).mean())
            for k in LOOKALIKES:
                if given in ("far", k):
                    area.setdefault((mode, k), []).append(auroc(own, score[self.kind[k]]))
        worst = [max(np.mean(r) for (mode, _), r in rejected.items() if mode == m) for m in ("far", "others")]
        cells = [f"{np.mean(area['far', k]):.3f} / {np.mean(area['others', k]):.3f}" for k in LOOKALIKES]
        cells += [" / ".join(f"{100 * w:.1f}" for w in worst) + "%", " / ".join(f"{100 * np.mean(accepted[m]):.1f}" for m in ("far", "others")) + "%"]
        print(f"| {title} | " + " | ".join(cells) + " |", flush=True)


def main():
    bench = Bench(sys.argv[1])
    print("| | " + " | ".join(LOOKALIKES) + " | strangest collector rejected | everyday accepted |\n|---|" + "---|" * (len(LOOKALIKES) + 2))
    for row in ROWS[:2] if sys.argv[2:] == ["--default"] else ROWS:
        bench.row(*row)


if __name__ == "__main__":
    main()
