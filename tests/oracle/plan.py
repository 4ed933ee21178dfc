#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/plan.h: what PyTorch in float64 makes of a formula picture and formula weights.

    python3 tests/oracle/plan.py > tests/golden/plan.h

MobileNetV2 is torchvision's own module; EfficientNet-Lite0 is efficientnet_lite0.py's. Needs torchvision (Debian: python3-torchvision 0.14.1).
"""
import math

import numpy as np
import torch
import torch.nn as nn
import torchvision

from efficientnet_lite0 import efficientnet_lite0

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
