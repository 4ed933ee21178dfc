#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Where in a picture the subject is: what chose the patches of `winnow check --explain`.

    python3 bench/patches.py ../shared/data/dev build BACKBONE.safetensors [COUNT] > table.md

Each source of normals is left out in turn: `build/winnow train` makes a gate of the others and of the folders GIVEN of abnormals. Pictures are
then composed of what it did not see: a photo of the left-out source with one of everyday scenes, weeds, flowers or maize pasted in, or the other
way round; a whole photo on a quarter or on half of the square, at a random place. COUNT (40) for each source. A map of scores is interpolated as
the command paints it, to 16 x 16; its measure is the AUROC of the points of the subject against the others of the same picture, and the share of
both above the threshold. "Windows" are judged as pictures; all else are patches: means over maps of the network under a box or a Gaussian (its
deviation in cells), normalised and scored as means over whole maps are. Maps are of the picture at once, at 1, 2 or 3 times the gate's input, or of
4 or 9 windows of half the side, put together. The last row is winnow_explain itself, the others NumPy and PyTorch.

Needs what bench/detectors.py needs, and build/src/runtime/libwinnow.so."""
import ctypes, json, os, random, struct, subprocess, sys, tempfile

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from detectors import KINDS, auroc

GIVEN = ("imagenet_sample_1000", "bsds500")
CANVAS, FINE, CELLS = 512, 16, 8
ROWS = {  # (kernel, repeats, stride, expansion), as src/runtime/network.c
    "mobilenet_v2": ((3, 1, 1, 1), (3, 2, 2, 6), (3, 3, 2, 6), (3, 4, 2, 6), (3, 3, 1, 6), (3, 3, 2, 6), (3, 1, 1, 6)),
    "efficientnet_lite0": ((3, 1, 1, 1), (3, 2, 2, 6), (5, 2, 2, 6), (3, 3, 2, 6), (5, 3, 1, 6), (5, 4, 2, 6), (3, 1, 1, 6))}


class Gate:
    """The file in Python: maps of the network, and the score of features."""

    def __init__(self, path):
        data = open(path, "rb").read()
        size = struct.unpack("<Q", data[:8])[0]
        header = json.loads(data[8:8 + size])
        about = header.pop("__metadata__")
        self.table = {name: np.frombuffer(data[8 + size:][slice(*t["data_offsets"])], np.float32).reshape(t["shape"]).copy()
                      for name, t in header.items() if t["dtype"] == "F32"}
        self.weight = {name: torch.from_numpy(t) for name, t in self.table.items() if name.startswith("features")}
        self.rows, self.same = ROWS[about["winnow.architecture"]], about["winnow.architecture"] == "efficientnet_lite0"
        self.mean, self.std = (np.array(about[key].split(), np.float32) for key in ("winnow.mean", "winnow.std"))
        self.parts = [(kind, looks.split("+")) for kind, looks in (part.split(":") for part in about["winnow.scorer"].split(","))]
        self.threshold, self.size = self.table["gate.threshold"][0], int(about["winnow.input"])

    def layer(self, x, conv, norm, stride=1, depthwise=False, relu=True):
        w, weight = self.weight, self.weight[conv + ".weight"]
        kernel, side = weight.shape[2], x.shape[2]
        total = max((-(-side // stride) - 1) * stride + kernel - side, 0) if self.same else kernel - 1
        x = F.pad(x, (total // 2, total - total // 2) * 2)
        x = F.conv2d(x, weight, None, stride, groups=weight.shape[0] if depthwise else 1)
        x = F.batch_norm(x, w[norm + ".running_mean"], w[norm + ".running_var"], w[norm + ".weight"], w[norm + ".bias"], eps=1e-3 if self.same else 1e-5)
        return F.relu6(x) if relu else x

    @torch.no_grad()
    def maps(self, pictures):
        """Equal squares of bytes -> {feature: (pictures, channels, side, side)}."""
        x = torch.from_numpy(((np.stack(pictures) / np.float32(255) - self.mean) / self.std).transpose(0, 3, 1, 2).copy())
        side, found, block = x.shape[2], {}, 0
        x = self.layer(x, "features.0.0", "features.0.1", 2)
        for _, repeats, stride, expansion in self.rows:
            for i in range(repeats):
                block += 1
                at, y, n = f"features.{block}.conv", x, 0
                if expansion > 1:
                    y, n = self.layer(y, f"{at}.0.0", f"{at}.0.1"), 1
                y = self.layer(y, f"{at}.{n}.0", f"{at}.{n}.1", 1 if i else stride, depthwise=True)
                y = self.layer(y, f"{at}.{n + 1}", f"{at}.{n + 2}", relu=False)
                x = x + y if i else y
                if not i and 16 * x.shape[2] >= side:
                    found["middle"] = x
            if 4 * x.shape[2] >= side:
                found["early"] = x
        return {"bottleneck": x, **found}

    def score(self, feature):
        """{feature: (n, channels)} -> n scores less the threshold."""
        unit = lambda rows: rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
        total = 0
        for p, (kind, looks) in enumerate(self.parts):
            x = unit(np.concatenate([unit(feature[name]) for name in looks], 1))
            if kind == "knn":
                raw = -np.partition(-x @ self.table[f"gate.{p}.normals"].T, 4, axis=1)[:, :5].mean(1)
            else:  # logistic
                raw = x @ self.table[f"gate.{p}.direction"][0]
            centre, spread = self.table["gate.standard"][p]
            total = total + (raw - centre) / spread
        return total / len(self.parts) - self.threshold


# ---- pictures ----


def files(folder):
    return sorted(os.path.join(where, file) for where, _, names in os.walk(folder) for file in names)


def load(path, side):
    return np.asarray(Image.open(path).convert("RGB").resize((side, side), Image.BILINEAR))


def composites(root, source, count):
    """(picture, where the subject is)."""
    draw = random.Random(source)
    own, others = files(f"{root}/normal/{source}"), []
    for prefix in KINDS.values():
        others.append([f for side in ("near", "far") for s in sorted(os.listdir(f"{root}/{side}")) if s.startswith(prefix) for f in files(f"{root}/{side}/{s}")])
    for i in range(count):
        side = round(CANVAS * draw.choice((0.5, 0.5**0.5)))
        x, y = draw.randint(0, CANVAS - side), draw.randint(0, CANVAS - side)
        below, above = draw.choice(own), draw.choice(others[i % len(others)])
        inside = i // len(others) % 2 == 1
        if inside:
            below, above = above, below
        picture, where = load(below, CANVAS).copy(), np.full((CANVAS, CANVAS), not inside)
        picture[y:y + side, x:x + side], where[y:y + side, x:x + side] = load(above, side), inside
        yield picture, where


def shrink(picture, side):
    return np.asarray(Image.fromarray(picture).resize((side, side), Image.BILINEAR))


def window(picture, x, y, side):
    x, y = round(x * CANVAS), round(y * CANVAS)
    return shrink(picture[y:y + CANVAS // 2, x:x + CANVAS // 2], side)


# ---- maps of scores ----


def judged_windows(gate, picture):
    """36 windows of half the side, kept within the picture."""
    start = [(c + 0.5) / CELLS - 0.25 for c in range(1, CELLS - 1)]
    start = [min(max(s, 0), 0.5) for s in start]
    maps = gate.maps([window(picture, x, y, gate.size) for y in start for x in start])
    scores = gate.score({name: m.mean((2, 3)).numpy() for name, m in maps.items()}).reshape(6, 6)
    return np.pad(scores, 1, "edge")


def at_once(gate, picture, times):
    maps = gate.maps([shrink(picture, times * gate.size)])
    return {name: F.adaptive_avg_pool2d(m, maps["bottleneck"].shape[2]) for name, m in maps.items()}


def in_windows(gate, picture, starts):
    """Where windows overlap, the mean."""
    at = [(x, y) for y in starts for x in starts]
    maps = gate.maps([window(picture, x, y, gate.size) for x, y in at])
    grid, whole = maps["bottleneck"].shape[2], {}
    for name, each in maps.items():
        total, count = torch.zeros(1, each.shape[1], 2 * grid, 2 * grid), torch.zeros(2 * grid, 2 * grid)
        for (x, y), m in zip(at, F.adaptive_avg_pool2d(each, grid)):
            rows, columns = (slice(int(2 * grid * v), int(2 * grid * v) + grid) for v in (y, x))
            total[0, :, rows, columns] += m
            count[rows, columns] += 1
        whole[name] = total / count
    return whole


def patches(gate, cells, weigh):
    """weigh: of a cell by its distance along one axis."""
    side = cells["bottleneck"].shape[2]
    weight = torch.tensor([[float(weigh(abs(i - j))) for j in range(side)] for i in range(side)])
    weight /= weight.sum(1, keepdim=True)
    return gate.score({name: (weight @ m @ weight.T)[0].flatten(1).T.numpy() for name, m in cells.items()}).reshape(side, side)


SINGLE, BOX = ("single cells", lambda d: d == 0), ("3 x 3 cells", lambda d: d <= 1)
GAUSS = [(f"Gaussian, {s}", lambda d, s=s: np.exp(-0.5 * (d / s)**2)) for s in (0.7, 1, 1.5)]
CHOICES = [("the picture at once", lambda g, p: at_once(g, p, 1), (SINGLE, GAUSS[0])),
           ("at once, 2 x input", lambda g, p: at_once(g, p, 2), (SINGLE, BOX, *GAUSS)),
           ("at once, 3 x input", lambda g, p: at_once(g, p, 3), (SINGLE, *GAUSS)),
           ("4 windows", lambda g, p: in_windows(g, p, (0, 0.5)), (SINGLE, GAUSS[0])),
           ("9 windows", lambda g, p: in_windows(g, p, (0, 0.25, 0.5)), (SINGLE, BOX, *GAUSS))]


class CImage(ctypes.Structure):
    _fields_ = [("plane", ctypes.c_void_p * 3), ("stride", ctypes.c_ssize_t * 3), ("width", ctypes.c_int), ("height", ctypes.c_int),
                ("format", ctypes.c_int), ("orientation", ctypes.c_int), ("yuv", ctypes.c_int)]


class Explain:
    def __init__(self, library, path):
        self.lib, self.gate, self.session = ctypes.CDLL(library), ctypes.c_void_p(), ctypes.c_void_p()
        if self.lib.winnow_gate_open(path.encode(), ctypes.byref(self.gate), None) or self.lib.winnow_session_create(
                self.gate, ctypes.byref(self.session), None):
            raise SystemExit(f"{path} does not open")

    def __call__(self, picture):
        cells = np.empty((CELLS, CELLS), np.float32)
        image = CImage(plane=(picture.ctypes.data, 0, 0), stride=(picture.strides[0], 0, 0), width=CANVAS, height=CANVAS)
        if self.lib.winnow_explain(self.session, ctypes.byref(image), ctypes.c_void_p(cells.ctypes.data), None, None):
            raise SystemExit("winnow_explain fails")
        return cells


def fine(cells):
    """Between the centres of the cells, as cli/explain.c paints."""
    n = len(cells)
    at = np.clip((np.arange(FINE) + 0.5) * n / FINE - 0.5, 0, n - 1)
    left = np.minimum(at.astype(int), n - 2)
    share = np.zeros((FINE, n))
    share[np.arange(FINE), left] = 1 - (at - left)
    share[np.arange(FINE), left + 1] = at - left
    return share @ cells @ share.T


def train(root, build, backbone, source, out):
    sides = [("--normal", f"{root}/normal/{s}") for s in sorted(os.listdir(f"{root}/normal")) if s != source]
    sides += [("--abnormal", f"{root}/far/{s}") for s in GIVEN]
    subprocess.run([f"{build}/winnow", "train", "--backbone", backbone, "--input-size", "128", *(word for side in sides for word in side), "--false-reject", "5%", "-o", out],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def main():
    torch.set_num_threads(1)
    root, build, backbone = sys.argv[1:4]
    count, found = int(sys.argv[4]) if len(sys.argv) > 4 else 40, {}
    for source in sorted(os.listdir(f"{root}/normal")):
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/gate.safetensors"
            train(root, build, backbone, source, path)
            gate, explain = Gate(path), Explain(f"{build}/src/runtime/libwinnow.so", path)
        for i, (picture, where) in enumerate(composites(root, source, count)):
            maps = {("36 windows, judged", ""): judged_windows(gate, picture)}
            for name, make, rules in CHOICES:
                cells = make(gate, picture)
                maps.update({(name, rule): patches(gate, cells, weigh) for rule, weigh in rules})
            maps["`winnow_explain`", ""] = explain(picture)
            share = where.reshape(FINE, CANVAS // FINE, FINE, CANVAS // FINE).mean((1, 3))
            for key, cells in maps.items():
                subject, other = fine(cells)[share > 0.75], fine(cells)[share < 0.25]
                found.setdefault(key, []).append((i % len(KINDS), auroc(subject, other), (subject >= 0).mean(), (other >= 0).mean()))
    print("| map | patch | AUROC | " + " | ".join(KINDS) + " | accepted: subject | other |\n|---|---|---|" + "---|" * (len(KINDS) + 2))
    for (name, rule), rows in found.items():
        rows = np.array(rows)
        kinds = " | ".join(f"{rows[rows[:, 0] == k, 1].mean():.3f}" for k in range(len(KINDS)))
        print(f"| {name} | {rule} | {rows[:, 1].mean():.4f} | {kinds} | {100 * rows[:, 2].mean():.0f}% | {100 * rows[:, 3].mean():.0f}% |")


if __name__ == "__main__":
    main()
