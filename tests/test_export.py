#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: test_export.py WINNOW VENV ONNX-CHECK [aarch64]

Exports gates of every scorer, network, fit and resize, and runs the files in their own runtimes: the C compiler (that of another processor
with `aarch64`), ONNX's checker and ONNX Runtime, which pip brings into the folder VENV. What is not there is not tested, and said."""
import glob, json, os, shutil, subprocess, sys, tempfile

winnow, venv, onnx_check = (os.path.abspath(path) for path in sys.argv[1:4])
root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
python = os.path.join(venv, "bin", "python3")
PACKAGES = ["onnx", "onnxruntime", "numpy"]
work = tempfile.mkdtemp(prefix="winnow-export-")
os.environ.update(WINNOW_HOME=work, WINNOW_PYTHON=python)
checks = 0


def check(condition, *what):
    global checks
    checks += 1
    if not condition:
        raise SystemExit("FAILED: " + " ".join(map(str, what)))


def run(*arguments):
    return subprocess.run([winnow, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def done(*arguments):
    result = run(*arguments)
    check(result.returncode == 0, arguments, result.returncode, result.stdout, result.stderr)
    return result.stdout


def refused(words, *arguments):
    result = run(*arguments)
    check(result.returncode == 2 and not result.stdout, arguments, result.returncode, result.stderr)
    for word in words.split("|"):
        check(word in result.stderr, arguments, f"no '{word}' in:", result.stderr)


def get_runtimes():
    """Whether pip could bring them."""
    if os.path.exists(os.path.join(venv, "complete")):
        return True
    for command in ([sys.executable, "-m", "venv", venv], [python, "-m", "pip", "install", "--quiet", *PACKAGES]):
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if result.returncode:
            print("not tested: ONNX and NumPy files; pip cannot bring " + " ".join(PACKAGES) + "\n" + result.stdout)
            return False
    open(os.path.join(venv, "complete"), "w").close()
    return True


SMALL = ["--width", "0.35", "--input-size", "96", "--embedding-size", "32"]
# Every scorer, feature, network, fit and resize.
GATES = {
    "default": [*SMALL, "--scorer", "knn:bottleneck,logistic:bottleneck"],
    "scorers": [*SMALL, "--scorer", "cosine:bottleneck+pooled:centred,prototypes:pooled,mahalanobis:bottleneck,arcface"],
    "others": [*SMALL, "--scorer", "knn_difference:bottleneck,relative:embedding,discriminant:pooled"],
    "reference": [*SMALL, "--recipe", "reference", "--scorer", "cosine:embedding"],
    "lite0": ["--network", "efficientnet_lite0", "--input-size", "96", "--embedding-size", "32", "--fit", "crop", "--scorer", "knn:pooled"],
}


def train():
    done("synth", "p", "--count", "60", "--size", "128")
    for name, options in GATES.items():
        done("train", "--normal", "p/train/normal", "--abnormal", "p/train/other", "--abnormal", "p/train/lookalike", *options, "--batch", "16",
             "--epochs", "3", "--augment", "none", "--false-reject", "10%", "--log", "none", "--report", "none", "--checkpoint", "none", "-o",
             f"{name}.safetensors")


def tolerance(gate):
    """1e-4, and more for gates that three epochs on drawn pictures have left with hardly any spread: rounding is divided by it."""
    data = open(gate, "rb").read()
    size = int.from_bytes(data[:8], "little")
    begin, end = json.loads(data[8:8 + size])["gate.standard"]["data_offsets"]
    import array
    standard = array.array("f", data[8 + size + begin:8 + size + end])
    return 1e-4 + sum(2e-6 * max(1, abs(centre)) / spread for centre, spread in zip(standard[::2], standard[1::2]))


def same(gate, exported, folder, count):
    """verify's answer, which must be that both say the same."""
    answer = json.loads(done("verify", gate, exported, "--images", folder, "--count", str(count), "--tolerance", str(tolerance(gate)), "--json"))
    check(answer["equal"] and answer["photos"] == count and answer["unreadable"] == 0, answer)
    return answer


def onnx():
    for name in GATES:
        gate = f"{name}.safetensors"
        done("export", gate, "--to", "onnx", "-o", f"{name}.onnx")
        done("export", gate, "--to", "onnx", "--exact-size", "-o", f"{name}.exact.onnx")
        done("export", gate, "--to", "onnx", "--raw", "-o", f"{name}.raw.onnx")
        same(gate, f"{name}.onnx", "p/test", 40)
        same(gate, f"{name}.exact.onnx", "p/test", 10)
        result = subprocess.run([python, onnx_check, name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        check(result.returncode == 0, name, result.stdout)
    answer = json.loads(done("export", "default.safetensors", "--to", "onnx", "-o", "again.onnx", "--json"))
    check(answer["bytes"] == os.path.getsize("again.onnx"), answer)
    check(open("again.onnx", "rb").read() == open("default.onnx", "rb").read(), "two exports of a gate differ")
    # verify tells different gates apart.
    check(run("verify", "others.safetensors", "default.onnx", "--images", "p/test", "-n", "20").returncode == 1, "verify sees no difference")


def c():
    for name in GATES:
        done("export", f"{name}.safetensors", "--to", "c", "--separate", "-o", f"{name}.c")
        os.environ["CC"] = "gcc -fsanitize=address,undefined"
        same(f"{name}.safetensors", f"{name}.c", "p/test", 3)
        del os.environ["CC"]
    done("export", "others.safetensors", "--to", "c", "-o", "inline.c")
    check(not os.path.exists("inline.bin"), "weights in both places")
    same("others.safetensors", "inline.c", "p/test", 40)
    refused("a-b.c", "export", "default.safetensors", "--to", "c", "-o", "a-b.c")
    open("inline.c", "a").write("int unused(int *x) { return x; }")
    refused("compile", "verify", "others.safetensors", "inline.c", "--images", "p/test")


def c_aarch64():
    """The same bits of logic on another processor."""
    if not shutil.which("aarch64-linux-gnu-gcc") or not shutil.which("qemu-aarch64"):
        print("skipped: aarch64-linux-gnu-gcc and qemu-aarch64 are not here (gcc-aarch64-linux-gnu, libc6-dev-arm64-cross, qemu-user)")
        sys.exit(77)
    os.environ.update(CC="aarch64-linux-gnu-gcc -static", WINNOW_EMULATOR="qemu-aarch64")
    for name in GATES:
        done("export", f"{name}.safetensors", "--to", "c", "--separate", "-o", f"{name}.c")
        same(f"{name}.safetensors", f"{name}.c", "p/test", 5)


def npz():
    done("export", "scorers.safetensors", "--to", "npz", "-o", "scorers.npz")
    result = subprocess.run([python, "-c", NPZ_CHECK, "scorers"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    check(result.returncode == 0, result.stdout)


NPZ_CHECK = """
import json, sys, numpy, zipfile
data = open(sys.argv[1] + ".safetensors", "rb").read()
start = 8 + int.from_bytes(data[:8], "little")
header = json.loads(data[8:start])
metadata = header.pop("__metadata__")
archive = numpy.load(sys.argv[1] + ".npz")
assert zipfile.ZipFile(sys.argv[1] + ".npz").testzip() is None
assert set(archive.files) == {"metadata.json"} | {name for name in header if not name.startswith("gate.memory.")}, archive.files
for name in set(archive.files) - {"metadata.json"}:
    begin, end = header[name]["data_offsets"]
    assert list(archive[name].shape) == header[name]["shape"], name
    assert archive[name].tobytes() == data[start + begin:start + end], name
stored = json.loads(archive["metadata.json"])
assert stored["winnow.threshold"] == metadata["winnow.threshold"] and "winnow.command" not in stored
"""


def refusals():
    refused("--to", "export", "default.safetensors", "-o", "x.onnx")
    refused("-o", "export", "default.safetensors", "--to", "onnx")
    refused("p/test", "export", "p/test", "--to", "onnx", "-o", "x.onnx")
    refused("missing", "export", "default.safetensors", "--to", "onnx", "-o", "missing/x.onnx")
    refused("raw", "export", "default.safetensors", "--to", "c", "--raw", "-o", "x.c")
    refused("precision", "export", "default.safetensors", "--to", "npz", "--precision", "int8", "-o", "x.npz")
    refused("default.raw.onnx", "verify", "default.safetensors", "default.raw.onnx", "--images", "p/test")
    refused("none.onnx", "verify", "default.safetensors", "none.onnx", "--images", "p/test")
    refused("default.safetensors", "verify", "default.safetensors", "default.safetensors", "--images", "p/test")
    refused("--images", "verify", "default.safetensors", "default.onnx")
    check(not glob.glob("x.onnx*"), "a refused export left a file")


def real_photos():
    """A gate on the features of a pretrained backbone, on 200 photographs."""
    data = os.environ.get("WINNOW_DATA", os.path.join(root, "..", "shared", "data", "dev"))
    weights = os.path.join(data, "..", "..", "weights", "mobilenet_v2_imagenet.safetensors")
    if not os.path.isdir(data) or not os.path.exists(weights):
        print("no photographs (WINNOW_DATA): compared on drawn pictures alone")
        return
    done("train", "--backbone", weights, "--normal", f"{data}/normal/uci_rice_leaf_diseases", "--abnormal", f"{data}/near/flowers17", "--abnormal",
         f"{data}/far/coco128_train2017", "--log", "none", "--report", "none", "--checkpoint", "none", "-o", "real.safetensors")
    done("export", "real.safetensors", "--to", "onnx", "-o", "real.onnx")
    answer = json.loads(done("verify", "real.safetensors", "real.onnx", "--images", data, "--count", "200", "--json"))
    print("onnx, 200 photographs:", answer["similarity"])
    check(answer["photos"] == 200 and answer["similarity"] <= 1e-4 and not answer["clear_verdicts"], answer)
    done("export", "real.safetensors", "--to", "c", "--separate", "-o", "real.c")
    answer = json.loads(done("verify", "real.safetensors", "real.c", "--images", data, "--count", "200", "--json"))
    print("c, 200 photographs:", answer["similarity"])
    done("export", "real.safetensors", "--to", "c", "--precision", "int8", "--separate", "-o", "small.c")
    answer = json.loads(done("verify", "real.safetensors", "small.c", "--images", data, "--count", "200", "--json", "--tolerance", "0.5"))
    print("c, int8:", answer["similarity"])


runtimes = get_runtimes()
os.chdir(work)
try:
    train()
    for step in [c_aarch64] if sys.argv[4:] == ["aarch64"] else [c, onnx, npz, refusals, real_photos] if runtimes else [c]:
        step()
    print(f"{checks} checks")
finally:
    os.chdir("/")
    shutil.rmtree(work)
