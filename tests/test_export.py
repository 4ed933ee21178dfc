#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: test_export.py WINNOW VENV ORACLES LOOK [photos | coreml | aarch64]

Exports gates of every scorer, network, fit and resize, and runs the files in their own runtimes: the C compiler (that of another processor
with `aarch64`), ONNX's checker and ONNX Runtime, and for Core ML coremltools and the interpreter in ORACLES (tests/oracle). pip brings them
into the folder VENV; LOOK is tests/look.c. What is not there is not tested, and said."""
import array, fcntl, glob, json, os, shutil, subprocess, sys, tempfile

winnow, venv, oracles, look = (os.path.abspath(path) for path in sys.argv[1:5])
onnx_check, coreml_run = (os.path.join(oracles, name) for name in ("onnx_check.py", "coreml_run.py"))
root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
python = os.path.join(venv, "bin", "python3")
PACKAGES = {"onnx": ["onnx", "onnxruntime", "numpy", "pillow"], "coreml": ["coremltools", "numpy", "pillow"]}
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
    check(sum(line.startswith("winnow") and "error:" in line for line in result.stderr.splitlines()) == 1, arguments, "not one error line:", result.stderr)
    for word in words.split("|"):
        check(word in result.stderr, arguments, f"no '{word}' in:", result.stderr)


def have(what):
    """Whether pip could bring what `what` needs. Parts of this test that run at once wait for one another here."""
    done = os.path.join(venv, "complete-" + "-".join(PACKAGES[what]))
    with open(venv + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.exists(done):
            return True
        for command in ([sys.executable, "-m", "venv", venv], [python, "-m", "pip", "install", "--quiet", *PACKAGES[what]]):
            result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if result.returncode:
                print(result.stdout)
                print("not tested:", what, "files, as pip cannot bring", *PACKAGES[what])
                return False
        open(done, "w").close()
    return True


SMALL = ["--width", "0.35", "--input-size", "96", "--embedding-size", "32"]
# Every scorer, feature, network, fit and resize.
GATES = {
    "default": [*SMALL, "--scorer", "knn:bottleneck,logistic:bottleneck+early+middle"],
    "scorers": [*SMALL, "--scorer", "cosine:bottleneck+pooled:centred,prototypes:pooled,mahalanobis:bottleneck,arcface"],
    "others": [*SMALL, "--scorer", "knn_difference:bottleneck,relative:embedding,discriminant:pooled"],
    "reference": [*SMALL, "--recipe", "reference", "--scorer", "cosine:embedding"],
    "cropped": [*SMALL, "--recipe", "reference", "--fit", "crop", "--scorer", "cosine:embedding"],
    "classes": [*SMALL, "--classes", "--scorer", "cosine:pooled"],
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
    standard = array.array("f", data[8 + size + begin:8 + size + end])
    return 1e-4 + sum(2e-6 * max(1, abs(centre)) / spread for centre, spread in zip(standard[::2], standard[1::2]))


def same(gate, exported, folder, count):
    """verify's answer, which must be that both say the same."""
    answer = json.loads(done("verify", gate, exported, "--images", folder, "--count", str(count), "--tolerance", str(tolerance(gate)), "--json"))
    check(answer["equal"] and answer["photos"] == count and answer["unreadable"] == 0, answer)
    check((answer["class_probability"] > 0) == (gate == "classes.safetensors"), answer)
    check(answer["embedding"] is None if exported.endswith(".c") else 0 < answer["embedding"] <= 1e-4, answer)
    return answer


def onnx():
    for name in GATES:
        gate = f"{name}.safetensors"
        done("export", gate, "--to", "onnx", "-o", f"{name}.onnx")
        done("export", gate, "--to", "onnx", "--exact-size", "-o", f"{name}.exact.onnx")
        done("export", gate, "--to", "onnx", "--raw", "-o", f"{name}.raw.onnx")
        same(gate, f"{name}.onnx", "p/test", 40)
        same(gate, f"{name}.exact.onnx", "p/test", 10)
        result = subprocess.run([python, onnx_check, name, look], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        check(result.returncode == 0, name, result.stdout)
    answer = json.loads(done("export", "default.safetensors", "--to", "onnx", "-o", "again.onnx", "--json"))
    check(answer["bytes"] == os.path.getsize("again.onnx"), answer)
    check(open("again.onnx", "rb").read() == open("default.onnx", "rb").read(), "two exports of a gate differ")
    done("export", "lite0.safetensors", "--to", "onnx", "--precision", "int8", "-o", "small.onnx")
    check(os.path.getsize("small.onnx") < 0.4 * os.path.getsize("lite0.onnx"), "int8 is hardly smaller")
    result = subprocess.run([python, "-c", "import onnx; onnx.checker.check_model(onnx.load('small.onnx'), full_check=True)"])
    check(result.returncode == 0)
    # verify tells different gates apart.
    check(run("verify", "others.safetensors", "default.onnx", "--images", "p/test", "-n", "20").returncode == 1, "verify sees no difference")


INT8_CHECK = """
import json, sys, numpy, onnx
from onnx import numpy_helper
model = onnx.load(sys.argv[2])
onnx.checker.check_model(model, full_check=True)
constants = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
data = open(sys.argv[1], "rb").read()
start = 8 + int.from_bytes(data[:8], "little")
header = json.loads(data[8:start])
def stored(name):
    begin, end = header[name]["data_offsets"]
    kind = {"I8": "i1", "F32": "<f4"}[header[name]["dtype"]]
    return numpy.frombuffer(data[start + begin:start + end], kind).reshape(header[name]["shape"])
ranges = {tuple(row) for row in stored("gate.ranges")}
found = [name[:-12] for name in constants if name.endswith(".weight.int8")]
assert len(found) > 20, found
for name in found:  # the gate's own bytes, but for the sign of rows whose batch norm turns them round
    ours = "embedding.weight" if name == "embed" else name + ".weight"
    rows = len(constants[name + ".weight.int8"])
    a, b = (x.reshape(rows, -1).astype(int) for x in (constants[name + ".weight.int8"], stored(ours)))
    assert all((x == y).all() or (x == -y).all() for x, y in zip(a, b)), name
    scale, zero = constants[name + ".input.scale"], int(constants[name + ".input.zero"])
    assert any(abs(high - low - 127 * scale) <= 1e-4 * (high - low) and abs(zero + low / scale) < 0.51 for low, high in ranges if high > low), name
"""


def onnx_int8():
    """The gate's own rounding in ONNX's words; then what becomes of the score, where the last bit of a sum rounds the other way."""
    for name in ("default", "classes", "lite0"):
        gate, small = f"{name}.safetensors", f"{name}8.safetensors"
        done("quantize", gate, "--calibrate", "p/test/normal", "--abnormal", "p/test/other", "--max-drop", "0.3", "-o", small)
        done("export", small, "--to", "onnx", "-o", f"{name}8.onnx")
        result = subprocess.run([python, "-c", INT8_CHECK, small, f"{name}8.onnx"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        check(result.returncode == 0, name, result.stdout)
        answer = json.loads(run("verify", small, f"{name}8.onnx", "--images", "p/test", "-n", "40", "--tolerance", "1", "--json").stdout)
        print(name, "onnx, int8:", answer["similarity"], answer["verdicts"])
        check(answer["photos"] == 40 and answer["equal"] and not answer["clear_verdicts"], answer)
    refused("quantized models", "import", "default8.onnx", "-o", "x.safetensors")
    done("export", "default8.safetensors", "--to", "npz", "-o", "default8.npz")
    result = subprocess.run([python, "-c", NPZ_CHECK, "default8"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    check(result.returncode == 0, result.stdout)


def c():
    for name in GATES:
        done("export", f"{name}.safetensors", "--to", "c", "--separate", "-o", f"{name}.c")
        if name in ("classes", "reference"):
            os.environ["CC"] = "gcc -fsanitize=address,undefined"
        same(f"{name}.safetensors", f"{name}.c", "p/test", 5)
        os.environ.pop("CC", None)
    done("export", "others.safetensors", "--to", "c", "-o", "inline.c")
    check(not os.path.exists("inline.bin"), "weights in both places")
    same("others.safetensors", "inline.c", "p/test", 40)
    refused("a-b.c", "export", "default.safetensors", "--to", "c", "-o", "a-b.c")
    open("inline.c", "a").write("int unused(int *x) { return x; }")
    refused("compile", "verify", "others.safetensors", "inline.c", "--images", "p/test")
    sizes()


def sizes():
    """What export prints is the size of every file that it wrote."""
    for to, path, files, *more in (("c", "s.c", "s.c s.h s.bin", "--separate"), ("c", "t.c", "t.c t.h"), ("mlpackage", "s.mlpackage", "s.mlpackage/**")):
        answer = json.loads(done("export", "others.safetensors", "--to", to, *more, "-o", path, "--json"))
        there = sum(os.path.getsize(f) for pattern in files.split() for f in glob.glob(pattern, recursive=True) if os.path.isfile(f))
        check(answer["bytes"] == there > 1e6, path, answer, there)


def nan():
    """A NaN of the exported file is a difference, wherever among the photos it comes."""
    done("export", "others.safetensors", "--to", "c", "--separate", "-o", "nan.c")
    code = open("nan.c").read()
    for field, photos in (("similarity", (0, 4)), ("p_value", (0,))):
        for photo in photos:
            bent, end = code, "    return 0;\n}\n"
            check(bent.endswith(end), "the code ends in another way")
            bent = bent[:-len(end)] + f"    static int photo;\n    if (photo++ == {photo})\n        result->{field} = (float)NAN;\n" + end
            open("nan.c", "w").write(bent)
            result = run("verify", "others.safetensors", "nan.c", "--images", "p/test", "--count", "5", "--tolerance", "100", "--json")
            answer = json.loads(result.stdout)
            check(result.returncode == 1 and not answer["equal"] and answer["photos"] == 5 and answer[field] is None, field, photo, result)
    result = run("verify", "others.safetensors", "nan.c", "--images", "p/test", "--count", "5", "--tolerance", "100")
    check(result.returncode == 1 and "nan" in result.stdout and "\nNOT the same within 100: " in result.stdout and "is no number" in result.stdout, result)


def vectors():
    """A difference in any class, not in the most probable one alone, is one."""
    done("export", "classes.safetensors", "--to", "c", "--separate", "-o", "bent.c")
    code, end = open("bent.c").read(), "    return 0;\n}\n"
    check(code.endswith(end), "the code ends in another way")
    open("bent.c", "w").write(code[:-len(end)] + """    int least = 0;
    for (int i = 1; i < bent_CLASSES; i++)
        if (result->class_probability[i] < result->class_probability[least])
            least = i;
    result->class_probability[least] += 0.01f;
""" + end)
    answer = json.loads(run("verify", "classes.safetensors", "bent.c", "--images", "p/test", "--count", "5", "--tolerance", "0.009", "--json").stdout)
    check(not answer["equal"] and abs(answer["class_probability"] - 0.01) < 1e-4 and answer["classes"] == 0, answer)


def hostile():
    """Files that export did not write are refused in one line, and neither Python nor a compiler sees them."""
    gate, home = "others.safetensors", {name: os.environ.get(name) for name in ("CC", "WINNOW_PYTHON")}
    open("spy", "w").write(f"#!/bin/sh\necho \"$@\" >>{work}/spied\nexit 1\n")
    os.chmod("spy", 0o755)
    os.environ.update(CC=f"{work}/spy", WINNOW_PYTHON=f"{work}/spy")
    os.mkdir("h")
    done("export", gate, "--to", "onnx", "-o", "h/whole.onnx")
    done("export", gate, "--to", "onnx", "--raw", "-o", "h/raw.onnx")
    done("export", gate, "--to", "c", "--separate", "-o", "h/whole.c")
    done("export", gate, "--to", "mlpackage", "-o", "h/bare.mlpackage")
    shutil.rmtree("h/bare.mlpackage/Data/com.apple.CoreML/weights")
    done("export", gate, "--to", "coreml", "-o", "h/whole.mlmodel")
    whole, code, header = (open(f"h/whole.{end}", "rb").read() for end in ("onnx", "c", "h"))
    files = {"empty.onnx": b"", "text.onnx": b"Not a network.\n" * 99, "half.onnx": whole[:len(whole) // 2], "cut.onnx": whole[:-1000000], "gate.onnx": open(gate, "rb").read(),
             "zip.npz": b"PK, but no archive", "empty.npz": b"", "empty.c": b"", "else.c": b"int main(void) { return 0; }\n", "gate.c": whole[:9999], "noheader.c": code.replace(b"whole", b"noheader"),
             "renamed.c": code, "header.c": code.replace(b"whole", b"header"), "header.h": b"#define header_WEIGHTS 0\n",
             "noweights.c": code.replace(b"whole", b"noweights"), "noweights.h": header.replace(b"whole", b"noweights"), "short.c": code.replace(b"whole", b"short"),
             "short.h": header.replace(b"whole", b"short"), "short.bin": open("h/whole.bin", "rb").read()[:-4], "x.mlmodel": b"", "cut.mlmodel": open("h/whole.mlmodel", "rb").read()[:-1000], "onnx.mlmodel": whole, "x.txt": b"x", "none": b"x"}
    for name, content in files.items():
        open("h/" + name, "wb").write(content)
    os.mkdir("h/folder.onnx")
    os.mkdir("h/folder.c")
    os.mkdir("h/empty.mlpackage")
    for name, words in {"empty.onnx": "not a whole ONNX file", "text.onnx": "not a whole ONNX file", "half.onnx": "not a whole ONNX file",
                        "cut.onnx": "not a whole ONNX file", "gate.onnx": "not a whole ONNX file", "raw.onnx": "no input 'image'|--raw", "folder.onnx": "folder",
                        "empty.c": "not C that winnow wrote|nothing was compiled", "else.c": "not C that winnow wrote", "gate.c": "not C that winnow wrote",
                        "noheader.c": "noheader.h", "renamed.c": "does not include renamed.h", "header.c": "header.h is not the header", "folder.c": "folder",
                        "noweights.c": "noweights.bin", "short.c": "short.bin holds|promises", "zip.npz": "no runtime", "empty.npz": "no runtime",
                        "bare.mlpackage": "weight.bin", "empty.mlpackage": "model.mlmodel", "x.mlmodel": "not a whole Core ML model",
                        "cut.mlmodel": "not a whole Core ML model", "onnx.mlmodel": "Core ML model", "x.txt": "no runtime", "none": "no runtime", "missing.onnx": "cannot be read"}.items():
        refused(f"h/{name.split('.')[0]}|{words}", "verify", gate, f"h/{name}", "--images", "p/test")
    check(not os.path.exists("spied"), "something was run:", os.path.exists("spied") and open("spied").read())
    refused("ONNX Runtime", "verify", gate, "h/whole.onnx", "--images", "p/test")
    refused("does not compile", "verify", gate, "h/whole.c", "--images", "p/test")
    refused("coremltools", "verify", gate, "h/whole.mlmodel", "--images", "p/test")
    check(len(open("spied").readlines()) >= 3, "what is whole was not run")
    for name, value in home.items():
        os.environ.pop(name)
        if value:
            os.environ[name] = value


def c_aarch64():
    """The same bits of logic on another processor."""
    if not shutil.which("aarch64-linux-gnu-gcc") or not shutil.which("qemu-aarch64"):
        print("not tested: aarch64, as aarch64-linux-gnu-gcc and qemu-aarch64 are not here (gcc-aarch64-linux-gnu, libc6-dev-arm64-cross, qemu-user)")
        sys.exit(77)
    os.environ.update(CC="aarch64-linux-gnu-gcc -static", WINNOW_EMULATOR="qemu-aarch64")
    for name in GATES:
        done("export", f"{name}.safetensors", "--to", "c", "--separate", "-o", f"{name}.c")
        same(f"{name}.safetensors", f"{name}.c", "p/test", 5)
    data = real_gate()
    if not data:
        return
    for precision, allowed in (("fp32", "1e-4"), ("int8", "0.5")):
        done("export", "real.safetensors", "--to", "c", "--precision", precision, "--separate", "-o", "real.c")
        answer = json.loads(done("verify", "real.safetensors", "real.c", "--images", data, "--count", "20", "--tolerance", allowed, "--json"))
        print(f"c, {precision}, aarch64, 20 photographs:", answer["similarity"])
        check(answer["photos"] == 20, answer)


RESIZE = """
import sys
from PIL import Image
side, folder, *paths = sys.argv[1:]
for i, path in enumerate(paths):
    Image.open(path).convert("RGB").resize((int(side), int(side)), Image.BICUBIC).save(f"{folder}/{i:03}.png")
"""


def coreml_compare(gate, model, photos, side, allowed):
    """Core ML's resize is Apple's: both sides get pictures of the input size."""
    shutil.rmtree("squares", ignore_errors=True)
    os.makedirs("squares")
    subprocess.run([python, "-c", RESIZE, str(side), "squares", *photos], check=True)
    squares = sorted(glob.glob("squares/*.png"))
    ours = [json.loads(line) for line in run("check", "--json", gate, *squares).stdout.splitlines()]
    result = subprocess.run([python, coreml_run, model, *squares], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    check(result.returncode == 0, model, result.stderr)
    theirs = [[float(number) for number in line.split()] for line in result.stdout.splitlines()]
    check(len(ours) == len(theirs) == len(photos), model, len(ours), len(theirs))
    threshold = float(json.loads(done("info", gate, "--json"))["metadata"]["winnow.threshold"])
    for a, (similarity, p_value, normal, probability) in zip(ours, theirs):
        check(a["probability"] is None or abs(a["probability"] - probability) <= 1e-3, model, a, probability)
        check(abs(a["similarity"] - similarity) <= allowed, model, a, similarity)
        close = abs(a["similarity"] - threshold) <= allowed
        check(close or normal == (a["verdict"] == "normal"), model, a, normal)
    return max(abs(a["similarity"] - b[0]) for a, b in zip(ours, theirs))


def coreml_export(name, photos, precision="fp32"):
    """Both kinds of model of a gate, each compared with the gate."""
    gate = f"{name}.safetensors"
    for kind in ("mlmodel", "mlpackage"):
        classes = ["--with-classes"] if name == "classes" else []
        done("export", gate, "--to", "coreml" if kind == "mlmodel" else kind, "--precision", precision, *classes, "-o", f"{name}.{kind}")
        coreml_compare(gate, f"{name}.{kind}", photos, 96, tolerance(gate) + 1e-3)
    return sum(os.path.getsize(path) for path in (f"{name}.mlmodel", f"{name}.mlpackage/Data/com.apple.CoreML/weights/weight.bin"))


MAC = """
import sys
sys.path.insert(0, %r)
import coremltools, coreml_run, numpy, PIL.Image
there = coremltools.models.MLModel

class MLModel:
    def __init__(self, path):
        self.model = there(path, skip_model_load=True)

    def get_spec(self):
        return self.model.get_spec()

    def predict(self, values):
        return coreml_run.evaluate(self.model, numpy.asarray(values["image"]))

coremltools.models.MLModel, sys.platform = MLModel, "darwin"
"""


def coreml_verify(name, *kinds):
    """verify, which says why it cannot run a model here, and where it believes to be on a Mac, with the interpreter in the place of Apple's."""
    gate, images = f"{name}.safetensors", ("--images", "p/test", "--count", "3")
    refused(f"{name}.{kinds[0]}|Core ML runs on macOS alone", "verify", gate, f"{name}.{kinds[0]}", *images)
    os.makedirs("mac", exist_ok=True)
    open("mac/sitecustomize.py", "w").write(MAC % oracles)
    os.environ["PYTHONPATH"] = os.path.abspath("mac")
    for kind in kinds:
        answer = json.loads(done("verify", gate, f"{name}.{kind}", *images, "--tolerance", str(tolerance(gate) + 1e-3), "--json"))
        check(answer["equal"] and answer["photos"] == 3 and 0 < answer["embedding"] < 1e-4, kind, answer)
        check((answer["class_probability"] > 0) == (name == "classes"), kind, answer)
    del os.environ["PYTHONPATH"]


def coreml_default():
    """The part of coreml() that every run can afford."""
    photos = sorted(glob.glob("p/test/**/*.jpg", recursive=True))
    photos = photos[::len(photos) // 3][:3]
    halves, floats = (coreml_export("default", photos, precision) for precision in ("fp16", "fp32"))
    check(halves < 0.8 * floats, "fp16 saves", floats - halves, "bytes of", floats)
    coreml_verify("default", "mlpackage")


def coreml():
    photos = sorted(glob.glob("p/test/**/*.jpg", recursive=True))[::15]
    for name in GATES:
        coreml_export(name, photos)
    for name in ("default", "classes"):
        coreml_verify(name, "mlmodel", "mlpackage")
    done("export", "default.safetensors", "--to", "mlpackage", "-o", "default.mlpackage")  # over the old one


def real_coreml():
    if not os.path.exists("real.safetensors"):
        return
    data = os.environ.get("WINNOW_DATA", os.path.join(root, "..", "shared", "data", "dev"))
    photos = sorted(glob.glob(f"{data}/**/*.jpg", recursive=True))[::30]
    for kind, precision, allowed in (("coreml", "fp32", 1e-4), ("coreml", "fp16", 1e-3), ("mlpackage", "fp32", 1e-4), ("mlpackage", "fp16", 1e-3),
                                     ("mlpackage", "fp16-compute", 0.1)):
        path = f"real-{precision}." + ("mlmodel" if kind == "coreml" else kind)
        done("export", "real.safetensors", "--to", kind, "--precision", precision, "-o", path)
        print(path, len(photos), "photographs:", coreml_compare("real.safetensors", path, photos, 128, allowed))


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
score, p = archive["gate.calibration.score"], archive["gate.calibration.p"]
threshold = archive["gate.threshold"].reshape(-1)[0]
assert numpy.float32(stored["winnow.gauge.p_value"]) == p[numpy.searchsorted(score, threshold, "right") - 1]
assert numpy.float32(stored["winnow.gauge.spread"]) == score[p >= 0.5][0] - threshold > 0
"""


def refusals():
    refused("--to", "export", "default.safetensors", "-o", "x.onnx")
    refused("-o", "export", "default.safetensors", "--to", "onnx")
    refused("p/test", "export", "p/test", "--to", "onnx", "-o", "x.onnx")
    refused("missing", "export", "default.safetensors", "--to", "onnx", "-o", "missing/x.onnx")
    refused("raw", "export", "default.safetensors", "--to", "c", "--raw", "-o", "x.c")
    refused("no classes", "export", "default.safetensors", "--to", "coreml", "--with-classes", "-o", "x.mlmodel")
    refused("--with-classes", "export", "classes.safetensors", "--to", "onnx", "--raw", "--with-classes", "-o", "x.onnx")
    check(not os.path.exists("x.mlmodel") and not os.path.exists("x.onnx"), "a refusal wrote a file")
    gate = open("default.safetensors", "rb").read()
    for to, suffix in (("onnx", ".onnx"), ("coreml", ".mlmodel"), ("npz", ".npz")):
        shutil.copy("default.safetensors", "gate" + suffix)
        refused("is the gate itself|nothing was written", "export", "gate" + suffix, "--to", to, "-o", "./gate" + suffix)
        check(open("gate" + suffix, "rb").read() == gate, "an export replaced its gate")
        os.remove("gate" + suffix)
    for to, suffix, path in (("onnx", ".onnx", "x.safetensors"), ("coreml", ".mlmodel", "x.onnx2"), ("coreml", ".mlmodel", "x.mlpackage"),
                             ("mlpackage", ".mlpackage", "x.mlmodel"), ("mlpackage", ".mlpackage", "x"), ("npz", ".npz", "x.zip"), ("c", ".c", "x.h"),
                             ("onnx", ".onnx", ".onnx"), ("coreml", ".mlmodel", "x.mlmodel.bak")):
        refused(f"-o {path}|--to {to} writes has to end in {suffix}", "export", "default.safetensors", "--to", to, "-o", path)
    check(not glob.glob("x*"), "a refused name was written to", glob.glob("x*"))
    os.mkdir("others.mlpackage")
    open("others.mlpackage/diary", "w").close()
    refused("others.mlpackage: is a folder that holds other things", "export", "default.safetensors", "--to", "mlpackage", "-o", "others.mlpackage")
    open("taken.mlpackage", "w").close()
    refused("taken.mlpackage: is not a folder", "export", "default.safetensors", "--to", "mlpackage", "-o", "taken.mlpackage")
    refused("missing/x.mlpackage|does not exist", "export", "default.safetensors", "--to", "mlpackage", "-o", "missing/x.mlpackage")
    refused("precision", "export", "default.safetensors", "--to", "npz", "--precision", "int8", "-o", "x.npz")
    refused("--to coreml has no --precision fp16-compute", "export", "default.safetensors", "--to", "coreml", "--precision", "fp16-compute", "-o", "x.mlmodel")
    refused("default.raw.onnx", "verify", "default.safetensors", "default.raw.onnx", "--images", "p/test")
    refused("none.onnx", "verify", "default.safetensors", "none.onnx", "--images", "p/test")
    refused("default.safetensors", "verify", "default.safetensors", "default.safetensors", "--images", "p/test")
    refused("--images", "verify", "default.safetensors", "default.onnx")
    check(not glob.glob("x.onnx*"), "a refused export left a file")


def contents(folder):
    return {path: open(path, "rb").read() for path in glob.glob(f"{folder}/**", recursive=True) if os.path.isfile(path)}


def full_disk():
    """What an export of several files cannot finish leaves the old ones, all of them, and no new one."""
    os.mkdir("disk")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=30m", "tmpfs", "disk"], stderr=subprocess.DEVNULL).returncode:
        return print("not tested: a full disk, for want of the right to mount one")
    try:
        for to, path, *more in (("c", "disk/g.c", "--separate"), ("mlpackage", "disk/g.mlpackage"), ("onnx", "disk/g.onnx")):
            done("export", "default.safetensors", "--to", to, *more, "-o", path)
        old = contents("disk")
        with open("disk/fill", "wb", buffering=0) as fill:
            while True:
                try:
                    fill.write(bytes(4096))
                except OSError:
                    break
        for to, path, *more in (("c", "disk/g.c", "--separate"), ("mlpackage", "disk/g.mlpackage"), ("mlpackage", "disk/new.mlpackage"),
                                ("onnx", "disk/g.onnx")):
            refused("the disk is full; nothing was changed", "export", "scorers.safetensors", "--to", to, *more, "-o", path)
        os.remove("disk/fill")
        check(contents("disk") == old, "a full disk cost an old file")
        check(not os.path.exists("disk/new.mlpackage"), "half a package is left")
    finally:
        subprocess.run(["umount", "disk"])


def real_gate(name="real", *more):
    """A gate on the features of a pretrained backbone; gives the folder of photographs, or None."""
    data = os.environ.get("WINNOW_DATA", os.path.join(root, "..", "shared", "data", "dev"))
    weights = os.path.join(data, "..", "..", "weights", "mobilenet_v2_imagenet.safetensors")
    if not os.path.isdir(data) or not os.path.exists(weights):
        print("not tested: photographs, as there are none (WINNOW_DATA); drawn pictures alone")
        return None
    done("train", "--backbone", weights, "--normal", f"{data}/normal/uci_rice_leaf_diseases", "--abnormal", f"{data}/near/flowers17", "--abnormal",
         f"{data}/far/coco128_train2017", "--log", "none", "--report", "none", "--checkpoint", "none", *more, "-o", f"{name}.safetensors")
    return data


ROUND_TRIP = """
import subprocess, sys
import numpy
from PIL import Image
program, side, gate, backbone, *paths = sys.argv[1:]
asked = b""
for path in paths:
    picture = numpy.asarray(Image.open(path).convert("RGB"))
    asked += numpy.array(picture.shape[1::-1], numpy.int32).tobytes() + picture.tobytes()
answers = [subprocess.run([program, *what], input=asked, stdout=subprocess.PIPE, check=True).stdout for what in ([gate], [backbone, side])]
ours, theirs = (numpy.frombuffer(answer, numpy.uint8).reshape(len(paths), -1) for answer in answers)
pixels = 3 * int(side) ** 2
assert (ours[:, :pixels] == theirs[:, :pixels]).all(), "the networks are given other pixels"
worst = 0
for begin, end in ((0, 1280), (1280, 1600)):
    a, b = (x[:, pixels:].copy().view(numpy.float32)[:, begin:end].astype(float) for x in (ours, theirs))
    assert a.shape == (len(paths), end - begin)
    a, b = (x / numpy.linalg.norm(x, axis=1, keepdims=True) for x in (a, b))
    assert numpy.abs(a[0] - a[-1]).max() > 1e-2, "all photos look alike"
    worst = max(worst, numpy.abs(a - b).max())
print(worst)
"""


def comes_back(name, gate, side, photos):
    """`name` is imported, and its features are the gate's."""
    answer = json.loads(done("import", name, "-o", "back.safetensors", "--json"))
    check(answer["network"] == "mobilenet_v2" and answer["width"] == 1, name, answer)
    result = subprocess.run([python, "-c", ROUND_TRIP, look, side, gate, "back.safetensors", *photos], stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True)
    check(result.returncode == 0, name, result.stdout)
    print(f"{name}, imported again, {len(photos)} photographs: {float(result.stdout):.1e}")
    check(float(result.stdout) <= 1e-5, name, result.stdout)


def round_trip():
    """What export writes to ONNX, import reads back: the same features of the same photographs."""
    data = real_gate("pooled", "--scorer", "knn:pooled")
    if not data:
        return
    photos = sorted(glob.glob(f"{data}/**/*.jpg", recursive=True))[::100]
    side = json.loads(done("info", "pooled.safetensors", "--json"))["metadata"]["winnow.input"]
    for name, *more in (("pooled.onnx",), ("exact.onnx", "--exact-size"), ("raw.onnx", "--raw")):
        done("export", "pooled.safetensors", "--to", "onnx", *more, "-o", name)
        comes_back(name, "pooled.safetensors", side, photos)
    done("train", "--backbone", "pooled.safetensors", "--normal", f"{data}/normal/uci_rice_leaf_diseases", "--scorer", "knn:bottleneck", "--log", "none",
         "--report", "none", "--checkpoint", "none", "-o", "early.safetensors")
    done("export", "early.safetensors", "--to", "onnx", "--score-only", "-o", "score.onnx")
    refused("the graph has 51 convolutions|--score-only|take the gate itself", "import", "score.onnx", "-o", "x.safetensors")
    done("export", "early.safetensors", "--to", "onnx", "-o", "early.onnx")
    check(os.path.getsize("early.onnx") - os.path.getsize("score.onnx") > 1600000, "the last layer is left out")
    same("early.safetensors", "early.onnx", f"{data}/near/flowers17", 10)
    comes_back("early.onnx", "early.safetensors", side, photos)


def real_photos():
    data = real_gate()
    if not data:
        sys.exit(77)
    done("export", "real.safetensors", "--to", "onnx", "-o", "real.onnx")
    for name, *more in (("exact", "--exact-size"), ("raw", "--raw")):
        done("export", "real.safetensors", "--to", "onnx", *more, "-o", f"real.{name}.onnx")
    result = subprocess.run([python, onnx_check, "real", look], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    check(result.returncode == 0, "real", result.stdout)
    answer = json.loads(done("verify", "real.safetensors", "real.onnx", "--images", data, "--count", "200", "--json"))
    print("onnx, 200 photographs:", answer["similarity"])
    check(answer["photos"] == 200 and answer["similarity"] <= 1e-4 and not answer["clear_verdicts"], answer)
    done("export", "real.safetensors", "--to", "onnx", "--precision", "int8", "-o", "small.onnx")
    answer = json.loads(done("verify", "real.safetensors", "small.onnx", "--images", data, "--count", "200", "--json", "--tolerance", "0.5"))
    print("onnx, int8 weights:", answer["similarity"])
    done("quantize", "real.safetensors", "--calibrate", f"{data}/normal/uci_rice_leaf_diseases", "--abnormal", f"{data}/near/flowers17", "-o",
         "real8.safetensors")
    done("export", "real8.safetensors", "--to", "onnx", "-o", "real8.onnx")
    answer = json.loads(run("verify", "real8.safetensors", "real8.onnx", "--images", data, "--count", "200", "--json", "--tolerance", "1").stdout)
    print("onnx, int8, 200 photographs:", answer)
    check(answer["photos"] == 200 and answer["equal"] and not answer["clear_verdicts"], answer)
    done("export", "real.safetensors", "--to", "c", "--separate", "-o", "real.c")
    answer = json.loads(done("verify", "real.safetensors", "real.c", "--images", data, "--count", "50", "--json"))
    print("c, 50 photographs:", answer["similarity"])
    done("export", "real.safetensors", "--to", "c", "--precision", "int8", "--separate", "-o", "small.c")
    answer = json.loads(done("verify", "real.safetensors", "small.c", "--images", data, "--count", "50", "--json", "--tolerance", "0.5"))
    print("c, int8:", answer["similarity"])
    done("train", "--classes", "--backbone", os.path.join(data, "..", "..", "weights", "mobilenet_v2_imagenet.safetensors"), "--normal", f"{data}/normal/sethy_field_patches", "--abnormal",
         f"{data}/near/flowers17", "--log", "none", "--report", "none", "--checkpoint", "none", "-o", "diagnosis.safetensors")
    done("export", "diagnosis.safetensors", "--to", "onnx", "--with-classes", "-o", "diagnosis.onnx")
    answer = json.loads(done("verify", "diagnosis.safetensors", "diagnosis.onnx", "--images", data, "--count", "50", "--json"))
    print("onnx with classes, 50 photographs:", answer["similarity"], answer["class_probability"])
    check(answer["photos"] == 50 and answer["class_probability"] > 0 and answer["classes"] == 0, answer)


os.chdir(work)
try:
    if sys.argv[5:] == ["photos"]:
        steps = [real_photos] if have("onnx") else sys.exit(77)
    elif sys.argv[5:] == ["aarch64"]:
        steps = [train, c_aarch64]
    elif sys.argv[5:] == ["coreml"]:
        steps = [train, real_gate, coreml, real_coreml] if have("coreml") else sys.exit(77)
    else:
        steps = [train, c, nan, vectors, hostile] + ([onnx, onnx_int8, npz, refusals, full_disk, round_trip] if have("onnx") else [])
        steps += [coreml_default] if have("coreml") else []
    for step in steps:
        step()
    print(f"{checks} checks")
finally:
    os.chdir("/")
    shutil.rmtree(work)
