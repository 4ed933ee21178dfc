#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: coreml_run.py MODEL PNG...   (MODEL: .mlmodel or .mlpackage)

Loads an exported Core ML model with coremltools, checks what an app sees of it, and evaluates the parsed specification on pictures of
exactly its input size: an interpreter of its own in NumPy float64, written from the comments in Apple's .proto files. Prints one line a
picture: similarity, p-value, is_normal, the highest class probability or 0. Core ML itself runs on Apple's systems alone."""
import sys
import numpy
import coremltools
from PIL import Image


def convolve(x, weight, bias, stride, pads, groups):
    """x (1, C, H, W), weight (O, C/groups, k, k), pads [top, bottom, left, right]."""
    x = numpy.pad(x[0], ((0, 0), tuple(pads[:2]), tuple(pads[2:])))
    kernel = weight.shape[2]
    rows, columns = ((size - kernel) // stride + 1 for size in x.shape[1:])
    out = numpy.zeros((weight.shape[0], rows, columns))
    for dy in range(kernel):
        for dx in range(kernel):
            part = x[:, dy:dy + (rows - 1) * stride + 1:stride, dx:dx + (columns - 1) * stride + 1:stride]
            if groups == 1:
                out += numpy.tensordot(weight[:, :, dy, dx], part, axes=1)
            else:
                assert groups == len(x) == len(weight)
                out += weight[:, 0, dy, dx, None, None] * part
    return (out + bias[:, None, None])[None]


def largest(x, count, axis):
    return -numpy.sort(-x, axis=axis).take(range(count), axis=axis)


def softmax(x, axis):
    e = numpy.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def matmul(x, y, transpose_x, transpose_y):
    assert not transpose_x
    return x @ (y.swapaxes(-1, -2) if transpose_y else y)


# ---- neural networks ----

def weights(message, *shape):
    values = numpy.frombuffer(message.float16Value, numpy.float16) if message.float16Value else numpy.array(message.floatValue)
    return values.astype(numpy.float64).reshape(shape)


def run_layer(layer, x):
    """x: the list of inputs. One output, or a list."""
    kind = layer.WhichOneof("layer")
    p = getattr(layer, kind)
    if kind == "convolution":
        edges = p.valid.paddingAmounts.borderAmounts
        pads = [edges[0].startEdgeSize, edges[0].endEdgeSize, edges[1].startEdgeSize, edges[1].endEdgeSize]
        weight = weights(p.weights, p.outputChannels, p.kernelChannels, *p.kernelSize)
        assert p.hasBias and p.WhichOneof("ConvolutionPaddingType") == "valid" and list(p.dilationFactor) == [1, 1]
        return convolve(x[0], weight, weights(p.bias, -1), p.stride[0], pads, p.nGroups)
    if kind == "innerProduct":
        y = x[0] @ weights(p.weights, p.outputChannels, p.inputChannels).T
        return y + weights(p.bias, -1) if p.hasBias else y
    if kind == "clip":
        return numpy.clip(x[0], p.minVal, p.maxVal)
    if kind == "addBroadcastable":
        return x[0] + x[1]
    if kind == "divideBroadcastable":
        return x[0] / x[1]
    if kind == "maxBroadcastable":
        return numpy.maximum(x[0], x[1])
    if kind == "greaterEqual":
        return (x[0] >= (x[1] if len(x) == 2 else p.alpha)).astype(float)
    if kind == "softmaxND":
        return softmax(x[0], p.axis)
    if kind == "concatND":
        return numpy.concatenate(x, axis=p.axis)
    if kind == "topK":
        assert not p.useBottomK
        values = largest(x[0], p.K, p.axis)
        return [values, values]
    if kind == "loadConstantND":
        return weights(p.data, *p.shape)
    if kind == "squeeze":
        return numpy.squeeze(x[0], tuple(p.axes))
    if kind.startswith("reduce"):
        by = {"reduceL2": numpy.linalg.norm, "reduceMax": numpy.max, "reduceMean": numpy.mean,
              "reduceSumSquare": lambda x, axis, keepdims: (x * x).sum(axis=axis, keepdims=keepdims)}[kind]
        axes = tuple(p.axes) if len(p.axes) > 1 else p.axes[0]
        return by(x[0], axis=axes, keepdims=p.keepDims)
    raise SystemExit("no layer " + kind)


def run_network(spec, image):
    network = spec.neuralNetwork
    scaler = network.preprocessing[0].scaler
    assert network.preprocessing[0].featureName == "image"
    bias = numpy.array([scaler.redBias, scaler.greenBias, scaler.blueBias])
    value = {"image": (image * float(scaler.channelScale) + bias).transpose(2, 0, 1)[None]}
    for layer in network.layers:
        out = run_layer(layer, [value[name] for name in layer.input])
        for name, y in zip(layer.output, out if isinstance(out, list) else [out]):
            assert name not in value, name
            value[name] = y
    return value


# ---- ML Programs ----

def blob(folder, value, shape):
    with open(f"{folder}/weight.bin", "rb") as file:
        head = numpy.frombuffer(file.read(8), numpy.uint32)
        assert head[0] > 0 and head[1] == 2
        file.seek(value.offset)
        record = file.read(64)
        sentinel, kind = numpy.frombuffer(record[:8], numpy.uint32)
        size, at = numpy.frombuffer(record[8:24], numpy.uint64)
        assert sentinel == 0xDEADBEEF and value.offset % 64 == 0 and at % 64 == 0
        file.seek(int(at))
        data = numpy.frombuffer(file.read(int(size)), {1: numpy.float16, 2: numpy.float32}[kind])
    return data.reshape(shape)


def constant(folder, value):
    kind = value.type.tensorType.dataType
    shape = [dimension.constant.size for dimension in value.type.tensorType.dimensions]
    if value.WhichOneof("value") == "blobFileValue":
        assert value.blobFileValue.fileName == "@model_path/weights/weight.bin"
        data = blob(folder, value.blobFileValue, shape)
        assert {10: numpy.float16, 11: numpy.float32}[kind] == data.dtype
        return data
    tensor = value.immediateValue.tensor
    values = getattr(tensor, tensor.WhichOneof("value")).values
    return numpy.array(values).reshape(shape) if shape else values[0]


def run_operation(kind, p):
    """p: parameters by name. In float64; half precision is what the caller makes of the output."""
    if kind == "conv":
        assert p["pad_type"] == "custom" and list(p["dilations"]) == [1, 1]
        return convolve(p["x"], p["weight"].astype(float), p["bias"].astype(float), p["strides"][0], list(p["pad"]), p["groups"])
    if kind == "linear":
        return p["x"] @ p["weight"].astype(float).T + p.get("bias", 0)
    if kind == "concat":
        assert not p["interleave"]
        return numpy.concatenate(p["values"], axis=p["axis"])
    if kind == "topk":
        assert not p["ascending"]
        values = largest(p["x"], p["k"], p["axis"])
        return [values, values]
    if kind.startswith("reduce_"):
        by = {"reduce_l2_norm": lambda x, axis, keepdims: numpy.sqrt((x * x).sum(axis=axis, keepdims=keepdims)), "reduce_max": numpy.max,
              "reduce_mean": numpy.mean, "reduce_sum_square": lambda x, axis, keepdims: (x * x).sum(axis=axis, keepdims=keepdims)}[kind]
        return by(p["x"], axis=tuple(p["axes"]), keepdims=p["keep_dims"])
    return {"mul": lambda: p["x"] * p["y"], "add": lambda: p["x"] + p["y"], "real_div": lambda: p["x"] / p["y"],
            "maximum": lambda: numpy.maximum(p["x"], p["y"]), "relu6": lambda: numpy.clip(p["x"], 0, 6), "cast": lambda: p["x"].astype(float),
            "reshape": lambda: p["x"].reshape(p["shape"]), "matmul": lambda: matmul(**p),
            "greater_equal": lambda: (p["x"] >= p["y"]).astype(float), "softmax": lambda: softmax(p["x"], p["axis"]),
            "squeeze": lambda: numpy.squeeze(p["x"], tuple(p["axes"]))}[kind]()


def run_program(spec, image, folder):
    function = spec.mlProgram.functions["main"]
    block = function.block_specializations[function.opset]
    assert function.opset == "CoreML5" and list(block.outputs) == [output.name for output in spec.description.output]
    value = {"image": image.transpose(2, 0, 1)[None]}
    for operation in block.operations:
        if operation.type == "const":
            out = constant(folder, operation.attributes["val"])
        else:
            p = {}
            for name, argument in operation.inputs.items():
                values = [value[binding.name] for binding in argument.arguments]
                p[name] = values if operation.type == "concat" and name == "values" else values[0]
            out = run_operation(operation.type, p)
        for output, y in zip(operation.outputs, out if isinstance(out, list) and len(operation.outputs) > 1 else [out]):
            assert output.name not in value, output.name
            kind = output.type.tensorType
            if operation.type != "const":
                assert [d.constant.size for d in kind.dimensions] == list(numpy.shape(y)), output.name
                y = y.astype(numpy.float16).astype(numpy.float64) if kind.dataType == 10 else y
            value[output.name] = y
    return value


def check_program(spec, folder):
    """coremltools' own reader of programs checks every operation's parameters and types."""
    from coremltools.converters.mil.frontend.milproto.load import load
    load(spec, specification_version=spec.specificationVersion, file_weights_dir=folder)


# ---- the interface ----

def describe(spec):
    image = spec.description.input[0]
    assert len(spec.description.input) == 1 and image.name == "image" and image.type.imageType.width == image.type.imageType.height
    assert image.type.imageType.colorSpace == 20  # RGB
    outputs = [output.name for output in spec.description.output]
    assert outputs[:4] == ["similarity", "p_value", "is_normal", "embedding"], outputs
    assert "winnow.threshold" in spec.description.metadata.userDefined and "winnow.command" not in spec.description.metadata.userDefined
    return image.type.imageType.width


def check(model):
    """The interface, and the kind; gives the side of the pictures."""
    spec = model.get_spec()
    kind = spec.WhichOneof("Type")
    assert spec.specificationVersion == {"neuralNetwork": 4, "mlProgram": 6}[kind]
    if kind == "mlProgram":
        check_program(spec, model.weights_dir)
    return describe(spec)


def evaluate(model, image):
    """image (side, side, 3) -> every output by name."""
    spec, image = model.get_spec(), image.astype(numpy.float64)
    value = run_network(spec, image) if spec.WhichOneof("Type") == "neuralNetwork" else run_program(spec, image, model.weights_dir)
    outputs = {output.name: value[output.name] for output in spec.description.output}
    for output in spec.description.output:
        assert list(output.type.multiArrayType.shape) == list(outputs[output.name].shape), output.name
    assert abs(numpy.linalg.norm(outputs["embedding"]) - 1) < 1e-3
    return outputs


def main():
    model = coremltools.models.MLModel(sys.argv[1], skip_model_load=True)
    side = check(model)
    for path in sys.argv[2:]:
        image = numpy.asarray(Image.open(path).convert("RGB"))
        assert image.shape == (side, side, 3)
        value = evaluate(model, image)
        numbers = [float(value[name][0]) for name in ("similarity", "p_value", "is_normal")]
        print("%.9g %.9g %d %.9g" % (*numbers, value["class_probability"].max() if "class_probability" in value else 0))


if __name__ == "__main__":
    main()
