#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a camera's frames prove: what chose the bounds of src/runtime/views.h, and how the promise is kept where frames repeat one another.

    python3 bench/views.py ../shared/data/dev build/src/runtime/libwinnow.so BACKBONE.safetensors [DRAWS] > table.md

A scene is a photo; its frames are squares of 85% of it at random places, a little noisy, as a hand moves. A learner gets frames of scenes, one scene
after the other, and makes a gate where it says that they suffice; the gate judges one frame of each of 60 other scenes of the same source.
DRAWS (20) of each row. Needs NumPy and Pillow."""
import ctypes, glob, random, sys

import numpy as np
from PIL import Image

data, library, backbone, *rest = sys.argv[1:]
draws = int(rest[0]) if rest else 20
lib = ctypes.CDLL(library)
error = ctypes.create_string_buffer(1024)


class Picture(ctypes.Structure):
    _fields_ = [("plane", ctypes.c_void_p * 3), ("stride", ctypes.c_ssize_t * 3), ("width", ctypes.c_int), ("height", ctypes.c_int),
                ("format", ctypes.c_int), ("orientation", ctypes.c_int), ("yuv", ctypes.c_int)]


class Result(ctypes.Structure):
    _fields_ = [("bytes", ctypes.c_ubyte * 256)]


def done(status):
    if status:
        raise SystemExit(error.raw[16:].split(b"\0")[0].decode())


def picture(pixels):
    image = Picture(width=pixels.shape[1], height=pixels.shape[0])
    image.plane[0], image.stride[0] = pixels.ctypes.data, pixels.strides[0]
    return image


def frame(photo, noise):
    side = min(photo.size)
    cut = int(0.85 * side)
    x, y = (photo.width - side) // 2 + noise.integers(side - cut + 1), (photo.height - side) // 2 + noise.integers(side - cut + 1)
    square = np.asarray(photo.crop((x, y, x + cut, y + cut)).resize((224, 224), Image.BILINEAR), np.float32)
    return np.ascontiguousarray((square * noise.uniform(0.95, 1.05) + noise.normal(0, 3, square.shape)).clip(0, 255).astype(np.uint8))


class Learner:
    def __init__(self, path):
        data = open(path, "rb").read()
        self.handle = ctypes.c_void_p()
        done(lib.winnow_learner_create(data, ctypes.c_size_t(len(data)), ctypes.byref(self.handle), error))

    def add(self, pixels):
        done(lib.winnow_learner_add(self.handle, ctypes.byref(picture(pixels)), 1, error))

    @property
    def needed(self):
        return lib.winnow_learner_needed(self.handle)

    def rejected(self, frames):
        """Share of the frames that the new gate turns away."""
        made, size, gate, session, result = ctypes.c_void_p(), ctypes.c_size_t(), ctypes.c_void_p(), ctypes.c_void_p(), Result()
        done(lib.winnow_learner_learn(self.handle, ctypes.byref(made), ctypes.byref(size), None, error))
        done(lib.winnow_gate_open_memory(made, size, ctypes.byref(gate), error))
        done(lib.winnow_session_create(gate, ctypes.byref(session), error))
        verdicts = []
        for pixels in frames:
            done(lib.winnow_score(session, ctypes.byref(picture(pixels)), ctypes.byref(result), error))
            verdicts.append(int.from_bytes(bytes(result.bytes[:4]), "little"))
        lib.winnow_session_free(session)
        lib.winnow_gate_free(gate)
        lib.winnow_bytes_free(made)
        return sum(v != 0 for v in verdicts) / len(verdicts)

    def free(self):
        lib.winnow_learner_free(self.handle)


sources = {name: [Image.open(path).convert("RGB") for path in sorted(glob.glob(f"{data}/normal/{name}/**/*.jpg", recursive=True))[::2]]
           for name in ("sethy_field_patches", "kaggle_riceleafs_crops", "riceleafdisease_web_mix", "uci_rice_leaf_diseases")}
print("| source | pictures of scenes | still needed, mean | gates made | really rejected (worst) |\n|---|---|---|---|---|")
for name, photos in sources.items():
    for pictures, scenes in ((24, 24), (24, 10), (24, 5), (60, 10), (60, 20), (60, 30), (120, 40)):
        needed, rejected = [], []
        for draw in range(draws):
            noise, learner = np.random.default_rng(draw), Learner(backbone)
            order = noise.permutation(len(photos))
            for i in range(pictures):
                learner.add(frame(photos[order[i * scenes // pictures]], noise))
            needed.append(learner.needed)
            if not learner.needed:
                rejected.append(learner.rejected([frame(photos[k], noise) for k in order[scenes:scenes + 60]]))
            learner.free()
        share = f"{100 * np.mean(rejected):.1f}% ({100 * max(rejected):.0f}%)" if rejected else ""
        print(f"| {name} | {pictures} of {scenes} | {np.mean(needed):.1f} | {len(rejected)} of {draws} | {share} |", flush=True)
