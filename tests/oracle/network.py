#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/network.h: names and shapes of torchvision's MobileNetV2 tensors, and its parameter counts.

    python3 tests/oracle/network.py > tests/golden/network.h

Needs torchvision (Debian: python3-torchvision 0.14.1).
"""
import torchvision

print("/* SPDX-License-Identifier: Apache-2.0")
print(" * Made by tests/oracle/network.py; do not edit. */")
print("static const struct {\n    const char *name;\n    int rank, shape[4];\n} golden_tensors[] = {")
for name, tensor in torchvision.models.mobilenet_v2().features.state_dict().items():
    if not name.endswith("num_batches_tracked"):
        shape = ", ".join(map(str, tensor.shape))
        print(f'    {{"features.{name}", {tensor.dim()}, {{{shape}}}}},')
print("};\n")
print("static const struct {\n    float width;\n    int features;\n    long parameters;\n} golden_widths[] = {")
for width in (0.35, 0.5, 0.75, 1.0, 1.1, 1.3, 1.4):
    model = torchvision.models.mobilenet_v2(width_mult=width)
    count = sum(p.numel() for p in model.features.parameters())
    print(f"    {{{width}f, {model.last_channel}, {count}}},")
print("};")
