#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Golden values for tests/test_scorer.c: every scorer by NumPy and scikit-learn (Debian: python3-sklearn).

    python3 tests/oracle/scorer.py > tests/golden/scorer.h

The samples are drawn by the generator below and by the same one in the test, so that only scores are golden.
"""
import numpy as np
from sklearn.covariance import ledoit_wolf
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors

DIM = {"bottleneck": 24, "pooled": 40, "embedding": 16}
GROUPS = [(1, 30), (1, 90), (1, 60), (1, 20), (0, 50), (0, 100), (0, 15)]  # normal?, photos
QUERIES = 40
CLASSES = 3


class Generator:
    def __init__(self, seed):
        self.state = seed

    def __call__(self):
        self.state = (self.state * 1664525 + 1013904223) % 2**32
        return (self.state >> 8) / 2.0**24 - 0.5

    def vector(self, n):
        return np.array([self() for _ in range(n)])


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def draw():
    g = Generator(1)
    total = sum(DIM.values())
    kind = [g.vector(total), g.vector(total)]
    rows, label, group = [], [], []
    for i, (normal, photos) in enumerate(GROUPS):
        level = g.vector(total)
        for _ in range(photos):
            rows.append(kind[normal] + 0.7 * level + g.vector(total))
            label.append(normal)
            group.append(i)
    queries = [kind[q % 2] + 0.7 * g.vector(total) + g.vector(total) for q in range(QUERIES)]
    classes = np.array([g.vector(DIM["embedding"]) for _ in range(CLASSES)])
    return np.array(rows, np.float32), np.array(label), np.array(group), np.array(queries, np.float32), classes


def split(rows, half):
    """Normalised features; samples are kept in half precision, queries are not."""
    features, at = {}, 0
    for name, dim in DIM.items():
        x = unit(rows[:, at:at + dim].astype(np.float64))
        features[name] = x.astype(np.float16).astype(np.float64) if half else x
        at += dim
    return features


def weights(group):
    size = np.array([(group == g).sum() for g in group])
    w = 1 / np.sqrt(size)
    return w / w.sum()


def covariance(x, w, mean):
    y = (x - mean) * np.sqrt(w)[:, None]
    return y.T @ y


def k_centre(x, k):
    chosen = [int(np.argmax(x @ x.mean(0)))]
    nearest = x @ x[chosen[0]]
    while len(chosen) < k:
        nearest[chosen] = np.inf
        chosen.append(int(np.argmin(nearest)))
        nearest = np.maximum(nearest, x @ x[chosen[-1]])
    return chosen


def coreset(x, group, most):
    share = max(s for s in range(1, most + 1)
                if sum(min(s, (group == g).sum()) for g in np.unique(group)) <= most)
    chosen = []
    for g in np.unique(group):
        rows = np.flatnonzero(group == g)
        chosen += list(rows[k_centre(x[rows], share)]) if len(rows) > share else list(rows)
    return sorted(chosen)


def kmeans(x, k):
    centres = x[k_centre(x, k)].copy()
    before = None
    for _ in range(50):
        nearest = np.argmax(x @ centres.T, 1)
        if before is not None and (nearest == before).all():
            break
        before = nearest
        for c in range(k):
            if (nearest == c).any():
                centres[c] = unit(x[nearest == c].sum(0))
    return centres


def knn(train, x):
    distance, _ = NearestNeighbors(n_neighbors=5, metric="cosine", algorithm="brute").fit(train).kneighbors(x)
    return (1 - distance).mean(1)


def gaussian(x, group):
    w = weights(group)
    mean = w @ x
    c, _ = ledoit_wolf((x - mean) * np.sqrt(w * len(x))[:, None], assume_centered=True)
    inverse = np.linalg.inv(c)
    return lambda q: np.einsum("ij,jk,ik->i", q - mean, inverse, q - mean) / x.shape[1]


def taught(n, learned, known):
    """Nearness to normals minus that to the 3 nearest look-alikes that were learned, above the level of 9 of 10 of all that are known."""
    def near(x):
        distance, _ = NearestNeighbors(n_neighbors=min(3, len(learned)), metric="cosine", algorithm="brute").fit(learned).kneighbors(x)
        return (1 - distance).mean(1)
    level = np.quantile(near(known), 0.9)
    return lambda q: knn(n, q) - np.maximum(near(q), level)


def fit(kind, x, label, group, classes, first_learned, known):
    n, a = x[label == 1], x[label == 0]
    gn, ga = group[label == 1], group[label == 0]
    if kind == "cosine":
        return lambda q: q @ unit(n.mean(0))
    if kind == "prototypes":
        centres = kmeans(n, 16)
        return lambda q: (q @ centres.T).max(1)
    if kind == "knn":
        learned = a[ga >= first_learned]
        return taught(n, learned, known) if len(learned) else lambda q: knn(n, q)
    if kind == "knn_difference":
        return lambda q: knn(n, q) - knn(a, q)
    if kind == "mahalanobis":
        own = gaussian(n, gn)
        return lambda q: -own(q)
    if kind == "relative":
        own, other = gaussian(n, gn), gaussian(a, ga)
        return lambda q: other(q) - own(q)
    if kind == "discriminant":
        wn, wa = weights(gn), weights(ga)
        mn, ma = wn @ n, wa @ a
        c = (covariance(n, wn, mn) + covariance(a, wa, ma)) / 2
        c = 0.7 * c + 0.3 * np.trace(c) / len(c) * np.eye(len(c))
        direction = np.linalg.solve(c, mn - ma)
        return lambda q: q @ direction
    if kind == "logistic":
        both, sign = np.r_[n, a], np.r_[np.ones(len(n)), -np.ones(len(a))]
        scale = both.std(0).mean()
        weight = np.r_[weights(gn), weights(ga)] * len(both) / 2
        model = LogisticRegression(C=0.01, tol=1e-10, max_iter=10000).fit(both / scale, sign, weight)
        return lambda q: q @ model.coef_[0] / scale
    if kind == "arcface":
        v = unit(classes)
        return lambda q: (q @ v[1:].T).max(1) - q @ v[0]
    raise ValueError(kind)


def parse(spec):
    for part in spec.split(","):
        fields = part.split(":")
        yield fields[0], fields[1].split("+"), len(fields) > 2


def gather(features, names, origin=None):
    x = np.concatenate([features[n] for n in names], 1)
    if len(names) > 1:
        x = unit(x)
    return x if origin is None else unit(x - origin)


def fit_part(part, features, rows, label, group, classes, first_learned):
    kind, names, centred = part
    x = gather(features, names)
    known, x = x[label == 1], x[rows]
    lab, grp = label[rows], group[rows]
    origin = None
    if centred:
        origin = weights(grp[lab == 0]) @ x[lab == 0]
        x = unit(x - origin)
    score = fit(kind, x, lab, grp, classes, first_learned, known)
    return lambda q: score(gather(q, names, origin))


def cross(spec, features, label, group, classes, first_learned):
    """Out-of-fold scores of the normals (leave one group out), and the standardised scorer."""
    parts = list(parse(spec))
    everything = np.ones(len(label), bool)
    raw = np.zeros((len(label), len(parts)))
    whole = []
    for p, part in enumerate(parts):
        whole.append(fit_part(part, features, everything, label, group, classes, first_learned))
        for g in np.unique(group[label == 1]):
            score = fit_part(part, features, group != g, label, group, classes, first_learned)
            raw[group == g, p] = score({n: f[group == g] for n, f in features.items()})
    normal = raw[label == 1]
    share = np.array([1 / np.sqrt((group == g).sum()) for g in group[label == 1]])
    share /= share.sum()
    centre = share @ normal
    spread = np.sqrt(share @ (normal - centre) ** 2)
    if len(parts) == 1:
        centre, spread = np.zeros(1), np.ones(1)
    out = ((raw - centre) / spread).mean(1)[label == 1]
    return out, lambda q: sum((whole[p](q) - centre[p]) / spread[p] for p in range(len(parts))) / len(parts)


def main():
    rows, label, group, queries, classes = draw()
    features, asked = split(rows, True), split(queries, False)
    print("/* SPDX-License-Identifier: Apache-2.0")
    print(" * Made by tests/oracle/scorer.py; do not edit. */")
    chosen = coreset(features["bottleneck"], group, 60)
    print(f"static const int golden_coreset[] = {{{', '.join(map(str, chosen))}}};")
    specs = ["cosine:bottleneck", "prototypes:pooled", "knn:bottleneck", "knn_difference:bottleneck", "mahalanobis:pooled",
             "relative:bottleneck", "discriminant:bottleneck+pooled", "logistic:pooled", "arcface:embedding",
             "knn_difference:pooled:centred", "prototypes:bottleneck+pooled:centred",
             "knn:bottleneck,logistic:bottleneck",
             "knn:bottleneck,mahalanobis:pooled,discriminant:bottleneck+pooled:centred"]
    print(f"enum {{ GOLDEN_QUERIES = {QUERIES} }};")
    print("static const struct {\n    const char *spec;\n    int first_learned; /* abnormals of groups from this one on were taught */\n    float query[GOLDEN_QUERIES];"
          "\n    float mean, least; /* of the normals' out-of-fold scores */\n} golden_scores[] = {")
    for spec, first_learned in [(s, 4096) for s in specs] + [("knn:bottleneck", 6), ("knn:bottleneck,logistic:bottleneck", 5)]:
        out, score = cross(spec, features, label, group, classes, first_learned)
        values = ", ".join(f"{v:.8g}f" if "." in f"{v:.8g}" or "e" in f"{v:.8g}" else f"{v:.1f}f" for v in score(asked))
        print(f'    {{"{spec}", {first_learned}, {{{values}}}, {out.mean():.8e}f, {out.min():.8e}f}},')
    print("};")


if __name__ == "__main__":
    main()
