#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Does fine-tuning earn its place? The last blocks trained with ArcFace in many ways, judged as docs/accuracy.md judges gates.

    python3 bench/finetune.py ../shared/data/dev BACKBONE.safetensors > table.md

Each of two sources of normals is left out; everyday abnormals alone are given. What is trained sees four augmented versions of every photo, one an
epoch; a fifth of the normals, whole sources of them, is held out and sets the threshold, for the frozen features too. The scorer is the default one
(`knn:bottleneck,logistic:bottleneck+early`), in NumPy and scikit-learn, on what became of the features.

- keep W on FEATURE: the loss grows by W times the mean squared distance between the feature (L2-normalised) and that of the untouched network for the same
  augmented picture (`pooled` or `bottleneck`).
- L2-SP W: weights decay towards those that they began with, not towards 0 (Li et al., arXiv 1802.01483).
- classes: each source of normals and each folder of abnormals has an ArcFace class of its own.

The blocks before the trained ones are frozen, so their maps are computed once; needs what bench/detectors.py needs, and half an hour on one idle core.
"""
import io, math, os, sys

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageEnhance, ImageFilter

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "oracle"))
from arcface import arcface
from detectors import KINDS, Backbone, auroc, photos
from layers import combine, knn, logistic, unit

SIZE = 128  # where layers learn
LEFT_OUT = ("riceleafdisease_web_mix", "sethy_field_patches")
GIVEN = ("imagenet_sample_1000", "bsds500")
EPOCHS, BATCH, RATE, CLASS_RATE, MOMENTUM, DECAY, MARGIN, SCALE, EMBEDDING = 4, 32, 0.002, 0.02, 0.9, 1e-4, 28.6, 16, 512
MEAN, STD = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)
PLAN = [
    ("nothing", None),
    ("last two blocks", {}),
    ("last block", {"first": 17}),
    ("last two blocks, a tenth of the rate", {"rate": 0.1}),
    ("last two blocks, a hundredth of the rate", {"rate": 0.01}),
    ("last two blocks, classes", {"classes": True}),
    ("last two blocks, L2-SP 0.01", {"l2sp": 0.01}),
    ("last two blocks, L2-SP 0.1", {"l2sp": 0.1}),
    ("last two blocks, keep 1 on pooled", {"keep": 1}),
    ("last two blocks, keep 10 on pooled", {"keep": 10}),
    ("last two blocks, keep 100 on pooled", {"keep": 100}),
    ("last two blocks, keep 10 on bottleneck", {"keep": 10, "on": "bottleneck"}),
    ("last two blocks, keep 100 on bottleneck", {"keep": 100, "on": "bottleneck"}),
    ("last block, keep 10 on bottleneck", {"first": 17, "keep": 10, "on": "bottleneck"}),
    ("last block, classes, keep 10 on bottleneck", {"first": 17, "classes": True, "keep": 10, "on": "bottleneck"}),
    ("last block, classes, keep 10 on bottleneck, a tenth of the rate", {"first": 17, "classes": True, "keep": 10, "on": "bottleneck", "rate": 0.1}),
]


def phone(image, random):
    """What a phone might have made of it: the kinds of src/train/augment.c."""
    w, h = image.size
    share = math.sqrt(random.uniform(0.5, 1))
    x, y = random.uniform(0, w * (1 - share)), random.uniform(0, h * (1 - share))
    image = image.resize((SIZE, SIZE), Image.BILINEAR, (x, y, x + w * share, y + h * share))
    if random.random() < 0.5:
        image = image.transpose(Image.FLIP_LEFT_RIGHT)
    if random.random() < 0.3:
        image = image.filter(ImageFilter.GaussianBlur(random.uniform(0.3, 1.5)))
    image = ImageEnhance.Brightness(image).enhance(2**random.uniform(-0.7, 0.7))
    image = ImageEnhance.Contrast(image).enhance(random.uniform(0.8, 1.2))
    image = ImageEnhance.Color(image).enhance(random.uniform(0.7, 1.3))
    if random.random() < 0.5:
        file = io.BytesIO()
        image.save(file, "jpeg", quality=int(random.uniform(30, 95)))
        image = Image.open(file)
    return image


def tensor(image):
    return torch.from_numpy(((np.asarray(image, np.float32) / 255 - MEAN) / STD).transpose(2, 0, 1).copy())


@torch.no_grad()
def frozen_part(backbone, listed, versions):
    """For each version: maps that features.16 gets (photos, 160, 4, 4), and the mean of features.3. Version 0 is the photo itself."""
    maps, early = [[] for _ in range(versions)], []
    for i in range(0, len(listed), 16):
        images = [Image.open(path).convert("RGB") for _, _, path in listed[i:i + 16]]
        for v in range(versions):
            batch = [tensor(phone(p, np.random.default_rng((i + k, v))) if v else p.resize((SIZE, SIZE), Image.BILINEAR)) for k, p in enumerate(images)]
            outputs = backbone(torch.stack(batch))
            maps[v].append(outputs[15].half())
            if v == 0:
                early.append(outputs[3].mean((2, 3)))
    return [torch.cat(m) for m in maps], unit(torch.cat(early).numpy())


class Tail:
    """features.16 to features.18 and the embedding."""

    def __init__(self, backbone, first):
        self.first = first
        self.tensor = {n: t.clone() for n, t in backbone.tensor.items() if n.startswith(("features.16.", "features.17.", "features.18."))}
        self.learned = [n for n in self.tensor if int(n.split(".")[1]) >= first and n.endswith((".weight", ".bias"))]
        generator = torch.Generator().manual_seed(1)
        self.embedding = ((torch.rand(EMBEDDING, 1280, generator=generator) * 2 - 1) / math.sqrt(1280)).requires_grad_()
        for n in self.learned:
            self.tensor[n].requires_grad_()

    def layer(self, x, conv, norm, training, depthwise=False, relu=True):
        t, weight = self.tensor, self.tensor[conv + ".weight"]
        x = F.conv2d(x, weight, None, 1, weight.shape[2] // 2, groups=weight.shape[0] if depthwise else 1)
        training = training and int(conv.split(".")[1]) >= self.first
        x = F.batch_norm(x, t[norm + ".running_mean"], t[norm + ".running_var"], t[norm + ".weight"], t[norm + ".bias"], training, 0.1, 1e-5)
        return F.relu6(x) if relu else x

    def __call__(self, x, training=False):
        """bottleneck, pooled"""
        for at in ("features.16.conv", "features.17.conv"):
            y = self.layer(x, f"{at}.0.0", f"{at}.0.1", training)
            y = self.layer(y, f"{at}.1.0", f"{at}.1.1", training, depthwise=True)
            y = self.layer(y, f"{at}.2", f"{at}.3", training, relu=False)
            x = x + y if y.shape == x.shape else y
        return x.mean((2, 3)), self.layer(x, "features.18.0", "features.18.1", training).mean((2, 3))


def tune(backbone, maps, normal, abnormal, source, first=16, rate=1.0, keep=0.0, on="pooled", l2sp=0.0, classes=False):
    """normal and abnormal: rows of the photos to learn from, of which an epoch sees every normal and as many abnormals."""
    tail, start = Tail(backbone, first), Tail(backbone, 99)
    names = sorted(set(source[normal])) + sorted(set(source[abnormal])) if classes else ["normal", "abnormal"]
    label = np.array([names.index(s) if classes and s in names else 0 for s in source])
    if not classes:
        label[abnormal] = 1
    generator = torch.Generator().manual_seed(1)
    vectors = (torch.randn(len(names), EMBEDDING, generator=generator) * math.sqrt(2 / (len(names) + EMBEDDING))).requires_grad_()
    decayed = [tail.tensor[n] for n in tail.learned if tail.tensor[n].dim() > 1 and not l2sp] + [tail.embedding]
    plain = [tail.tensor[n] for n in tail.learned if tail.tensor[n].dim() == 1 or l2sp]
    optimizer = torch.optim.SGD([{"params": decayed, "weight_decay": DECAY}, {"params": plain}], lr=RATE * rate, momentum=MOMENTUM)
    class_optimizer = torch.optim.SGD([vectors], lr=CLASS_RATE * rate)
    random = np.random.default_rng(1)
    steps = 2 * len(normal) // BATCH
    for epoch in range(EPOCHS):
        order = random.permutation(np.concatenate([normal, random.choice(abnormal, len(normal), replace=len(abnormal) < len(normal))]))
        for step in range(steps):
            done = epoch * steps + step
            share = min(1, (done + 1) / steps) * (0.5 + 0.5 * math.cos(math.pi * done / (EPOCHS * steps)))
            for o, r in ((optimizer, RATE), (class_optimizer, CLASS_RATE)):
                o.zero_grad()
                for group in o.param_groups:
                    group["lr"] = r * rate * share
            rows = order[step * BATCH:(step + 1) * BATCH]
            x = maps[1 + epoch % (len(maps) - 1)][rows].float()
            bottleneck, pooled = tail(x, True)
            loss = arcface(pooled @ tail.embedding.t(), vectors, torch.from_numpy(label[rows]), math.radians(MARGIN), SCALE)
            if keep:
                with torch.no_grad():
                    was = start(x)[on == "pooled"]
                now = pooled if on == "pooled" else bottleneck
                loss = loss + keep * (F.normalize(now) - F.normalize(was)).square().sum(1).mean()
            if l2sp:
                loss = loss + l2sp / 2 * sum((tail.tensor[n] - start.tensor[n]).square().sum() for n in tail.learned)
            loss.backward()
            optimizer.step()
            class_optimizer.step()
    return tail


def hold_out(source, normal):
    """Whole sources, as near to a fifth of the normals as they come."""
    names, count = np.unique(source[normal], return_counts=True)
    best = min(range(1, 2**len(names) - 1), key=lambda s: abs(sum(c for i, c in enumerate(count) if s >> i & 1) - len(normal) / 5))
    return np.isin(source, [n for i, n in enumerate(names) if best >> i & 1])


def judge(bottleneck, early, source, fitted, held, abnormal, left_out):
    both = unit(np.concatenate([bottleneck, early], 1))
    parts = []
    for x, fit in ((bottleneck, knn), (both, logistic)):
        score = fit(x[fitted], source[fitted], x[abnormal], source[abnormal])(x)
        parts.append((score, score[held], source[held]))
    score, inner = combine("mean", parts)
    threshold = np.sort(inner)[int(0.05 * (len(inner) + 1)) - 1]
    own = score[source == left_out]
    cells = [f"{auroc(own, score[rows]):.4f}, {100 * (score[rows] >= threshold).mean():.0f}%"
             for rows in (np.array([s.startswith(prefix) for s in source]) for prefix in KINDS.values())]
    return cells + [f"{100 * (own < threshold).mean():.1f}%"]


def main():
    torch.set_num_threads(1)
    backbone = Backbone(sys.argv[2])
    listed = [p for p in photos(sys.argv[1]) if p[0] != "normal2"]
    given = [i for i, (side, source, _) in enumerate(listed) if side == "normal" or source in GIVEN]
    source = np.array([s for _, s, _ in listed])
    normal = np.array([side == "normal" for side, _, _ in listed])
    listed = [listed[i] for i in given] + [listed[i] for i in range(len(listed)) if i not in set(given)]
    source = np.array([s for _, s, _ in listed])
    normal = np.array([side == "normal" for side, _, _ in listed])
    augmented, _ = frozen_part(backbone, listed[:len(given)], EPOCHS + 1)
    plain, early = frozen_part(backbone, listed, 1)
    maps = [None] + augmented[1:]
    print("| source left out | what learns | " + " | ".join(KINDS) + " | normals rejected |\n|---|---|---|---|---|---|---|")
    for left_out in LEFT_OUT:
        rest = np.flatnonzero(normal & (source != left_out))
        held = hold_out(source, rest) & normal & (source != left_out)
        fitted = normal & (source != left_out) & ~held
        abnormal = np.isin(source, GIVEN)
        for title, how in PLAN:
            tail = Tail(backbone, 99) if how is None else tune(backbone, maps, np.flatnonzero(fitted), np.flatnonzero(abnormal), source, **how)
            with torch.no_grad():
                bottleneck = unit(torch.cat([tail(m.float())[0] for m in plain[0].split(256)]).numpy())
            print(f"| `{left_out}` | {title} | " + " | ".join(judge(bottleneck, early, source, fitted, held, abnormal, left_out)) + " |", flush=True)


if __name__ == "__main__":
    main()
