#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Golden bytes for tests/test_safetensors.c, from the safetensors package (pip install safetensors==0.4.5).

    python3 tests/oracle/safetensors_golden.py > tests/golden/safetensors.h
    python3 tests/oracle/safetensors_golden.py FILE     # does that package read FILE?
"""
import json
import struct
import sys

import safetensors

METADATA = {"b": 'quote " backslash \\ tab \t newline \n', "a": "grün 稲 🌾", "winnow.format": "1"}
TENSORS = {
    "f64": ("float64", "F64", [], struct.pack("<d", 1.1)),
    "i64": ("int64", "I64", [2], struct.pack("<2q", -1, 2**62)),
    "f32": ("float32", "F32", [2, 3], struct.pack("<6f", 0, -1.5, 3.4028234663852886e38, 1e-45, 2, 3)),
    "i32": ("int32", "I32", [1], struct.pack("<i", -7)),
    "bf16": ("bfloat16", "BF16", [2], struct.pack("<2H", 0x3F80, 0xC049)),
    "f16": ("float16", "F16", [5], struct.pack("<5e", 1, -2.5, 65504, 2**-24, -0.0)),
    "i16": ("int16", "I16", [1], struct.pack("<h", -300)),
    "i8": ("int8", "I8", [3], struct.pack("<3b", -128, 0, 127)),
    "u8": ("uint8", "U8", [2, 0, 3], b""),
    "bool": ("bool", "BOOL", [1, 2], b"\1\0"),
}


def package_bytes():
    tensors = {n: {"dtype": d, "shape": s, "data": b} for n, (d, _, s, b) in TENSORS.items()}
    return safetensors.serialize(tensors, METADATA)


def our_bytes():
    """What the format asks for, as our writer lays it out: sorted metadata, given order, data at a multiple of 64."""
    header, at = {"__metadata__": dict(sorted(METADATA.items()))}, 0
    for name, (_, dtype, shape, data) in TENSORS.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-(len(text) + 8) % 64)
    return struct.pack("<Q", len(text)) + text + b"".join(t[3] for t in TENSORS.values())


def array(name, data):
    print(f"static const unsigned char {name}[] = {{{', '.join(map(str, data))}}};")


if len(sys.argv) > 1:
    with safetensors.safe_open(sys.argv[1], framework="np") as file:
        print(sys.argv[1], "is read:", len(file.keys()), "tensors, metadata", file.metadata())
else:
    print("/* SPDX-License-Identifier: Apache-2.0")
    print(" * Made by tests/oracle/safetensors_golden.py; do not edit. */")
    array("golden_package", package_bytes())
    array("golden_ours", our_bytes())
