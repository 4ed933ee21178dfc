# SPDX-License-Identifier: Apache-2.0
"""Inputs that both sides of a golden test compute by formula, so that only outputs are stored (see tests/pattern.h)."""
import numpy as np


def pattern(count, seed, start=0):
    """count floats in [-1, 1): an integer hash (lowbias32 by C. Wellons) of start.. and the seed."""
    x = (np.arange(start, start + count, dtype=np.uint64) + np.uint64(seed) * np.uint64(0x9E3779B9)) & np.uint64(0xFFFFFFFF)
    x ^= x >> np.uint64(16)
    x = (x * np.uint64(0x7FEB352D)) & np.uint64(0xFFFFFFFF)
    x ^= x >> np.uint64(15)
    x = (x * np.uint64(0x846CA68B)) & np.uint64(0xFFFFFFFF)
    x ^= x >> np.uint64(16)
    return ((x >> np.uint64(8)).astype(np.float32) * np.float32(2.0**-23) - np.float32(1)).astype(np.float32)


def write_safetensors(path, tensors):
    """Float32 arrays by name, in the order given."""
    import json
    header, data, at = {}, b"", 0
    for name, value in tensors.items():
        raw = np.ascontiguousarray(value, dtype="<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(np.shape(value)), "data_offsets": [at, at + len(raw)]}
        data += raw
        at += len(raw)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text + data)
