#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: icon.py OUT.png   Draws the app's icon, that of web/icon.svg, as 1024 x 1024 pixels without alpha (NumPy, Pillow)."""
import sys

import numpy as np
from PIL import Image

SIDE, SCALE = 100, 40.96  # units of the drawing, and pixels a unit: four times the icon's, averaged at the end


def paint(canvas, colour, distance, width):
    canvas[distance <= width / 2] = colour


def segment(x, y, ax, ay, bx, by):
    t = np.clip(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2), 0, 1)
    return np.hypot(x - ax - t * (bx - ax), y - ay - t * (by - ay))


side = round(SIDE * SCALE)
y, x = ((np.mgrid[:side, :side] + 0.5) / SCALE).astype(np.float32)
canvas = np.empty((side, side, 3), np.uint8)
canvas[:] = (0x10, 0x15, 0x0F)
ring = np.abs(np.hypot(x - 50, y - 50) - 32)
paint(canvas, (0x2C, 0x35, 0x2A), ring, 9)
# The arc runs clockwise from the top to (19.6, 40), with round ends.
angle = np.mod(np.arctan2(x - 50, 50 - y), 2 * np.pi)
end = np.mod(np.arctan2(19.6 - 50, 50 - 40), 2 * np.pi)
arc = np.where(angle <= end, ring, np.minimum(np.hypot(x - 50, y - 18), np.hypot(x - 19.6, y - 40)))
paint(canvas, (0x4C, 0xC9, 0x6B), arc, 9)
paint(canvas, (255, 255, 255), np.minimum(segment(x, y, 37, 51, 47, 61), segment(x, y, 47, 61, 65, 40)), 7)
Image.fromarray(canvas).resize((1024, 1024), Image.BOX).save(sys.argv[1], optimize=True)
