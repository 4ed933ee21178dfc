#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long a single photo takes, from the start of the process to its verdict, beside decoding it alone.

    cold.py BUILD GATE PHOTO [ROUNDS]

Each round runs each once, files cached, and the medians count. Decoding alone is measured inside its process."""
import json
import statistics
import subprocess
import sys
import time


def run(*command):
    start = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode not in (0, 1):
        sys.exit(f"cold.py: {command[0]} ended with status {done.returncode}")
    return 1e3 * (time.perf_counter() - start), done.stdout


def main(build, gate, photo, rounds=41):
    side = json.loads(run(f"{build}/winnow", "info", "--json", gate)[1])["metadata"]["winnow.input"]
    check, decode, beyond = [], [], []
    for _ in range(int(rounds)):
        check.append(run(f"{build}/winnow", "check", gate, photo)[0])
        decode.append(1e3 / float(run(f"{build}/bench/bench_decode", "1", side, photo)[1].split()[0]))
        beyond.append(check[-1] - decode[-1])
    print("| | median ms | least ms |\n|---|---|---|")
    for name, times in (("winnow check", check), ("decoding alone", decode), ("the first beyond the second", beyond)):
        print(f"| {name} | {statistics.median(times):.1f} | {min(times):.1f} |")


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
