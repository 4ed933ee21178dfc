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
    best, probability = -1, 0
    if "class_probability" in names:
        best = value["class_probability"][0].argmax()
        probability = value["class_probability"][0][best]
    print("%.9g %.9g %d %d %.9g" % (value["similarity"][0], value["p_value"][0], value["is_normal"][0], best, probability), flush=True)
