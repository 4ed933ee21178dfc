#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Golden values of src/train/keep.c by PyTorch: tests/golden/keep.h.

usage: tests/oracle/keep.py
"""
import os

import torch
import torch.nn.functional as F

from pattern import pattern

N, SIZE, WEIGHT = 3, 7, 2.5
features = torch.from_numpy(pattern(N * SIZE, 1).astype("f8")).reshape(N, SIZE).requires_grad_()
targets = torch.from_numpy(pattern(N * SIZE, 2).astype("f8")).reshape(N, SIZE)
loss = WEIGHT * (F.normalize(features) - F.normalize(targets)).square().sum(1).mean()
loss.backward()
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden", "keep.h"), "w") as file:
    print("/* SPDX-License-Identifier: Apache-2.0\n * Written by tests/oracle/keep.py. */", file=file)
    print(f"enum {{ KEEP_N = {N}, KEEP_SIZE = {SIZE} }};\nstatic const float keep_weight = {WEIGHT}f;", file=file)
    print(f"static const double keep_loss = {loss.item():.9g};\nstatic const float keep_gradient[] = {{", file=file)
    for row in features.grad:
        print("    " + " ".join(f"{float(v):.9g}f," for v in row), file=file)
    print("};", file=file)
