# SPDX-License-Identifier: Apache-2.0
"""Scores pictures with an ONNX file; cli/runner.h says how it talks. usage: python3 -c THIS FILE"""
import struct, sys
import numpy, onnxruntime

options = onnxruntime.SessionOptions()
options.log_severity_level = 3  # an optional threshold is worth a warning to it
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
names = [output.name for output in session.get_outputs()]
assert "similarity" in names, "not a gate"
side = session.get_inputs()[0].shape[1]
print("ready", side if isinstance(side, int) else 0, flush=True)
while head := sys.stdin.buffer.read(12):
    width, height, _ = struct.unpack("3i", head)
    image = numpy.frombuffer(sys.stdin.buffer.read(width * height * 3), numpy.uint8).reshape(1, height, width, 3)
    value = dict(zip(names, session.run(names, {"image": image})))
    print("%.9g %.9g %d" % tuple(value[name][0] for name in ("similarity", "p_value", "is_normal")), end="")
    for name in ("class_probability", "embedding"):
        numbers = value[name][0] if name in names else []
        print("", len(numbers), *("%.9g" % number for number in numbers), end="")
    print(flush=True)
