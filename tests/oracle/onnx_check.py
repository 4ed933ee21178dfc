#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: onnx_check.py NAME LOOK

Checks NAME.onnx, NAME.exact.onnx and NAME.raw.onnx beside NAME.safetensors: ONNX's checker, the interface, batches, the threshold as an
input, the resize inside (beside that of LOOK, tests/look.c), and that the embedding model gives what the gate's embedding is made of."""
import json, subprocess, sys
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

def triangle(length, begin, kept):
    """(side, length): the integer weights of docs/format.md, in units of 2^-22."""
    weights = numpy.zeros((side, length), numpy.int64)
    scale = kept / side
    support = max(scale, 1.0)
    for i in range(side):
        centre = begin + (i + 0.5) * scale
        first, end = max(0, int(centre - support + 0.5)), min(length, int(centre + support + 0.5))
        heights = [max(0.0, 1 - abs((p - centre + 0.5) * (1 / support))) for p in range(first, end)]
        for p, height in zip(range(first, end), heights):
            weights[i, p] = int(0.5 + height / sum(heights) * (1 << 22))
    return weights


# The resize inside the graph, byte by byte: what winnow's network sees, and where it is simple enough to say, the formula.
SIZES = [(1, 1), (1, 2), (2, 1), (1, 97), (97, 1), (1, 4001), (4000, 1), (2, 3), (7, 5), (side - 1, side), (side, side - 1), (side + 1, side),
         (side, side + 2), (2 * side - 1, 2 * side), (2 * side, 2 * side + 1), (640, 480), (479, 641), (97, 301), (50, 60), (33, 3000), (3001, 34),
         (1079, 1921)]
SIZES += [tuple(map(int, random.integers(1, 700, 2))) for _ in range(12)]
model.graph.output.append(onnx.helper.make_tensor_value_info("resized", onnx.TensorProto.FLOAT, None))
session = onnxruntime.InferenceSession(model.SerializeToString(), options)
pictures = [random.integers(0, 256, (height, width, 3), numpy.uint8) for height, width in SIZES]
answer = subprocess.run([sys.argv[2], name + ".safetensors"], stdout=subprocess.PIPE, check=True, input=b"".join(
    numpy.array(image.shape[1::-1], numpy.int32).tobytes() + image.tobytes() for image in pictures)).stdout
seen = numpy.frombuffer(answer, numpy.uint8).reshape(len(pictures), -1)[:, :side * side * 3].reshape(-1, side, side, 3)
for image, ours in zip(pictures, seen):
    height, width = image.shape[:2]
    theirs = session.run(["resized"], {"image": image[None]})[0][0].transpose(1, 2, 0)
    assert numpy.array_equal(theirs, ours), (width, height, numpy.abs(theirs - ours).max())
    if metadata["winnow.resample"] == "triangle" and height * width < 100000:
        kept = min(height, width)
        spans = ((width - kept) // 2, kept, (height - kept) // 2, kept) if metadata["winnow.fit"] == "crop" else (0, width, 0, height)
        narrow = (numpy.einsum("xw,hwc->hxc", triangle(width, *spans[:2]), image.astype(numpy.int64)) + (1 << 21)) >> 22
        assert numpy.array_equal(ours, (numpy.einsum("yh,hxc->yxc", triangle(height, *spans[2:]), narrow) + (1 << 21)) >> 22), (width, height)

_, raw = load(".raw.onnx")
mean, std = (numpy.array(metadata[key].split(), numpy.float32) for key in ("winnow.mean", "winnow.std"))
ordered = images[..., ::-1] if metadata["winnow.channels"] == "BGR" else images
pixels = ((ordered.astype(numpy.float32) / 255 - mean) / std).transpose(0, 3, 1, 2)
output = raw.run(["output_1"], {"input_1": pixels})[0]
output /= numpy.linalg.norm(output, axis=1, keepdims=True)
assert numpy.allclose(output, together[0], atol=1e-5), numpy.abs(output - together[0]).max()
