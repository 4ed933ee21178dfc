#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How the cost grows: with the input's side, the network's width, the batch, and the number of photos.

    growth.py BUILD network                   time and working memory of inference
    growth.py BUILD photos FOLDER N...        time and memory of `winnow train --input-size 128` on N photos

FOLDER is what `winnow synth FOLDER` drew; its photos are copied under new names, with a few bytes after their end so that
no two are equal, until there are N of them, half normal. Prints Markdown tables."""
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import time


def plan(build, threads, batch, runs, width, side, precision="fp32"):
    """Median milliseconds, and megabytes that the network works in, of all threads."""
    command = (threads, batch, runs, "mobilenet_v2", width, side, precision)
    line = subprocess.run([f"{build}/bench/bench_plan", *map(str, command)], check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    return float(line[4]), threads * 1024e-6 * int(next(w for w in line if w.startswith("scratch_kb=")).split("=")[1])


def network(build):
    print("Milliseconds of one picture on one thread, and megabytes that the network works in (`winnow bench` has the whole session):\n")
    sides, rows = (96, 128, 160, 192, 224), ((0.35, "fp32"), (0.5, "fp32"), (0.75, "fp32"), (1, "fp32"), (1.4, "fp32"), (1, "int8"))
    print("| width |" + "".join(f" {side}x{side} |" for side in sides) + "\n|---" + "|---" * len(sides) + "|")
    for width, precision in rows:
        cells = [plan(build, 1, 1, 60, width, side, precision) for side in sides]
        print(f"| {width}{', int8' * (precision == 'int8')} |" + "".join(f" {ms:.2f} ms, {mb:.2f} MB |" for ms, mb in cells))
    print("\nWidth 1 at 128x128, two threads:\n\n| batch | ms | pictures/s | MB | int8: ms | pictures/s | MB |\n|---|---|---|---|---|---|---|")
    for batch in (1, 2, 4, 8, 16, 32, 64):
        cells = [plan(build, min(2, batch), batch, max(4, 120 // batch), 1, 128, precision) for precision in ("fp32", "int8")]
        print(f"| {batch} |" + "".join(f" {ms:.1f} | {1000 * batch / ms:.0f} | {mb:.2f} |" for ms, mb in cells))


def spread(folder, to, count):
    for label, below in (("normal", "train/normal"), ("abnormal", "train/other")):
        files = sorted(os.path.join(root, name) for root, _, names in os.walk(os.path.join(folder, below)) for name in names)
        for i, source in zip(range(count // 2), itertools.cycle(files)):
            place = os.path.join(to, label, str(i % 8))
            os.makedirs(place, exist_ok=True)
            target = os.path.join(place, f"{i}.jpg")
            shutil.copyfile(source, target)
            with open(target, "ab") as copy:
                copy.write(i.to_bytes(8, "little"))


def photos(build, folder, counts):
    print("| photos | s | photos/s | memory at the most, MB | gate, MB |\n|---|---|---|---|---|")
    for count in map(int, counts):
        with tempfile.TemporaryDirectory() as work:
            spread(folder, work, count)
            began = time.time()
            process = subprocess.Popen([f"{build}/winnow", "train", "--normal", f"{work}/normal", "--abnormal", f"{work}/abnormal", "--input-size", "128",
                                        "--report", "none", "-o", f"{work}/gate.safetensors"], stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
            if status:
                sys.exit(f"growth.py: training on {count} photos failed")
            seconds, size = time.time() - began, os.path.getsize(f"{work}/gate.safetensors")
            print(f"| {count:,} | {seconds:.1f} | {count / seconds:.0f} | {usage.ru_maxrss / 1000:.0f} | {size / 1e6:.1f} |", flush=True)


if sys.argv[2:3] == ["network"] and len(sys.argv) == 3:
    network(sys.argv[1])
elif sys.argv[2:3] == ["photos"] and len(sys.argv) > 4:
    photos(sys.argv[1], sys.argv[3], sys.argv[4:])
else:
    sys.exit(__doc__)
