#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: test_python.py WINNOW BUILD VENV

The Python package: wheels with and without a library, and python/tests with what pip installs from them. pip brings what they need into the
folder VENV; where it cannot, nothing is tested, and that is said."""
import glob, os, shutil, subprocess, sys, tempfile, zipfile

winnow, build, venv = (os.path.abspath(path) for path in sys.argv[1:4])
root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
library = next(iter(glob.glob(f"{build}/src/runtime/libwinnow.so") + glob.glob(f"{build}/src/runtime/libwinnow.dylib")), "")
python = os.path.join(venv, "bin", "python3")
NEEDED = ["setuptools>=70.1", "wheel", "cffi", "numpy", "pillow", "pytest", "mypy"]
if os.environ.get("ASAN_OPTIONS") or os.environ.get("TSAN_OPTIONS"):
    print("skipped: an interpreter without sanitizers cannot load a library with them")
    sys.exit(77)


def run(*command, **more):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)


def check(condition, *what):
    if not condition:
        raise SystemExit("FAILED: " + " ".join(map(str, what)))


def wheel(folder, where):
    """Builds the wheel with WINNOW_LIBRARY=where; gives its path."""
    result = run(python, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", folder, os.path.join(root, "python"),
                 env={**os.environ, "WINNOW_LIBRARY": where})
    check(result.returncode == 0, result.stdout)
    found = glob.glob(f"{folder}/*.whl")
    check(len(found) == 1, found)
    return found[0]


def install(path):
    result = run(python, "-m", "pip", "install", "--quiet", "--force-reinstall", "--no-deps", path)
    check(result.returncode == 0, result.stdout)


def files(path):
    return run(python, "-m", "zipfile", "-l", path).stdout


if not os.path.exists(os.path.join(venv, "complete-python-package")):
    for command in ([sys.executable, "-m", "venv", venv], [python, "-m", "pip", "install", "--quiet", *NEEDED]):
        result = run(*command)
        if result.returncode:
            print("skipped: pip cannot bring", *NEEDED, result.stdout)
            sys.exit(77)
    open(os.path.join(venv, "complete-python-package"), "w").close()

work = tempfile.mkdtemp(prefix="winnow-python-")
os.environ.pop("WINNOW_LIBRARY", None)
os.chdir(work)
try:
    thin = wheel("thin", "system")
    check(thin.endswith("-py3-none-any.whl") and "libwinnow" not in files(thin), thin, files(thin))
    install(thin)
    command = [python, "-c", "import winnow; print(winnow.library_path)"]
    result = run(*command, env={**os.environ, "WINNOW_LIBRARY": library})
    check(result.stdout.strip() == library, result.stdout)
    result = run(*command, env={**os.environ, "WINNOW_LIBRARY": "/dev/null"})
    check(result.returncode and "ImportError: /dev/null is not libwinnow" in result.stdout, result.stdout)

    with zipfile.ZipFile(thin) as wheel_file:
        licence = [name for name in wheel_file.namelist() if name.endswith("LICENSE")]
        check(len(licence) == 1 and wheel_file.read(licence[0]) == open(os.path.join(root, "LICENSE"), "rb").read(), "the wheel's licence", licence)

    whole = wheel("whole", library)
    check("-py3-none-any" not in whole and "winnow/libwinnow." in files(whole), whole, files(whole))
    install(whole)
    result = run(*command)
    check(result.stdout.startswith(venv), "the package's own library is not what it loads:", result.stdout)
    result = run(python, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", os.path.join(root, "python"),
                 env={**os.environ, "WINNOW_LIBRARY": "missing.so"})
    check(result.returncode and "missing.so is not there: run `make build`" in result.stdout, result.stdout)

    result = subprocess.run([python, "-m", "pytest", "-q", "-p", "no:cacheprovider", os.path.join(root, "python", "tests")],
                            env={**os.environ, "WINNOW_PROGRAM": winnow, "PYTHONDONTWRITEBYTECODE": "1"})
    check(result.returncode == 0, "python/tests")
    result = run(python, "-m", "mypy", "--strict", "--ignore-missing-imports", "--cache-dir", "mypy", os.path.join(root, "python", "src", "winnow"))
    check(result.returncode == 0, result.stdout)
    left = run("git", "-C", root, "status", "--porcelain", "--ignored", "python").stdout
    check("egg-info" not in left and "python/build" not in left, "the source tree is not as it was:", left)
finally:
    os.chdir("/")
    shutil.rmtree(work)
