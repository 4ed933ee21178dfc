#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/plan.h: what PyTorch in float64 makes of a formula picture and formula weights.

    python3 tests/oracle/plan.py > tests/golden/plan.h

MobileNetV2 is torchvision's own module. EfficientNet-Lite0, which torchvision lacks, is written out below from
its paper's code (TensorFlow's SAME padding). Needs torchvision (Debian: python3-torchvision 0.14.1).
"""
import math

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torchvision

EMBEDDING = 24


def uniform(stream, count):
    x = (np.uint64(stream) * np.uint64(0x9E3779B1) + np.arange(count, dtype=np.uint64)) & np.uint64(0xFFFFFFFF)
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        x = ((x ^ (x >> np.uint64(shift))) * np.uint64(factor)) & np.uint64(0xFFFFFFFF)
    x = (x ^ (x >> np.uint64(16))) >> np.uint64(8)
    return x.astype(np.float64) / 8388608.0 - 1


def fill(model):
    stream = 0
    for name, tensor in model.state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue
        u = uniform(stream, tensor.numel())
        if tensor.dim() > 1:
            u = u * math.sqrt(6 / tensor[0].numel())
        elif name.endswith("running_var"):
            u = 1 + u / 2
        elif name.endswith(".weight"):
            u = 1 + u / 4
        else:
            u = u / 4
        tensor.copy_(torch.from_numpy(u.astype(np.float32).astype(np.float64)).reshape(tensor.shape))
        stream += 1


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


def floats(name, values):
    print(f"     .{name} = {{{', '.join(f'{v:.9g}' for v in values)}}},")


print("/* SPDX-License-Identifier: Apache-2.0")
print(" * Made by tests/oracle/plan.py; do not edit. */")
print(f"enum {{ GOLDEN_EMBEDDING = {EMBEDDING}, GOLDEN_CHANNELS = 32 }};\n")
print("static const struct {\n    const char *architecture;\n    float width;\n    int input;")
print("    double embedding[GOLDEN_EMBEDDING], features[GOLDEN_CHANNELS], bottleneck[GOLDEN_CHANNELS];\n} golden_plans[] = {")
for architecture, width, size in (("mobilenet_v2", 1.0, 128), ("efficientnet_lite0", 1.0, 128),
                                  ("mobilenet_v2", 0.35, 111), ("mobilenet_v2", 1.4, 96),
                                  ("efficientnet_lite0", 1.0, 101)):
    if architecture == "mobilenet_v2":
        body = torchvision.models.mobilenet_v2(width_mult=width).features
    else:
        body = efficientnet_lite0()
    with torch.no_grad():
        channels = body[-1][0].out_channels
        model = nn.ModuleList([body, nn.Linear(channels, EMBEDDING)]).double().eval()
        fill(model)
        x = torch.from_numpy(uniform(1000, size * size * 3)).reshape(1, size, size, 3).permute(0, 3, 1, 2)
        bottleneck = body[:-1](x)
        features = body[-1](bottleneck).mean((2, 3))[0]
        print(f'    {{.architecture = "{architecture}",\n     .width = {width}f,\n     .input = {size},')
        floats("embedding", model[1](features))
        floats("features", features[:32])
        floats("bottleneck", bottleneck.mean((2, 3))[0, :32])
        print("    },")
print("};")
