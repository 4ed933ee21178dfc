#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Adds HEIC files to tests/golden/photos, one of them turned by its container (and saying so again in its EXIF), and
the pixels that libheif's own reader sees. Run by hand after photos.py (pip install pillow-heif pillow numpy)."""
import pathlib

import numpy as np
import pillow_heif
from PIL import Image

pillow_heif.register_heif_opener()
OUT = pathlib.Path(__file__).parent.parent / "golden" / "photos"

y, x = np.mgrid[0:48, 0:80]
scene = np.stack([x * 255 // 79, y * 255 // 47, 128 + 0 * x], -1).astype(np.uint8)
scene[:12, :16] = (250, 240, 20)

for name, orientation in (("upright.heic", 1), ("turned.heic", 6)):
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x0110] = "Field 2"
    Image.fromarray(scene).save(OUT / name, exif=exif.tobytes(), quality=90)
    rgb = np.asarray(Image.open(OUT / name).convert("RGB"))
    (OUT / (name + ".ppm")).write_bytes(b"P6 %d %d 255\n" % (rgb.shape[1], rgb.shape[0]) + rgb.tobytes())
    print(name, rgb.shape)
