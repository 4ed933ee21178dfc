#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The reference recipe in PyTorch, on real photos: the peer of `winnow train --recipe reference`.

usage: reference_recipe.py NORMAL_DIR TEST_NORMAL_DIR ABNORMAL_DIR... [--epochs 60]

Trains on NORMAL_DIR (without what is also below TEST_NORMAL_DIR) and as many of the abnormals, drawn afresh each
epoch; every tenth epoch prints AUROC and FPR at 95% TPR of TEST_NORMAL_DIR against each ABNORMAL_DIR, by the cosine with the
mean of all normalised training normals. BGR, OpenCV bilinear 128x128, [-1, 1], batch 32, ArcFace 28.6 degrees and
scale 64, SGD .001/.9/1e-4 and .01 for the class vectors. Needs torch, torchvision, OpenCV, NumPy.
The abnormals that are tested on are also trained on, as in docs/accuracy.md: what is unseen are the normals."""
import argparse, math, os, random, time
import cv2, numpy as np, torch, torchvision

parser = argparse.ArgumentParser()
parser.add_argument("normal"); parser.add_argument("test"); parser.add_argument("abnormal", nargs="+")
parser.add_argument("--epochs", type=int, default=60); parser.add_argument("--seed", type=int, default=1)
args = parser.parse_args()
torch.manual_seed(args.seed); random.seed(args.seed)


def load(folder, without=None):
    pictures = []
    for path, _, names in sorted(os.walk(folder, followlinks=True)):
        if without and os.path.realpath(path).startswith(os.path.realpath(without)):
            continue
        for name in sorted(names):
            picture = cv2.imread(os.path.join(path, name))
            if picture is not None:
                pictures.append(cv2.resize(picture, (128, 128), interpolation=cv2.INTER_LINEAR))
    return np.stack(pictures)


normal, test = load(args.normal, args.test), load(args.test)
abnormal = [load(folder) for folder in args.abnormal]
pool = np.concatenate(abnormal)
print(f"{len(normal)} normals, {len(pool)} abnormals, {len(test)} normals of another source", flush=True)


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.features = torchvision.models.mobilenet_v2(weights=None).features
        self.embedding = torch.nn.Linear(1280, 512)

    def forward(self, x):
        return self.embedding(self.features(x).mean((2, 3)))


def tensor(pictures):
    x = torch.from_numpy(pictures).permute(0, 3, 1, 2).float().div(127.5).sub(1)
    return x.contiguous(memory_format=torch.channels_last)


net = Net().to(memory_format=torch.channels_last)
classes = torch.nn.Parameter(torch.randn(2, 512) * math.sqrt(2 / 514))
step_net = torch.optim.SGD(net.parameters(), lr=1e-3, momentum=0.9, weight_decay=1e-4)
step_classes = torch.optim.SGD([classes], lr=0.01)
margin = math.radians(28.6)


def arcface(e, label):
    cosine = torch.nn.functional.linear(*map(torch.nn.functional.normalize, (e, classes))).clamp(-1 + 1e-7, 1 - 1e-7)
    target = torch.nn.functional.one_hot(label, 2).bool()
    return torch.nn.functional.cross_entropy(64 * torch.where(target, (cosine.acos() + margin).cos(), cosine), label)


def embed(pictures):
    net.eval()
    with torch.no_grad():
        e = torch.cat([net(tensor(pictures[i : i + 64])) for i in range(0, len(pictures), 64)])
    return torch.nn.functional.normalize(e).double().numpy()


def measure():
    mean = embed(normal).mean(0)
    mean /= np.linalg.norm(mean)
    good = embed(test) @ mean
    for folder, pictures in zip(args.abnormal, abnormal):
        bad = embed(pictures) @ mean
        auroc = (good[:, None] > bad).mean() + 0.5 * (good[:, None] == bad).mean()
        fpr = (bad >= np.quantile(good, 0.05)).mean()
        print(f"  {folder}: AUROC {auroc:.4f}, FPR at 95% TPR {fpr:.4f}", flush=True)


begin = time.time()
for epoch in range(args.epochs):
    net.train()
    drawn = pool[np.random.default_rng(epoch).permutation(len(pool))[: len(normal)]]
    pictures = np.concatenate([normal, drawn])
    labels = torch.cat([torch.ones(len(normal)), torch.zeros(len(drawn))]).long()
    order, total = torch.randperm(len(pictures)), 0.0
    for at in range(0, len(order) - 31, 32):
        batch = order[at : at + 32]
        loss = arcface(net(tensor(pictures[batch.numpy()])), labels[batch])
        step_net.zero_grad(); step_classes.zero_grad(); loss.backward(); step_net.step(); step_classes.step()
        total += loss.item() / (len(order) // 32)
    print(f"epoch{epoch + 1}: loss {total:.4f}  {(epoch + 1) * len(order) / (time.time() - begin):.0f} images/s", flush=True)
    if (epoch + 1) % 10 == 0:
        measure()
