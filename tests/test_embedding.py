#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: test_embedding.py WINNOW BUILD TOOLS VENV

The code of docs/embedding.md, cut out of that very file, compiled, and run on a picture: it must say what `winnow check` says. Kotlin runs
where there is a JVM, npm and the network (the compiler is put into the folder TOOLS); the grammar of Kotlin and Swift is checked by
tree-sitter, which pip puts into the folder VENV. What is not there is not tested, and said."""
import glob, os, re, shutil, subprocess, sys, tempfile

import drawn

winnow, build, tools, venv = (os.path.abspath(path) for path in sys.argv[1:5])
root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
python = os.path.join(venv, "bin", "python3")
runtime = os.path.join(build, "src", "runtime")
cc, cxx = os.environ.get("CC", "cc"), os.environ.get("CXX", "c++")
if os.environ.get("ASAN_OPTIONS") or os.environ.get("TSAN_OPTIONS"):
    print("skipped: plain programs cannot load a library with sanitizers")
    sys.exit(77)


def check(condition, *what):
    if not condition:
        raise SystemExit("FAILED: " + " ".join(map(str, what)))


def run(*command, **more):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


def done(*command, **more):
    result = run(*command, **more)
    check(result.returncode == 0, command, result.returncode, result.stdout, result.stderr)
    return result.stdout


def write(path, *texts):
    with open(path, "w") as file:
        file.write("\n".join(texts))


SNIPPETS = dict(re.findall(r"^```([a-z]+(?: jni)?)\n(.*?)^```$", open(os.path.join(root, "docs", "embedding.md")).read(), re.S | re.M))

READ_PPM = """
#include <stdlib.h>
static unsigned char *read_ppm(const char *path, int *width, int *height)
{
    FILE *file = fopen(path, "rb");
    if (!file || fscanf(file, "P6 %d %d 255", width, height) != 2 || fgetc(file) == EOF)
        exit(9);
    const size_t size = (size_t)*width * *height * 3;
    unsigned char *rgb = (unsigned char *)malloc(size);
    if (!rgb || fread(rgb, 1, size, file) != size)
        exit(9);
    fclose(file);
    return rgb;
}
"""
C_MAIN = READ_PPM + """
int main(int argc, char **argv)
{
    int width, height;
    unsigned char *rgb = argc == 3 ? read_ppm(argv[2], &width, &height) : NULL;
    const int failed = judge(argv[1], rgb, width, height);
    free(rgb);
    return failed;
}
"""
CPP_MAIN = "#include <cstdio>" + READ_PPM + """
int main(int argc, char **argv)
{
    int width, height;
    unsigned char *rgb = read_ppm(argv[2], &width, &height);
    try {
        Gate gate(argv[1]);
        winnow_image image{};
        image.plane[0] = rgb;
        image.stride[0] = 3 * width;
        image.width = width;
        image.height = height;
        const winnow_result result = gate(image);
        std::printf("%s %.9g %.9g\\n", winnow_verdict_name(result.verdict), result.p_value, result.similarity);
    } catch (const std::exception &error) {
        std::fprintf(stderr, "%s\\n", error.what());
    }
    free(rgb);
    return argc != 3;
}
"""
PYTHON_BEFORE = "import sys\npath, picture = sys.argv[1:]\ndiagnose = lambda picture: print('diagnosed', file=sys.stderr)"
NODE_MAIN = """
import { readFile } from 'node:fs/promises';
const [gate, path] = process.argv.slice(2);
const bytes = await readFile(path);
const header = /^P6\\s+(\\d+)\\s+(\\d+)\\s+255\\s/.exec(bytes.subarray(0, 40).toString('latin1'));
const picture = { data: new Uint8Array(bytes.subarray(header[0].length)), width: +header[1], height: +header[2], format: 'RGB' };
try {
  const { verdict, pValue, similarity } = await judge(await readFile(gate), picture, () => console.error('diagnosed'));
  console.log(verdict, pValue, similarity);
} catch (error) {
  console.error(error.message);
}
"""
KOTLIN_MAIN = """
package org.example.gate

import java.io.File

fun main(arguments: Array<String>) {
    val bytes = File(arguments[1]).readBytes()
    val header = Regex("P6\\\\s(\\\\d+)\\\\s(\\\\d+)\\\\s255\\\\s").find(String(bytes, 0, 40, Charsets.ISO_8859_1))!!
    val (width, height) = header.destructured.toList().map { it.toInt() }
    val turned = arguments.size > 2 // stored turned a quarter to the left: 90 degrees to the right make it upright
    val rgba = java.nio.ByteBuffer.allocateDirect(4 * width * height)
    for (y in 0 until height) for (x in 0 until width) {
        val at = header.value.length + 3 * (y * width + x)
        val to = 4 * if (turned) (width - 1 - x) * height + y else y * width + x
        for (c in 0..2) rgba.put(to + c, bytes[at + c])
        rgba.put(to + 3, -1)
    }
    try {
        Gate(File(arguments[0]).readBytes()).use {
            val result = if (turned) it.score(rgba, 4 * height, height, width, 90) else it.score(rgba, 4 * width, width, height)
            println("${result.verdict.name.lowercase()} ${result.pValue} ${result.similarity}")
            try { it.score(rgba, 4 * width, width, height + 1) } catch (e: IllegalStateException) { System.err.println(e.message) }
        }
    } catch (error: IllegalStateException) {
        System.err.println(error.message)
    }
}
"""
GRAMMAR = """
import sys
from tree_sitter import Language, Parser
import tree_sitter_kotlin, tree_sitter_swift
for language, path in zip((tree_sitter_kotlin, tree_sitter_swift, tree_sitter_swift), sys.argv[1:]):
    print(Parser(Language(language.language())).parse(open(path, "rb").read()).root_node.has_error)
"""


def same(name, command, **more):
    """Runs a program on a right and a wrong picture, then on something that is no gate."""
    for picture in ("right", "wrong"):
        expected = EXPECTED[picture]
        result = run(*command, "gate.safetensors", f"{picture}.ppm", **more)
        check(result.returncode == 0 and len(result.stdout.split()) == 3, name, result.returncode, result.stdout, result.stderr)
        verdict, p_value, similarity = result.stdout.split()
        check(verdict == expected["verdict"], name, result.stdout, expected)
        for number, key in ((p_value, "p_value"), (similarity, "similarity")):
            check(abs(float(number) - expected[key]) <= 1e-5 * max(1, abs(expected[key])), name, number, expected)
        if name in ("Python", "JavaScript"):
            check(("diagnosed" in result.stderr) == (verdict == "normal"), name, result.stderr)
    refused = run(*command, "right.ppm", "right.ppm", **more)
    check(not refused.stdout and refused.stderr.count("\n") >= 1, name, refused.stdout, refused.stderr)
    print(refused.stderr.splitlines()[-1])
    print("ran", name)


def c_and_cpp():
    flags = ["-Wall", "-Wextra", "-Werror", f"-I{root}/include"]
    library = [f"-L{runtime}", f"-Wl,-rpath,{runtime}", "-lwinnow"]
    write("judge.c", SNIPPETS["c"], C_MAIN)
    done(cc, "-std=c11", *flags, "judge.c", "-o", "judge", *library)
    same("C", ["./judge"])
    if not shutil.which(cxx):
        print("not run: C++, for want of a compiler")
        return
    write("judge.cpp", SNIPPETS["cpp"], CPP_MAIN)
    done(cxx, "-std=c++17", *flags, "judge.cpp", "-o", "judge-cpp", *library)
    same("C++", ["./judge-cpp"])


def javascript():
    if not all(map(shutil.which, ("clang", "wasm-ld", "node"))):
        print("not run: JavaScript, for want of clang, wasm-ld or node")
        return
    done(os.path.join(root, "tools", "wasm.sh"))
    os.makedirs("node_modules")
    os.symlink(os.path.join(root, "web", "gate"), "node_modules/winnow-gate")
    write("judge.mjs", SNIPPETS["javascript"], NODE_MAIN)
    same("JavaScript", ["node", "judge.mjs"])


def pip(*packages):
    marker = os.path.join(venv, "complete-" + packages[0])
    if not os.path.exists(marker):
        for command in ([sys.executable, "-m", "venv", venv], [python, "-m", "pip", "install", "--quiet", *packages]):
            result = run(*command)
            if result.returncode:
                print("not tested: pip cannot bring", *packages, result.stderr)
                return False
        open(marker, "w").close()
    return True


def python_snippet():
    if not pip("setuptools>=70.1", "wheel", "cffi", "numpy", "pillow"):
        return
    library = glob.glob(f"{runtime}/libwinnow.so") + glob.glob(f"{runtime}/libwinnow.dylib")
    done(python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target", "site", os.path.join(root, "python"),
         env={**os.environ, "WINNOW_LIBRARY": library[0]})
    write("judge.py", PYTHON_BEFORE, SNIPPETS["python"])
    same("Python", [python, "judge.py"], env={**os.environ, "PYTHONPATH": os.path.abspath("site")})


def kotlin():
    java = shutil.which("javac") and os.path.dirname(os.path.dirname(os.path.realpath(shutil.which("javac"))))
    if not java or not os.path.exists(os.path.join(java, "include", "jni.h")):
        print("not run: Kotlin, for want of a JDK")
        return
    flags = ["-Wall", "-Wextra", "-Werror", f"-I{root}/include", f"-I{java}/include", f"-I{java}/include/{sys.platform}"]
    write("gate.c", SNIPPETS["c jni"])
    done(cc, "-std=c11", *flags, "-fPIC", "-shared", "gate.c", "-o", "libgate.so", f"-L{runtime}", f"-Wl,-rpath,{runtime}", "-lwinnow")
    home = os.path.join(tools, "node_modules", "kotlin-compiler")
    if not os.path.exists(home):
        os.makedirs(tools, exist_ok=True)
        write(os.path.join(tools, "package.json"), '{"private": true}')
        if not shutil.which("npm") or run("npm", "install", "--silent", "kotlin-compiler@2", cwd=tools).returncode:
            print("compiled, not run: Kotlin's C; npm cannot bring kotlin-compiler")
            return
    write("main.kt", KOTLIN_MAIN)
    done("bash", os.path.join(home, "bin", "kotlinc"), "gate.kt", "main.kt", "-Werror", "-include-runtime", "-d", "gate.jar")
    command = ["java", f"-Djava.library.path={os.getcwd()}", "-Xcheck:jni", "-jar", "gate.jar"]
    same("Kotlin", command)
    upright, turned = (done(*command, "gate.safetensors", "right.ppm", *more) for more in ([], ["turned"]))
    check(upright == turned, "Kotlin, turned:", upright, turned)
    check("too small" in run(*command, "gate.safetensors", "right.ppm").stderr, "a buffer that is too small is read")


def grammar():
    if pip("tree-sitter", "tree-sitter-kotlin", "tree-sitter-swift"):
        write("broken.swift", SNIPPETS["swift"].replace("{", "(", 1))
        answer = done(python, "-c", GRAMMAR, "gate.kt", "judge.swift", "broken.swift")
        check(answer.split() == ["False", "False", "True"], "Kotlin, Swift or what is broken:", answer)
        print("read Kotlin and Swift")


work = tempfile.mkdtemp(prefix="winnow-embedding-")
os.chdir(work)
try:
    check(set(SNIPPETS) == {"c", "cpp", "python", "javascript", "kotlin", "c jni", "swift"}, SNIPPETS.keys())
    write("gate.kt", SNIPPETS["kotlin"])
    write("judge.swift", SNIPPETS["swift"])
    environment = {**os.environ, "WINNOW_HOME": work}
    EXPECTED = {}
    for answer in drawn.gate(winnow, "gate.safetensors"):
        name = {"normal": "right", "abnormal": "wrong"}.get(answer["verdict"])
        if name and name not in EXPECTED:
            EXPECTED[name] = answer
            shutil.copyfile(answer["path"] + ".ppm", f"{name}.ppm")
    for step in (c_and_cpp, python_snippet, javascript, kotlin, grammar):
        step()
finally:
    os.chdir("/")
    shutil.rmtree(work)
