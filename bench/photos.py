#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Judging a folder of camera photos: winnow, beside decoding alone, beside Python with OpenCV and ONNX Runtime.

    photos.py [--cold] BUILD GATE MODEL.onnx FOLDER [THREADS [ROUNDS]]

MODEL.onnx is `winnow export GATE --to onnx --raw` (or any float NCHW model of the same network). Needs numpy,
opencv-python-headless and onnxruntime. The Python side does what such a script does at its best: a thread for each core
(OpenCV lets go of the interpreter's lock), JPEGs decoded at an eighth (IMREAD_REDUCED_COLOR_8) and, apart, whole, as
the plain cv2.imread does; area resize, one session, one thread an inference. Each round runs each once, in its own
process; the medians count. With --cold the system forgets the photos before each run, which then reads them from disk.
Prints a Markdown table.
"""
import json
import os
import statistics
import subprocess
import sys
import time


def photos_of(folder):
    return sorted(os.path.join(root, name) for root, _, names in os.walk(folder) for name in names)


def python_side(model, folder, threads, reduced):
    from concurrent.futures import ThreadPoolExecutor

    import cv2
    import numpy as np
    import onnxruntime

    cv2.setNumThreads(1)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    name, shape = session.get_inputs()[0].name, session.get_inputs()[0].shape
    side = [n for n in shape if isinstance(n, int) and n > 3][0]
    mean, std = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])

    def judge(path):
        picture = cv2.imread(path, cv2.IMREAD_REDUCED_COLOR_8 if reduced else cv2.IMREAD_COLOR)
        picture = cv2.cvtColor(cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2RGB)
        x = ((picture.astype(np.float32) / 255 - mean) / std).transpose(2, 0, 1)[None]
        return session.run(None, {name: np.ascontiguousarray(x)})[0]

    photos = photos_of(folder)
    start = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(judge, photos))
    print(len(photos) / (time.perf_counter() - start))


def output(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode not in (0, 1):
        sys.exit(f"photos.py: {command[0]} ended with status {done.returncode}")
    return done.stdout


def timed(count, *command):
    start = time.perf_counter()
    output(*command)
    return count / (time.perf_counter() - start)


def forget(photos):
    for path in photos:
        file = os.open(path, os.O_RDONLY)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(file)


def main(cold, build, gate, model, folder, threads=2, rounds=3):
    photos = photos_of(folder)
    side = json.loads(output(f"{build}/winnow", "info", "--json", gate))["metadata"]["winnow.input"]
    peer = [sys.executable, __file__, "--python", model, folder, str(threads)]
    runs = {
        "libjpeg-turbo alone, reduced": lambda: float(output(f"{build}/bench/bench_decode", str(threads), side, *photos)),
        "winnow check": lambda: timed(len(photos), f"{build}/winnow", "check", "--threads", str(threads), gate, folder),
        "OpenCV + ONNX Runtime, reduced": lambda: float(output(*peer, "reduced")),
        "OpenCV + ONNX Runtime, whole": lambda: float(output(*peer, "whole")),
    }
    speed = {name: [] for name in runs}
    for _ in range(int(rounds)):
        for name, run in runs.items():
            if cold:
                forget(photos)
            speed[name].append(run())
    ours = statistics.median(speed["winnow check"])
    where = "from disk" if cold else "in the system's cache"
    print(f"{len(photos)} photos {where}, {threads} threads, {rounds} rounds\n\n| | photos/s | winnow is |\n|---|---|---|")
    for name, values in speed.items():
        middle = statistics.median(values)
        print(f"| {name} | {middle:.1f} ({', '.join(f'{v:.1f}' for v in values)}) | {ours / middle:.2f} x |")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--python"]:
        python_side(*sys.argv[2:4], int(sys.argv[4]), sys.argv[5] == "reduced")
    else:
        cold = sys.argv[1:2] == ["--cold"]
        arguments = sys.argv[2:] if cold else sys.argv[1:]
        if len(arguments) not in (4, 5, 6):
            sys.exit(__doc__)
        main(cold, *arguments)
