#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Golden bytes for tests/test_preprocess.c, from Pillow and OpenCV (Debian: python3-pil 9.4.0, python3-opencv 4.6.0).

    python3 tests/oracle/preprocess.py > tests/golden/preprocess.h
"""
import cv2
import numpy as np
from PIL import Image

SIZE = 12


def noise(width, height):
    """The test's picture: the top bytes of a linear congruential sequence that starts from the sizes."""
    state, values = width * 65536 + height, []
    for _ in range(width * height * 3):
        state = (state * 1664525 + 1013904223) % 2**32
        values.append(state >> 24)
    return np.array(values, np.uint8).reshape(height, width, 3)


def row(width, height, box, data):
    pixels = ", ".join(map(str, np.asarray(data).reshape(-1)))
    print(f"    {{{width}, {height}, {{{', '.join(map(str, box))}}}, {{{pixels}}}}},")


def crop_of(width, height):
    side = min(width, height)
    x, y = (width - side) // 2, (height - side) // 2
    return x, y, x + side, y + side


print("/* SPDX-License-Identifier: Apache-2.0")
print(" * Made by tests/oracle/preprocess.py; do not edit. */")
print(f"enum {{ GOLDEN_SIZE = {SIZE} }};\n")
print("struct golden_resize {\n    int width, height;\n    float box[4]; /* left, top, right, bottom */")
print("    unsigned char rgb[GOLDEN_SIZE * GOLDEN_SIZE * 3];\n};\n")

sizes = [(12, 12), (24, 24), (37, 23), (5, 3), (1, 1), (2, 90), (90, 1), (160, 120)]
print("/* Image.resize((12, 12), BILINEAR, box) */\nstatic const struct golden_resize golden_pillow[] = {")
for w, h in sizes:
    for box in sorted({(0, 0, w, h), crop_of(w, h)}):
        row(w, h, box, Image.fromarray(noise(w, h)).resize((SIZE, SIZE), Image.BILINEAR, box))
print("};\n\n/* The same, of fractional rectangles */\nstatic const struct golden_resize golden_pillow_box[] = {")
for w, h, box in [(37, 23, (0.5, 1.25, 30.75, 22.5)), (37, 23, (10.25, 10.5, 14.75, 13)), (90, 40, (0, 0, 89.5, 1))]:
    row(w, h, box, Image.fromarray(noise(w, h)).resize((SIZE, SIZE), Image.BILINEAR, box))
print("};\n\n/* cv2.resize(picture[top:bottom, left:right], (12, 12)) */")
print("static const struct golden_resize golden_opencv[] = {")
for w, h in sizes:
    for box in sorted({(0, 0, w, h), crop_of(w, h)}):
        part = np.ascontiguousarray(noise(w, h)[box[1] : box[3], box[0] : box[2]])
        row(w, h, box, cv2.resize(part, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR))
print("};")
