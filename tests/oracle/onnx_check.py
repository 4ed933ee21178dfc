#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: onnx_check.py NAME

Checks NAME.onnx, NAME.exact.onnx and NAME.raw.onnx beside NAME.safetensors: ONNX's checker, the interface, batches, the threshold as an
input, and that the embedding model gives what the gate's embedding is made of."""
import json, sys
import numpy, onnx, onnxruntime

name = sys.argv[1]
with open(name + ".safetensors", "rb") as file:
    metadata = json.loads(file.read(int.from_bytes(file.read(8), "little")))["__metadata__"]
side = int(metadata["winnow.input"])
options = onnxruntime.SessionOptions()
options.log_severity_level = 3


def load(suffix):
    model = onnx.load(name + suffix)
    onnx.checker.check_model(model, full_check=True)
    assert model.ir_version == 7 and model.opset_import[0].version == 13
    return model, onnxruntime.InferenceSession(name + suffix, options)


model, session = load(".onnx")
stored = {entry.key: entry.value for entry in model.metadata_props}
for key in ("winnow.threshold", "winnow.mean", "winnow.std", "winnow.false_reject", "winnow.scorer"):
    assert stored[key] == metadata[key], key
assert "winnow.command" not in stored and "winnow.group.0" not in stored
assert stored["Image.BitmapPixelFormat"] == "Rgb8" and stored["Image.NominalPixelRange"] == "NominalRange_0_255"
assert model.graph.input[0].type.denotation == "IMAGE"
assert [output.name for output in session.get_outputs()][:4] == ["embedding", "similarity", "p_value", "is_normal"]

random = numpy.random.default_rng(1)
images = random.integers(0, 256, (3, side, side, 3), numpy.uint8)
together = session.run(None, {"image": images})
for i in range(3):
    alone = session.run(None, {"image": images[i:i + 1]})
    assert all(numpy.allclose(a[0], b[i], atol=1e-5) for a, b in zip(alone[:1], together[:1]))
threshold = numpy.float32(together[1][1])
for given in (threshold, numpy.nextafter(threshold, numpy.float32(numpy.inf))):
    normal = session.run(["is_normal"], {"image": images, "threshold": numpy.array([given])})[0]
    assert list(normal) == list(together[1] >= given)

_, exact = load(".exact.onnx")
for a, b in zip(together[:1], exact.run(["embedding"], {"image": images})):
    assert numpy.allclose(a, b, atol=1e-6)  # the resize leaves pictures of the right size alone

_, raw = load(".raw.onnx")
mean, std = (numpy.array(metadata[key].split(), numpy.float32) for key in ("winnow.mean", "winnow.std"))
ordered = images[..., ::-1] if metadata["winnow.channels"] == "BGR" else images
pixels = ((ordered.astype(numpy.float32) / 255 - mean) / std).transpose(0, 3, 1, 2)
output = raw.run(["output_1"], {"input_1": pixels})[0]
output /= numpy.linalg.norm(output, axis=1, keepdims=True)
assert numpy.allclose(output, together[0], atol=1e-5), numpy.abs(output - together[0]).max()
