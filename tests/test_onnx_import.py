#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: test_onnx_import.py WINNOW

ONNX files of random networks, written here byte by byte in every form that exporters use: with names or without, constants as initializers,
as nodes or behind Identity, norms folded or not, pads in the convolution, beside it or named SAME. Each gives the numbers that it was made
of; a graph that computes something else is refused, naming the node. What `winnow export` wrote is read back."""
import array, json, math, os, random, shutil, struct

from harness import check, done, refused, run

MOBILENET = "mobilenet_v2", 16, [(3, 1, 1, 1, 8), (3, 2, 2, 6, 8), (3, 3, 2, 6, 16), (3, 4, 2, 6, 24), (3, 3, 1, 6, 32), (3, 3, 2, 6, 56), (3, 1, 1, 6, 112)]
LITE = "efficientnet_lite0", 32, [(3, 1, 1, 1, 16), (3, 2, 2, 6, 24), (5, 2, 2, 6, 40), (3, 3, 2, 6, 80), (5, 3, 1, 6, 112), (5, 4, 2, 6, 192), (3, 1, 1, 6, 320)]


# ---- protocol buffers ----

def varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out) + bytes([value])


def number(field, value):
    return varint(field << 3) + varint(value)


def block(field, data):
    data = data.encode() if isinstance(data, str) else data
    return varint(field << 3 | 2) + varint(len(data)) + data


def tensor(name, shape, values, kind=1, typed=False):
    raw = array.array({1: "f", 7: "q", 11: "d"}[kind], values).tobytes()
    return b"".join(number(1, d) for d in shape) + number(2, kind) + block(8, name) + block(4 if typed else 9, raw)


def attribute(name, value):
    if isinstance(value, list):
        return block(1, name) + b"".join(number(8, v) for v in value) + number(20, 7)
    if isinstance(value, float):
        return block(1, name) + varint(2 << 3 | 5) + struct.pack("<f", value) + number(20, 1)
    if isinstance(value, str):
        return block(1, name) + block(4, value) + number(20, 3)
    if isinstance(value, bytes):
        return block(1, name) + block(5, value) + number(20, 4)
    return block(1, name) + number(3, value) + number(20, 2)


def node(op, inputs, output, **attributes):
    return b"".join(block(1, i) for i in inputs) + block(2, output) + block(4, op) + b"".join(
        block(5, attribute(name, value)) for name, value in attributes.items())


# ---- networks ----

def layers(network):
    """(cin, cout, kernel, stride, groups, relu6, shortcut to the layer so many before or 0)"""
    _, stem, rows = network
    out, cin = [(3, stem, 3, 2, 1, True, 0)], stem
    for kernel, repeats, stride, expansion, cout in rows:
        for i in range(repeats):
            wide, step = cin * expansion, stride if i == 0 else 1
            if expansion > 1:
                out.append((cin, wide, 1, 1, 1, True, 0))
            out.append((wide, wide, kernel, step, wide, True, 0))
            out.append((wide, cout, 1, 1, 1, False, 3 if step == 1 and cin == cout else 0))
            cin = cout
    return out + [(cin, 1280, 1, 1, 1, True, 0)]


def draw(network):
    random.seed(5)
    pool = [random.gauss(0, 1) for _ in range(4099)]
    weights = []
    for cin, cout, kernel, _, groups, _, _ in layers(network):
        count, scale, start = cout * cin // groups * kernel * kernel, math.sqrt(2 * groups / (cin * kernel * kernel)), random.randrange(4099)
        convolution = array.array("f", (scale * pool[(start + i) % 4099] for i in range(count)))
        norm = [array.array("f", (a + b * pool[(start + 7 * i) % 4099 if i % 5 else i] for i in range(cout))) for a, b in ((1, .1), (0, .2), (0, .3))]
        variance = array.array("f", (0.5 + abs(pool[(start + 3 * i) % 4099]) for i in range(cout)))
        weights.append((convolution, [*norm, variance]))
    return weights


def fold(convolution, norm, epsilon):
    scale = [g / math.sqrt(v + epsilon) for g, v in zip(norm[0], norm[3])]
    each = len(convolution) // len(scale)
    return ([scale[i // each] * w for i, w in enumerate(convolution)], [b - m * s for b, m, s in zip(norm[1], norm[2], scale)])


def write(path, network, weights, folded=False, names=True, constants="initializer", pads="conv", clip="inputs", typed=False, epsilon=None, bend=None,
          bias=False):
    same = network[0] == "efficientnet_lite0"
    own = 1e-3 if same else 1e-5
    nodes, tensors, outputs, x = [], [], [], "image"

    def constant(name, shape, values, kind=1):
        name = name if names else f"c{len(tensors) + len(nodes)}"
        made = tensor(name if constants == "initializer" else "", shape, values, kind, typed and kind == 1)
        if constants == "node":
            nodes.append(node("Constant", [], name, value=made))
        elif constants == "identity":
            tensors.append(tensor(name + "_shared", shape, values, kind))
            nodes.append(node("Identity", [name + "_shared"], name))
        else:
            tensors.append(made)
        return name

    for i, (row, (convolution, norm)) in enumerate(zip(layers(network), weights)):
        cin, cout, kernel, stride, groups, relu6, shortcut = row
        before, after = ((kernel - 2) // 2, (kernel - 1) // 2) if same and stride == 2 else (kernel // 2, kernel // 2)
        if bend == ("pads", i):
            before, after = after, before + 1
        values, extra = convolution, []
        if folded:
            values, b = fold(convolution, norm, own)
        elif bias:
            b = [0.25] * cout
        around = dict(pads=[before, before, after, after])
        if pads == "node" and after:
            kind = constant(f"pads{i}", [8], [0, 0, before, before, 0, 0, after, after], 7)
            nodes.append(node("Pad", [x, kind], f"padded{i}", mode="constant"))
            x, around = f"padded{i}", {}
        elif pads == "same":
            around = dict(auto_pad="SAME_UPPER")
        inputs = [x, constant(f"w{i}", [cout, cin // groups, kernel, kernel], values)]
        if folded or bias:
            inputs.append(constant(f"b{i}", [cout], b))
        nodes.append(node("Conv", inputs, f"conv{i}", group=groups, strides=[3 if bend == ("stride", i) else stride] * 2, dilations=[1, 1], **around))
        x = f"conv{i}"
        if not folded:
            moved = [norm[0], norm[1], [m + 0.25 for m in norm[2]] if bias else norm[2], [v + own - (epsilon or own) for v in norm[3]]]
            nodes.append(node("BatchNormalization", [x, *(constant(f"n{i}.{k}", [cout], v) for k, v in enumerate(moved))], f"norm{i}", epsilon=epsilon or own))
            x = f"norm{i}"
        if relu6 and bend != ("relu6", i):
            most = 5.0 if bend == ("clip", i) else 6.0
            if clip == "inputs":
                nodes.append(node("Clip", [x, constant(f"lo{i}", [], [0.0]), constant(f"hi{i}", [], [most])], f"act{i}"))
            else:
                nodes.append(node("Clip", [x], f"act{i}", min=0.0, max=most))
            x = f"act{i}"
        if shortcut and bend != ("shortcut", i):
            nodes.append(node("Add", [x, outputs[i - shortcut]] if i % 2 else [outputs[i - shortcut], x], f"sum{i}"))
            x = f"sum{i}"
        outputs.append(x)
    nodes.append(node("GlobalAveragePool", [x], "pool"))
    nodes.append(node("Flatten", ["pool"], "flat", axis=1))
    nodes.append(node("Gemm", ["flat", constant("hw", [16, 1280], [0.5] * 20480), constant("hb", [16], range(16))], "out", transB=1))
    graph = b"".join(block(1, n) for n in nodes) + block(2, "g") + b"".join(block(5, t) for t in tensors)
    open(path, "wb").write(number(1, 7) + block(7, graph) + block(8, number(2, 13)))


def read(path):
    raw = open(path, "rb").read()
    size = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8:8 + size])
    metadata = header.pop("__metadata__")
    numbers = []
    for name, entry in header.items():
        values = array.array("f", raw[8 + size + entry["data_offsets"][0]:8 + size + entry["data_offsets"][1]])
        numbers.append((name, values))
    return metadata, numbers


def compare(path, network, weights, exact):
    metadata, numbers = read(path)
    check(metadata["winnow.architecture"] == network[0], path, metadata)
    check(("winnow.norms" in metadata) == (exact is None), path, metadata)
    own = 1e-3 if network[0] == "efficientnet_lite0" else 1e-5
    found = iter(numbers)
    for i, (convolution, norm) in enumerate(weights):
        got, *parts = (next(found)[1] for _ in range(5))
        if exact:
            check(got == convolution and parts == norm, path, f"convolution {i} holds other numbers")
            continue
        for a, b in zip(fold(got, parts, own), fold(convolution, norm, own)):
            most = max(map(abs, b))
            check(max(abs(x - y) for x, y in zip(a, b)) <= 2e-6 * most, path, f"convolution {i} computes something else")
    rest = dict(found)
    check(list(rest["embedding.weight"]) == [0.5] * 20480 and list(rest["embedding.bias"]) == list(range(16)), path, "another embedding")


FORMS = {"plain": {}, "no names": dict(names=False), "nodes": dict(constants="node"), "identity": dict(constants="identity", names=False),
         "opset 9": dict(clip="attributes"), "typed": dict(typed=True), "pad nodes": dict(pads="node"),
         "folded": dict(folded=True), "folded, no names, nodes": dict(folded=True, names=False, constants="node", typed=True),
         "bias": dict(bias=True), "another epsilon": dict(epsilon=2e-4)}
BENT = {("stride", 4): "another stride", ("pads", 2): "another padding|conv2", ("relu6", 1): "another activation", ("clip", 7): "another activation",
        ("shortcut", 8): "another shortcut"}

for network in (MOBILENET, LITE):
    weights = draw(network)
    lite = network is LITE
    for form, how in FORMS.items():
        if lite and form not in ("plain", "no names", "pad nodes", "folded"):
            continue
        write("in.onnx", network, weights, **how)
        answer = json.loads(done("import", "in.onnx", "-o", "out.safetensors", "--json"))
        check(answer["format"] == "ONNX" and answer["embedding"] == 16 and (lite or abs(answer["width"] - 0.35) < 1e-6), form, answer)
        inexact = form in ("bias", "another epsilon")
        compare("out.safetensors", network, weights, None if how.get("folded") else not inexact)
    if lite:
        write("in.onnx", network, weights, pads="same")
        done("import", "in.onnx", "-o", "out.safetensors")
        compare("out.safetensors", network, weights, True)
weights = draw(MOBILENET)
os.remove("out.safetensors")
for bend, words in BENT.items():
    write("in.onnx", MOBILENET, weights, bend=bend)
    refused("in.onnx|" + words, "import", "in.onnx", "-o", "out.safetensors")
write("in.onnx", MOBILENET, weights, pads="same")
refused("another padding", "import", "in.onnx", "-o", "out.safetensors")
write("in.onnx", MOBILENET, weights)
whole = open("in.onnx", "rb").read()
for size in (3, 100, len(whole) // 2, len(whole) - 1):
    open("cut.onnx", "wb").write(whole[:size])
    refused("cut.onnx", "import", "cut.onnx", "-o", "out.safetensors")
check(not os.path.exists("out.safetensors"), "something was written")

# What export writes, import reads back: the features of a gate and of the backbone made of its export are the same.
write("in.onnx", MOBILENET, weights)
done("import", "in.onnx", "-o", "backbone.safetensors", "--channels", "bgr", "--mean", "0.5,0.25,0.125", "--std", "0.5,0.6,0.7")
done("synth", "p", "--count", "30", "--size", "96")
done("train", "--normal", "p/train/normal", "--abnormal", "p/train/other", "--backbone", "backbone.safetensors", "--input-size", "96",
     "--embedding-size", "16", "--scorer", "knn:pooled+embedding", "--false-reject", "20%", "--epochs", "2", "-o", "gate.safetensors", "--report", "none")
done("export", "gate.safetensors", "--to", "onnx", "-o", "gate.onnx")
done("export", "gate.safetensors", "--to", "onnx", "--raw", "-o", "raw.onnx")
for name, channels, mean in (("gate", "RGB", [0.125, 0.25, 0.5]), ("raw", "BGR", [0.5, 0.25, 0.125])):
    answer = json.loads(done("import", name + ".onnx", "-o", name + "_again.safetensors", "--json"))
    check(answer["channels"] == channels and answer["mean"] == mean, name, answer)
_, numbers = read("raw_again.safetensors")
found = iter(numbers)
for i, (convolution, norm) in enumerate(weights):
    got, *parts = (next(found)[1] for _ in range(5))
    for a, b in zip(fold(got, parts, 1e-5), fold(convolution, norm, 1e-5)):
        check(max(abs(x - y) for x, y in zip(a, b)) <= 2e-6 * max(map(abs, b)), "the round trip changed convolution", i)
