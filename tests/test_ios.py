#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: test_ios.py WINNOW VENV [apple]

The Swift package and the iOS app as far as they can be looked at without a Mac: the C target is compiled as Package.swift says, and linked,
for this machine and for ARM, where an emulator runs it too; the module map is read by Clang; tree-sitter (pip puts it into the folder VENV) finds no error in any Swift
file; every word that the app says is there in both languages. With `swift` in the path the package is built and its tests run. With
`apple` the C target is compiled for iPhones against Apple's own headers, which come with pip's ziglang, and linked for macOS."""
import glob, json, os, plistlib, re, shutil, subprocess, sys, tempfile

import drawn

winnow, venv = (os.path.abspath(path) for path in sys.argv[1:3])
root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
python = os.path.join(venv, "bin", "python3")
header = os.path.join(root, "include", "winnow.h")
WARNINGS = ["-Wall", "-Wextra", "-Werror", "-Wno-psabi", "-Wno-missing-field-initializers"]


def check(condition, *what):
    if not condition:
        raise SystemExit("FAILED: " + " ".join(map(str, what)))


def run(*command, **more):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)


def done(*command, **more):
    result = run(*command, **more)
    check(result.returncode == 0, command, result.returncode, result.stdout)
    return result.stdout


def pip(*packages):
    marker = os.path.join(venv, "complete-" + packages[0])
    if not os.path.exists(marker):
        for command in ([sys.executable, "-m", "venv", venv], [python, "-m", "pip", "install", "--quiet", *packages]):
            result = run(*command)
            if result.returncode:
                print("not tested: pip cannot bring", *packages, result.stdout)
                return False
        open(marker, "w").close()
    return True


def c_target():
    """(flags, files) of the C target in Package.swift."""
    manifest = open(os.path.join(root, "Package.swift")).read()
    target = manifest[manifest.index('name: "CWinnow"'):manifest.index('name: "Winnow", dependencies')]
    base = os.path.join(root, re.search(r'path: "(.*)"', target).group(1))
    excluded = {os.path.join(base, name) for name in re.findall(r'"(.*?)"', re.search(r"exclude: \[(.*?)\]", target, re.S).group(1))}
    for path in excluded:
        check(os.path.exists(path), "Package.swift excludes what is not there:", path)
    check(os.path.exists(os.path.join(base, re.search(r'publicHeadersPath: "(.*)"', target).group(1), "module.modulemap")))
    flags = ["-I" + os.path.normpath(os.path.join(base, path)) for path in re.findall(r'headerSearchPath\("(.*)"\)', target)]
    flags += ["-D" + name for name in re.findall(r'define\("(.*)"\)', target)]
    files = [path for path in sorted(glob.glob(f"{base}/**/*", recursive=True)) if os.path.isfile(path) and path not in excluded]
    for path in files:
        check(path.endswith((".c", ".h", ".modulemap")), "neither C nor excluded in Package.swift:", path)
    return ["-std=gnu11", "-O2", *flags], [path for path in files if path.endswith(".c")]


def public_functions():
    return set(re.findall(r"\b(winnow_\w+)\(", re.sub(r"/\*.*?\*/", "", open(header).read(), flags=re.S)))


def c_links():
    flags, files = c_target()
    for cc in ("cc", "clang", "aarch64-linux-gnu-gcc"):
        if not shutil.which(cc):
            print("not tested with", cc)
            continue
        done(cc, *WARNINGS, *flags, "-fPIC", "-shared", "-Wl,--no-undefined", *files, "-lm", "-o", "lib.so")
        symbols = {line.split()[-1] for line in done("nm", "-D", "--defined-only", "lib.so").splitlines()}
        check(public_functions() <= symbols, cc, "lacks", public_functions() - symbols)
        print("the C target links:", cc)
    judges(flags, files, "cc", [])
    if shutil.which("aarch64-linux-gnu-gcc") and shutil.which("qemu-aarch64"):
        judges(flags, files, "aarch64-linux-gnu-gcc", ["qemu-aarch64"])


def judges(flags, files, cc, emulator):
    """The example program over the C target says what winnow says, to the digits that it prints."""
    done(cc, *flags, "-Wno-psabi", "-static", *files, os.path.join(root, "examples", "judge.c"), "-lm", "-o", "judge")
    for line in open("expected.jsonl"):
        expected = json.loads(line)
        answer = run(*emulator, "./judge", "gate.safetensors", expected["path"] + ".ppm").stdout
        verdict, p = answer.split()[0], float(answer.rstrip(")\n").split()[-1])
        check(verdict == expected["verdict"] and abs(p - expected["p_value"]) <= 1e-4, cc, answer, expected)
    print("the C target judges like winnow:", cc, *emulator)


def module_map():
    if not shutil.which("clang"):
        print("the module map was not read, for want of clang")
        return
    with open("user.m", "w") as file:
        file.write("@import CWinnow;\nint main(void)\n{\n    winnow_image image = {.yuv = WINNOW_YUV_709_FULL};\n    return winnow_version() == 0 || image.width;\n}\n")
    command = ["clang", "-fsyntax-only", "-fmodules", "-fmodules-cache-path=modules", "-Wall", "-Werror"]
    done(*command, f"-fmodule-map-file={root}/src/runtime/module/module.modulemap", "user.m")
    check(run(*command, "user.m").returncode, "the module is there without its map")


GRAMMAR = """
import sys
from tree_sitter import Language, Parser
import tree_sitter_swift
parser = Parser(Language(tree_sitter_swift.language()))
def bad(node):
    return [node] if node.type == "ERROR" or node.is_missing else [b for child in node.children if child.has_error or child.is_missing for b in bad(child)]
def faults(path, text):
    rows = [node.start_point[0] for node in bad(parser.parse(text).root_node)]
    return [f"{path}:{row + 1}: {b''.join(text.splitlines()[row:row + 1]).decode()}" for row in rows]
assert faults("broken", b"struct A {\\n    func b( {\\n}\\n")
for path in sys.argv[1:]:
    print("".join(line + "\\n" for line in faults(path, open(path, "rb").read())), end="")
"""


def grammar():
    files = sorted(glob.glob(f"{root}/ios/**/*.swift", recursive=True)) + [os.path.join(root, "Package.swift")]
    check(len(files) > 15, files)
    if pip("tree-sitter", "tree-sitter-kotlin", "tree-sitter-swift"):
        faults = done(python, "-c", GRAMMAR, *files).strip()
        check(not faults, "not Swift:\n" + faults)
        print("read", len(files), "Swift files")
    for path in files:
        check("// SPDX-License-Identifier: Apache-2.0" in open(path).read().splitlines()[:2], path, "has no licence")


def words():
    """The app's words: every key that the code names, in every language, and no other."""
    app = os.path.join(root, "ios", "WinnowCamera")
    code = "".join(open(path).read() for path in glob.glob(f"{app}/**/*.swift", recursive=True))
    used = set(re.findall(r'\bword\(\s*"([a-z][\w.]*)"', code))
    check(len(used) > 20, used)
    form = r'^"([^"]+)" = "((?:[^"\\]|\\.)+)";$'
    tables = {}
    for language in ("en", "ja"):
        for name in ("Localizable", "InfoPlist"):
            text = open(f"{app}/{language}.lproj/{name}.strings", encoding="utf-8").read()
            lines = [line for line in text.splitlines() if line and not line.startswith("/*")]
            check(all(re.match(form, line) for line in lines), language, name, [line for line in lines if not re.match(form, line)])
            table = dict(re.match(form, line).groups() for line in lines)
            check(len(table) == len(lines), language, name, "says something twice")
            tables[language, name] = table
    english, japanese = tables["en", "Localizable"], tables["ja", "Localizable"]
    check(set(english) == set(japanese) == used, set(english) ^ set(japanese), set(english) ^ used)
    for key in english:
        check(sorted(re.findall(r"%\S*[@dflu]", english[key])) == sorted(re.findall(r"%\S*[@dflu]", japanese[key])), key, "takes other values")
    check(set(tables["en", "InfoPlist"]) == set(tables["ja", "InfoPlist"]) >= {"NSCameraUsageDescription"})


def project():
    app = os.path.join(root, "ios", "WinnowCamera")
    description = open(os.path.join(root, "ios", "project.yml")).read()
    check("NSCameraUsageDescription" in description and "path: .." in description)
    imported = set(re.findall(r'importedAs: "(.*?)"', open(os.path.join(app, "ModelStore.swift")).read()))
    declared = set(re.findall(r"UTTypeIdentifier: (\S+)", description))
    check(imported == declared and len(imported) == 3, "types of files:", imported ^ declared)
    with open(os.path.join(app, "PrivacyInfo.xcprivacy"), "rb") as file:
        check(plistlib.load(file)["NSPrivacyTracking"] is False)
    icons = os.path.join(app, "Assets.xcassets", "AppIcon.appiconset")
    for image in json.load(open(os.path.join(icons, "Contents.json")))["images"]:
        data = open(os.path.join(icons, image["filename"]), "rb").read()
        # 1024 x 1024, 8 bits, RGB: Apple takes no icon with alpha
        check(data[:8] == b"\x89PNG\r\n\x1a\n" and data[16:26] == bytes([0, 0, 4, 0, 0, 0, 4, 0, 8, 2]), image)


def fixture():
    """A gate, pictures and what the program says of them, for the tests in Swift."""
    answers = drawn.gate(winnow, "gate.safetensors")
    with open("expected.jsonl", "w") as file:
        file.write("".join(json.dumps(answer) + "\n" for answer in answers[::12]))


def swift():
    if not shutil.which("swift"):
        print("not tested: that the Swift sources compile, for want of a Swift compiler; they were read")
        return
    done("swift", "build", "-c", "release", "--package-path", root, "--scratch-path", "swift-build")
    print(done("swift", "test", "--package-path", root, "--scratch-path", "swift-test", env={**os.environ, "WINNOW_FIXTURE": os.getcwd()}))


def apple():
    """Against Apple's headers (APSL, in ziglang's wheel): as objects for iPhones, and linked for macOS."""
    if not shutil.which("clang") or not pip("ziglang"):
        print("not tested: C for Apple's systems, for want of clang or of ziglang")
        return
    flags, files = c_target()
    zig = os.path.dirname(done(python, "-c", "import ziglang; print(ziglang.__file__)").strip())
    headers = os.path.join(zig, "lib", "libc", "include", "any-darwin-any")
    for path in files:
        done("clang", "--target=arm64-apple-ios15.0", "-nostdlibinc", "-isystem", headers, *WARNINGS, *flags, "-c", path, "-o", "one.o")
        check(open("one.o", "rb").read(4) == b"\xcf\xfa\xed\xfe", path, "did not become Mach-O")
    done(os.path.join(zig, "zig"), "cc", "-target", "aarch64-macos", *WARNINGS, *flags, "-shared", *files, "-o", "lib.dylib",
         env={**os.environ, "ZIG_GLOBAL_CACHE_DIR": os.path.abspath("zig"), "ZIG_LOCAL_CACHE_DIR": os.path.abspath("zig")})
    check(open("lib.dylib", "rb").read(4) == b"\xcf\xfa\xed\xfe")
    print("the C target compiles for arm64-apple-ios15.0 and links for aarch64-macos")


work = tempfile.mkdtemp(prefix="winnow-ios-")
os.chdir(work)
try:
    for step in [apple] if sys.argv[3:] == ["apple"] else [fixture, c_links, module_map, grammar, words, project, swift]:
        step()
finally:
    os.chdir("/")
    shutil.rmtree(work)
