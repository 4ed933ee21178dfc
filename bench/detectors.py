#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What one would write in Python instead, on the same photos and the same backbone: PatchCore (Roth et al., arXiv 2106.08265, as anomalib builds
it), kNN (Sun et al., arXiv 2204.06507) and Mahalanobis (Lee et al., arXiv 1807.03888) with scikit-learn.

    python3 bench/detectors.py ../shared/data/dev BACKBONE.safetensors > table.md

BACKBONE is MobileNetV2 as `winnow import` writes it. Each source of normals is left out in turn; a detector is made of the others, which is all
that these methods look at, and judges what was left out. None of them sets a threshold: it is put at the 5% of the lowest scores of a random
fifth of the normals, which the detector did not see, as one would. Times are those of this process, on two threads at most.

Needs torch, Pillow, scikit-learn (Debian: python3-torch, python3-pil, python3-sklearn).
"""
import json, os, resource, struct, sys, time

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from sklearn.covariance import LedoitWolf
from sklearn.neighbors import NearestNeighbors

SIZE = 160
COLLECTORS = ("kaggle_riceleafs",)  # their folders are one source
ROWS = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
PATCH_BLOCKS = (6, 13)  # the last at an eighth and at a sixteenth of the side, as anomalib takes layer2 and layer3 of a ResNet
CORESET, PROJECTED, REWEIGHTED = 0.01, 64, 9
KINDS = {"everyday scenes": "coco", "weeds": "chilli", "flowers": "flowers", "maize": "maize"}
FIELD = ("riceleafdisease_web_mix", "sethy_field_patches")


class Backbone:
    def __init__(self, path):
        data = open(path, "rb").read()
        size = struct.unpack("<Q", data[:8])[0]
        header = json.loads(data[8:8 + size])
        self.tensor = {name: torch.from_numpy(np.frombuffer(data[8 + size:][slice(*t["data_offsets"])], np.float32).reshape(t["shape"]).copy())
                       for name, t in header.items() if name != "__metadata__" and t["dtype"] == "F32"}

    def layer(self, x, conv, norm, stride=1, depthwise=False, relu=True):
        t, weight = self.tensor, self.tensor[conv + ".weight"]
        x = F.conv2d(x, weight, None, stride, weight.shape[2] // 2, groups=weight.shape[0] if depthwise else 1)
        x = F.batch_norm(x, t[norm + ".running_mean"], t[norm + ".running_var"], t[norm + ".weight"], t[norm + ".bias"], eps=1e-5)
        return F.relu6(x) if relu else x

    def __call__(self, x):
        """The outputs of features.0 to features.18."""
        outputs = [self.layer(x, "features.0.0", "features.0.1", 2)]
        for expansion, _, repeats, first in ROWS:
            for i in range(repeats):
                at, y, n = f"features.{len(outputs)}.conv", outputs[-1], 0
                if expansion > 1:
                    y, n = self.layer(y, f"{at}.0.0", f"{at}.0.1"), 1
                y = self.layer(y, f"{at}.{n}.0", f"{at}.{n}.1", 1 if i else first, depthwise=True)
                y = self.layer(y, f"{at}.{n + 1}", f"{at}.{n + 2}", relu=False)
                outputs.append(outputs[-1] + y if y.shape == outputs[-1].shape and i else y)
        return outputs + [self.layer(outputs[-1], "features.18.0", "features.18.1")]


def photos(root):
    for side in ("normal", "near", "far"):
        for source in sorted(os.listdir(f"{root}/{side}")):
            for folder, _, files in sorted(os.walk(f"{root}/{side}/{source}")):
                for file in sorted(files):
                    yield side, next((c for c in COLLECTORS if source.startswith(c)), source), os.path.join(folder, file)


def read(path, alter=lambda image: image):
    image = np.asarray(alter(Image.open(path).convert("RGB").resize((SIZE, SIZE), Image.BILINEAR)), np.float32) / 255
    return ((image - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]).transpose(2, 0, 1).astype(np.float32)


def patches(outputs):
    """Every position of the finer map with its 3 x 3 neighbourhood, both maps concatenated: (photos, positions, channels)."""
    maps = [F.avg_pool2d(outputs[b], 3, 1, 1) for b in PATCH_BLOCKS]
    maps = [maps[0]] + [F.interpolate(m, maps[0].shape[2:], mode="bilinear", align_corners=False) for m in maps[1:]]
    return torch.cat(maps, 1).flatten(2).transpose(1, 2)


@torch.no_grad()
def features(backbone, listed):
    pooled, bottleneck, patch = [], [], []
    for i in range(0, len(listed), 32):
        outputs = backbone(torch.from_numpy(np.stack([read(path) for _, _, path in listed[i:i + 32]])))
        pooled.append(outputs[18].mean((2, 3)))
        bottleneck.append(outputs[17].mean((2, 3)))
        patch.append(patches(outputs).half())
    unit = lambda rows: F.normalize(torch.cat(rows)).numpy()
    return unit(pooled), unit(bottleneck), torch.cat(patch)


class PatchCore:
    def __init__(self, patch):
        rows = patch.flatten(0, 1).float()
        torch.manual_seed(0)
        low = rows @ (torch.randn(rows.shape[1], PROJECTED) / PROJECTED**0.5)
        chosen, nearest = [0], (low - low[0]).square().sum(1)
        for _ in range(int(CORESET * len(rows)) - 1):  # greedy k-centre
            chosen.append(int(nearest.argmax()))
            nearest = torch.minimum(nearest, (low - low[chosen[-1]]).square().sum(1))
        self.bank = rows[chosen]
        self.megabytes = self.bank.numel() * 4e-6

    def one(self, patch):
        distance = torch.cdist(patch.float(), self.bank)
        nearest, index = distance.min(1)
        worst = int(nearest.argmax())
        around = torch.cdist(self.bank[index[worst]][None], self.bank)[0].topk(REWEIGHTED, largest=False).indices
        weight = 1 - torch.softmax(distance[worst][around], 0)[0]
        return -float(weight * nearest[worst])

    def score(self, patch):
        return np.array([self.one(p) for p in patch])


class Neighbours:
    def __init__(self, rows):
        self.index = NearestNeighbors(n_neighbors=5, algorithm="brute").fit(rows)
        self.megabytes = rows.nbytes * 1e-6

    def score(self, rows):
        return -self.index.kneighbors(rows)[0][:, -1]


class Mahalanobis:
    def __init__(self, rows):
        self.model = LedoitWolf().fit(rows.astype(np.float64))
        self.megabytes = self.model.precision_.nbytes * 1e-6

    def score(self, rows):
        return -self.model.mahalanobis(rows)


def auroc(normal, other):
    return float((normal[:, None] > other[None]).mean() + 0.5 * (normal[:, None] == other[None]).mean())


def measure(name, make, rows, side, source):
    results, seconds, each = [], [], []
    for left_out in sorted(set(source[side == "normal"])):
        known = np.flatnonzero((side == "normal") & (source != left_out))
        np.random.RandomState(0).shuffle(known)
        fifth = len(known) // 5
        began = time.time()
        detector = make(rows[np.sort(known[fifth:])])
        threshold = np.quantile(detector.score(rows[known[:fifth]]), 0.05)
        seconds.append(time.time() - began)
        own = np.flatnonzero(source == left_out)
        began = time.time()
        normal = detector.score(rows[own])
        each.append((time.time() - began) / len(own))
        others = [detector.score(rows[np.array([s.startswith(prefix) for s in source])]) for prefix in KINDS.values()]
        results.append([left_out, (normal < threshold).mean(), (others[0] >= threshold).mean(), *(auroc(normal, o) for o in others)])
    table = np.array([r[1:] for r in results], float)
    field = np.array([r[0] in FIELD for r in results])
    areas = " | ".join(f"{table[:, 2 + k].mean():.4f} ({table[field, 2 + k].mean():.3f})" for k in range(len(KINDS)))
    print(f"| {name} | {areas} | {100 * table[:, 0].mean():.1f}% ({100 * table[:, 0].max():.1f}%) | {100 * table[:, 1].mean():.1f}% | "
          f"{np.mean(seconds):.1f} s | {1e3 * np.mean(each):.2f} ms | {detector.megabytes:.1f} MB |", flush=True)


def main():
    torch.set_num_threads(2)
    listed = list(photos(sys.argv[1]))
    began = time.time()
    pooled, bottleneck, patch = features(Backbone(sys.argv[2]), listed)
    print(f"features: {(time.time() - began) / len(listed) * 1e3:.1f} ms a photo, decoding included", file=sys.stderr)
    side, source = np.array([s for s, _, _ in listed]), np.array([s for _, s, _ in listed])
    print("| | " + " | ".join(f"{k} (field)" for k in KINDS) + " | normals rejected (worst) | everyday accepted | fit | score | kept |\n|" + "---|" * (len(KINDS) + 6))
    measure("kNN, scikit-learn, `pooled`", Neighbours, pooled, side, source)
    measure("kNN, scikit-learn, `bottleneck`", Neighbours, bottleneck, side, source)
    measure("Mahalanobis, scikit-learn, `pooled`", Mahalanobis, pooled, side, source)
    measure("Mahalanobis, scikit-learn, `bottleneck`", Mahalanobis, bottleneck, side, source)
    measure("PatchCore, blocks 6 and 13, 1% coreset", PatchCore, patch, side, source)
    print(f"most memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB", file=sys.stderr)


if __name__ == "__main__":
    main()
