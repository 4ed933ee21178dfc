# SPDX-License-Identifier: Apache-2.0
"""Scores pictures with a Core ML model; cli/runner.h says how it talks. Not run on a Mac so far: the tests answer in the place of Apple's
own `predict`. usage: python3 -c THIS FILE"""
import struct, sys
if sys.platform != "darwin":
    sys.exit(print("not here: Core ML runs on macOS alone"))
try:
    import coremltools, numpy, PIL.Image
except ImportError as missing:
    sys.exit(print("not here:", missing, "(`pip install coremltools numpy pillow`)"))

model = coremltools.models.MLModel(sys.argv[1])
side = model.get_spec().description.input[0].type.imageType.width
print("ready", side, flush=True)
while head := sys.stdin.buffer.read(12):
    width, height, _ = struct.unpack("3i", head)
    image = PIL.Image.frombytes("RGB", (width, height), sys.stdin.buffer.read(width * height * 3))
    value = {name: numpy.asarray(array).ravel() for name, array in model.predict({"image": image}).items()}
    print("%.9g %.9g %d" % tuple(value[name][0] for name in ("similarity", "p_value", "is_normal")), end="")
    for name in ("class_probability", "embedding"):
        numbers = value.get(name, [])
        print("", len(numbers), *("%.9g" % number for number in numbers), end="")
    print(flush=True)
