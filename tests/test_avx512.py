#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: test_avx512.py WINNOW TEST_KERNELS TEST_TRAIN_KERNELS VENV

AVX-512, VNNI and BF16 on a machine that has none: the tests of the kernels, of training's too, and whole gates of float32, bytes and bf16, on an emulated Sapphire Rapids
(tests/emulated). pip brings the emulator of a processor into the folder VENV; where it cannot, nothing is tested, and that is said."""
import glob, json, os, shutil, subprocess, sys, tempfile

import drawn

winnow, kernels, train_kernels, venv = (os.path.abspath(path) for path in sys.argv[1:5])
here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "emulated")
python = os.path.join(venv, "bin", "python3")
NEAR = {"float32": 1e-4, "int8": 1e-4, "bf16": 0.01}  # of native scores; bf16 weights meet wide numbers there, and bf16 ones here
if os.environ.get("ASAN_OPTIONS") or os.environ.get("TSAN_OPTIONS"):
    print("skipped: the emulator knows too few system calls for the sanitizers")
    sys.exit(77)


def run(*command, **more):
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, **more)


def check(condition, *what):
    if not condition:
        raise SystemExit("FAILED: " + " ".join(map(str, what)))


def emulated(*command):
    return run(python, os.path.join(here, "emulate.py"), "MALLOC_MMAP_MAX_=0", *command,
               env={**os.environ, "LD_PRELOAD": f"{work}/processor.so", "EMULATOR": emulator})


def scores(text):
    return [json.loads(line)["similarity"] for line in text.splitlines()]


for command in ([sys.executable, "-m", "venv", venv], [python, "-m", "pip", "install", "--quiet", "bochscpu-python==0.4.0"]):
    result = run(*command, stderr=subprocess.STDOUT)
    if result.returncode:
        print("skipped: pip cannot bring bochscpu-python", result.stdout)
        sys.exit(77)
emulator = glob.glob(f"{venv}/lib/python*/site-packages/bochscpu/_bochscpu*.so")[0]

work = tempfile.mkdtemp(prefix="winnow-avx512-")
os.chdir(work)
try:
    check(run("cc", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", os.path.join(here, "processor.c"), "-o", "processor.so", "-ldl").returncode == 0,
          "processor.c")
    drawn.gate(winnow, "float32.safetensors")
    for name, to in (("int8", []), ("bf16", ["--to", "bf16"])):
        made = run(winnow, "quantize", "float32.safetensors", "--calibrate", "normal", "--abnormal", "other", "--max-drop", "0.3", *to, "-o",
                   f"{name}.safetensors")
        check(made.returncode == 0, "quantize", name, made.stdout)
    photos = sorted(glob.glob("normal/*.png"))[:2] + sorted(glob.glob("other/*.png"))[:2]
    for name, near in NEAR.items():
        command = (winnow, "check", "--threads", "1", "--json", f"{name}.safetensors", *photos)
        native, other = scores(run(*command).stdout), scores(emulated(*command).stdout)
        check(len(other) == len(photos), name, other)
        apart = max(abs(a - b) for a, b in zip(native, other))
        check(apart <= near, name, native, other)
        print(f"{name}: within {apart:.2g} of this machine's scores")
    for program, tests in ((kernels, 3), (train_kernels, 9)):
        result = emulated(program, "avx512*")
        print(result.stdout)
        ran = result.stdout.count("[       OK ] avx512")
        check(result.returncode == 0 and ran == tests and "SKIPPED" not in result.stdout, f"{os.path.basename(program)}: {ran} of {tests}")
finally:
    shutil.rmtree(work)
