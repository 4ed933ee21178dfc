#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: robustness.py WINNOW GATE --normal DIR --abnormal DIR [--only TEXT]

Alters copies of the photos as phones and users do (needs Pillow and NumPy), judges each kind with `winnow eval`, and prints a table.
The photos must be ones that the gate was not trained on."""
import argparse, io, json, os, random, subprocess, sys, tempfile
import numpy as np
from PIL import Image, ImageFilter, ImageOps


def jpeg(image, quality):
    data = io.BytesIO()
    image.save(data, "JPEG", quality=quality)
    return Image.open(io.BytesIO(data.getvalue())).convert("RGB")


def small(image):
    """As a network sees it: about 512 pixels, so that a blur of so many pixels means the same everywhere."""
    scale = 512 / max(image.size)
    return image.resize((round(image.width * scale), round(image.height * scale)), Image.BILINEAR)


def expose(image, stops):
    return Image.fromarray(np.clip(np.asarray(image, np.float32) / 255, 0, 1).__pow__(2.2).__mul__(2.0 ** stops).clip(0, 1).__pow__(1 / 2.2)
                           .__mul__(255).round().astype(np.uint8))


def turn(image, degrees):
    """Turned, and cropped to where there is picture."""
    turned = image.rotate(degrees, Image.BICUBIC, expand=False)
    margin = 0.16 * abs(degrees) / 20
    w, h = turned.size
    return turned.crop((round(w * margin), round(h * margin), round(w * (1 - margin)), round(h * (1 - margin))))


def screen(image, rng):
    """Photographed from a screen: its grid of pixels meets the camera's (moire), blacks are grey, colours cold, a reflection."""
    pixels = np.asarray(image, np.float32) / 255
    y, x = np.mgrid[:pixels.shape[0], :pixels.shape[1]].astype(np.float32)
    angle, period = rng.uniform(0.02, 0.15), rng.uniform(2.3, 3.2)
    grid = 1 + 0.12 * np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / period) * np.sin(2 * np.pi * (y * np.cos(angle) - x * np.sin(angle)) / period)
    glare = 0.15 * np.clip(1 - ((x / x.max() - rng.random()) ** 2 + (y / y.max() - rng.random()) ** 2) / 0.2, 0, 1)
    pixels = 0.06 + 0.9 * pixels * grid[..., None] * np.array([0.94, 1.0, 1.06], np.float32) + glare[..., None]
    return jpeg(Image.fromarray((pixels.clip(0, 1) * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.7)), 80)


def strip(image, upright):
    """The middle third, as long as the photo."""
    w, h = image.size
    return image.crop((w // 3, 0, 2 * w // 3, h) if upright else (0, h // 3, w, 2 * h // 3))


def framed(image, colour, upright):
    """Between two bars that together are as large as the photo."""
    w, h = image.size
    frame = Image.new("RGB", (w, 2 * h) if upright else (2 * w, h), colour)
    frame.paste(image, (0, h // 2) if upright else (w // 2, 0))
    return frame


ALTERATIONS = {
    "as they are": lambda image, rng: image,
    "blur, sigma 2 of 512 pixels": lambda image, rng: image.filter(ImageFilter.GaussianBlur(2)),
    "blur, sigma 5": lambda image, rng: image.filter(ImageFilter.GaussianBlur(5)),
    "two stops darker": lambda image, rng: expose(image, -2),
    "one and a half stops brighter": lambda image, rng: expose(image, 1.5),
    "JPEG quality 30": lambda image, rng: jpeg(image, 30),
    "turned by 20 degrees": lambda image, rng: turn(image, rng.choice((-20, 20))),
    "turned by 90 degrees": lambda image, rng: image.rotate(90, expand=True),
    "photographed from a screen": screen,
    "an upright strip, 1:3": lambda image, rng: strip(image, True),
    "a flat strip, 3:1": lambda image, rng: strip(image, False),
    "48 pixels, made large again": lambda image, rng: image.resize((48, 48), Image.BICUBIC).resize(image.size, Image.BICUBIC),
    "white bars left and right": lambda image, rng: framed(image, "white", False),
    "black bars above and below": lambda image, rng: framed(image, "black", True),
}


def photos(folder):
    return sorted(os.path.join(d, f) for d, _, files in os.walk(folder) for f in files)


def alter(folders, out, change):
    for folder in folders:
        for path in photos(folder):
            image = small(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))
            to = os.path.join(out, os.path.basename(folder.rstrip("/")), os.path.relpath(path, folder)) + ".png"
            os.makedirs(os.path.dirname(to), exist_ok=True)
            change(image, random.Random(path)).save(to, compress_level=1)


def main():
    options = argparse.ArgumentParser(usage=__doc__)
    options.add_argument("winnow"), options.add_argument("gate")
    options.add_argument("--normal", action="append", required=True), options.add_argument("--abnormal", action="append", required=True)
    options.add_argument("--only", default="", help="alterations with this in their name")
    given = options.parse_args()
    print("| photos | AUROC | normals rejected | abnormals accepted | of each folder |\n|---|---|---|---|---|")
    for name, change in ALTERATIONS.items():
        if given.only not in name:
            continue
        with tempfile.TemporaryDirectory() as folder:
            alter(given.normal, f"{folder}/normal", change)
            alter(given.abnormal, f"{folder}/abnormal", change)
            result = subprocess.run([given.winnow, "eval", given.gate, "--normal", f"{folder}/normal", "--abnormal", f"{folder}/abnormal", "--json"],
                                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
        answer = json.loads(result.stdout)
        folders = ", ".join(f"{g['name']} {g['accepted']} of {g['count']}" for g in answer["groups"] if g["label"] == "abnormal")
        print(f"| {name} | {answer['auroc']:.4f} | {100 * answer['false_reject_rate']:.1f}% | {100 * answer['abnormal_accept_rate']:.1f}% | {folders} |", flush=True)


main()
