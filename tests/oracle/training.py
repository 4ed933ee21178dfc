#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Golden values of whole networks by PyTorch: tests/golden/training.safetensors.

Most of ReLU6 is kept in its slope by beta: at a plain start rounding differences grow by a third in every layer, and
after fifty by a million, so that even PyTorch's float32 does not follow its float64.

Forward in both modes, every gradient, and some steps of SGD from weights that both sides compute by formula; in float64,
with float32 beside it to show how far rounding alone carries a training. Of each tensor 8 samples and the root mean
square are kept.

usage: tests/oracle/training.py
"""
import math
import os
import sys

import torch
import torch.nn as nn
import torch.nn.functional as F

sys.path.insert(0, os.path.dirname(__file__))
from arcface import arcface
from pattern import pattern, write_safetensors

STEPS = {"mobilenet_v2": 20, "efficientnet_lite0": 3}
BATCH, INPUT, EMBEDDING, WIDTH = 4, 96, 32, 0.35
RATE, CLASS_RATE, MOMENTUM, DECAY = 1e-3, 1e-2, 0.9, 1e-4
torch.set_num_threads(2)
TABLES = {  # kernel, repeats, stride, expansion, channels
    "mobilenet_v2": dict(rows=[(3, 1, 1, 1, 16), (3, 2, 2, 6, 24), (3, 3, 2, 6, 32), (3, 4, 2, 6, 64), (3, 3, 1, 6, 96),
                               (3, 3, 2, 6, 160), (3, 1, 1, 6, 320)], scale_stem=True, same=False, epsilon=1e-5, momentum=0.1),
    "efficientnet_lite0": dict(rows=[(3, 1, 1, 1, 16), (3, 2, 2, 6, 24), (5, 2, 2, 6, 40), (3, 3, 2, 6, 80), (5, 3, 1, 6, 112),
                                     (5, 4, 2, 6, 192), (3, 1, 1, 6, 320)], scale_stem=False, same=True, epsilon=1e-3, momentum=0.01),
}


def scaled(channels):
    wanted = channels * WIDTH
    rounded = max(8, int(wanted + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * wanted else rounded


class Layer(nn.Module):
    """Convolution, norm and activation."""

    def __init__(self, table, cin, cout, kernel, stride, depthwise, relu6):
        super().__init__()
        self.same, self.relu6 = table["same"], relu6
        self.conv = nn.Conv2d(cin, cout, kernel, stride, 0, groups=cin if depthwise else 1, bias=False)
        self.norm = nn.BatchNorm2d(cout, table["epsilon"], table["momentum"])

    def forward(self, x):
        kernel, stride, size = self.conv.kernel_size[0], self.conv.stride[0], x.shape[2]
        before = after = (kernel - 1) // 2
        if self.same:
            total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
            before, after = total // 2, total - total // 2
        x = self.norm(self.conv(F.pad(x, (before, after, before, after))))
        return F.relu6(x) if self.relu6 else x


class Network(nn.Module):
    def __init__(self, table):
        super().__init__()
        c = scaled(32) if table["scale_stem"] else 32
        self.layers, self.blocks = nn.ModuleList([Layer(table, 3, c, 3, 2, False, True)]), []
        for kernel, repeats, stride, expansion, channels in table["rows"]:
            for i in range(repeats):
                s, cout, hidden, first = stride if i == 0 else 1, scaled(channels), c * expansion, len(self.layers)
                if expansion != 1:
                    self.layers.append(Layer(table, c, hidden, 1, 1, False, True))
                self.layers.append(Layer(table, hidden, hidden, kernel, s, True, True))
                self.layers.append(Layer(table, hidden, cout, 1, 1, False, False))
                self.blocks.append((first, len(self.layers), s == 1 and c == cout))
                c = cout
        self.layers.append(Layer(table, c, 1280, 1, 1, False, True))
        self.embedding = nn.Linear(1280, EMBEDDING)

    def forward(self, x):
        x = self.layers[0](x)
        for first, end, residual in self.blocks:
            y = x
            for layer in self.layers[first:end]:
                y = layer(y)
            x = x + y if residual else y
        return self.embedding(self.layers[-1](x).mean((2, 3)))

    def tensors(self):
        """(tensor, offset, value = base + scale * pattern, is weight) in winnow's order."""
        at, found = 0, []
        for layer in self.layers:
            w = layer.conv.weight
            for t, base, scale, weight in ((w, 0, math.sqrt(6 / (w.shape[0] * w.shape[2] * w.shape[3])), True),
                                           (layer.norm.weight, 1, 0.3, False), (layer.norm.bias, 2 if layer.relu6 else 0, 0.5, False)):
                found.append((t, at, base, scale, weight))
                at += t.numel()
        for t, weight in ((self.embedding.weight, True), (self.embedding.bias, False)):
            found.append((t, at, 0, 1 / math.sqrt(1280), weight))
            at += t.numel()
        self.learned = len(found)
        for layer in self.layers:
            for t, base, scale in ((layer.norm.running_mean, 0, 0.1), (layer.norm.running_var, 1, 0.3)):
                found.append((t, at, base, scale, False))
                at += t.numel()
        return found


def samples(tensors):
    """8 samples and the root mean square of each, one row a tensor."""
    rows = []
    for t in tensors:
        flat = t.detach().double().flatten()
        rows.append(torch.cat([flat[[j * len(flat) // 8 for j in range(8)]], flat.square().mean().sqrt().reshape(1)]))
    return torch.stack(rows)


def run(name, dtype):
    """Everything that is compared, in one precision."""
    network = Network(TABLES[name]).to(dtype)
    found = network.tensors()
    with torch.no_grad():
        for t, at, base, scale, _ in found:
            t.copy_(torch.from_numpy((base + pattern(t.numel(), 11, at).astype("f8") * scale).astype("f4")).reshape(t.shape))
    start = [t.detach().clone() for t, *_ in found]
    x = torch.from_numpy(pattern(BATCH * (INPUT // 8) ** 2 * 3, 12)).to(dtype).reshape(BATCH, INPUT // 8, INPUT // 8, 3)
    x = x.permute(0, 3, 1, 2).repeat_interleave(8, 2).repeat_interleave(8, 3)  # patches, as noise looks alike from afar
    vectors = torch.from_numpy(pattern(2 * EMBEDDING, 13)).to(dtype).reshape(2, EMBEDDING).requires_grad_()
    labels = torch.arange(BATCH) % 2
    learned = [f for f in found[:network.learned]]
    optimizer = torch.optim.SGD([dict(params=[t for t, *_, w in learned if w], weight_decay=DECAY),
                                 dict(params=[t for t, *_, w in learned if not w], weight_decay=0)], lr=RATE, momentum=MOMENTUM)
    class_optimizer = torch.optim.SGD([vectors], lr=CLASS_RATE)
    result = {"evaluated": network.eval()(x)}
    network.train()
    losses = []
    for step in range(STEPS[name]):
        optimizer.zero_grad()
        class_optimizer.zero_grad()
        embedding = network(x)
        loss = arcface(embedding, vectors, labels, math.radians(28.6), 64.0)
        loss.backward()
        if step == 0:
            result["embedding"] = embedding
            result["gradients"] = samples([t.grad for t, *_ in learned] + [vectors.grad])
        losses.append(loss.item())
        optimizer.step()
        class_optimizer.step()
    result["losses"] = torch.tensor(losses, dtype=torch.float64)
    result["changes"] = samples([t - s for (t, *_), s in zip(found, start)])
    result["vectors"] = vectors
    result["trained"] = network.eval()(x)
    return {key: value.detach().double() for key, value in result.items()}


out = {}
for name in TABLES:
    exact, rounded = run(name, torch.float64), run(name, torch.float32)
    for key, value in exact.items():
        out[f"{name}.{key}"] = value
    out[name + ".losses_float32"] = rounded["losses"]
    for key in ("gradients", "changes"):
        drift = (rounded[key] - exact[key])[:, :8].abs().max(1).values / exact[key][:, 8].clamp(min=1e-5 * exact[key][:, 8].max())
        out[f"{name}.{key}_drift"] = drift
        print(f"{name}: {key} float32 against float64: median {drift.median():.1e}, worst {drift.max():.1e}")
    print(f"{name}: losses {exact['losses'][0]:.4f} .. {exact['losses'][-1]:.4f}, float32 off by at most",
          f"{(rounded['losses'] - exact['losses']).abs().max():.1e}")
write_safetensors(os.path.join(os.path.dirname(__file__), "..", "golden", "training.safetensors"), out)
