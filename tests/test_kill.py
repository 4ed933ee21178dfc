#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: test_kill.py WINNOW [KILLS]

A training that is killed at random moments (SIGKILL) always leaves a whole checkpoint, and `--resume` brings the same log and the same
weights as an unbroken training. Ctrl-C (SIGINT) saves and ends with status 0."""
import json, os, random, shutil, signal, struct, subprocess, sys, tempfile, time

winnow, kills = os.path.abspath(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 6
work = tempfile.mkdtemp(prefix="winnow-kill-")
random.seed(7)


def read(path):
    """Tensors of a safetensors file, as bytes by name; fails unless it is whole."""
    data = open(path, "rb").read()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    metadata = header.pop("__metadata__")
    assert max(t["data_offsets"][1] for t in header.values()) == len(data) - 8 - length, "not whole"
    return metadata, {name: data[8 + length + t["data_offsets"][0]:8 + length + t["data_offsets"][1]] for name, t in header.items()}


def command(name, *more):
    return [winnow, "train", "--normal", f"{work}/p/train/normal", "--abnormal", f"{work}/p/train/other", "-o", f"{work}/{name}.safetensors",
            "--backbone", "none", "--width", "0.35", "--input-size", "96", "--embedding-size", "32", "--batch", "16", "--epochs", "6",
            "--save-interval", "1", "--augment", "light", "--false-reject", "20%", "--report", "none", "--seed", "3", *more]


def run(name, *more):
    return subprocess.run(command(name, *more), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


try:
    subprocess.run([winnow, "synth", f"{work}/p", "--count", "60", "--size", "128"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    began = time.time()
    whole = run("whole")
    assert whole.returncode == 0, whole.stderr
    seconds = time.time() - began

    resumed = 0
    for attempt in range(kills):
        process = subprocess.Popen(command("killed", *(["--resume"] if resumed else [])), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            process.wait(timeout=random.uniform(0.15, 0.6) * seconds)
            assert process.returncode == 0, process.stderr.read().decode()
            break
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        if os.path.exists(f"{work}/killed.checkpoint"):
            metadata, tensors = read(f"{work}/killed.checkpoint")
            assert metadata["winnow.kind"] == "checkpoint" and tensors
            resumed += 1
    assert resumed, "never got as far as a checkpoint: nothing was tested"
    open(f"{work}/killed.csv", "w").close()  # as if it had been killed between the checkpoint and the log
    last = run("killed", "--resume")
    assert last.returncode == 0, last.stderr
    assert open(f"{work}/whole.csv").read() == open(f"{work}/killed.csv").read(), "the log differs"
    a, b = read(f"{work}/whole.safetensors")[1], read(f"{work}/killed.safetensors")[1]
    assert a.keys() == b.keys()
    for name in a:
        assert a[name] == b[name], f"{name} differs"

    # Ctrl-C: saved in the middle of an epoch, status 0, resumed with the same numbers.
    process = subprocess.Popen(command("stopped"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    time.sleep(0.4 * seconds)
    process.send_signal(signal.SIGINT)
    message = process.communicate(timeout=60)[1]
    assert process.returncode == 0, message
    if "stopped after" in message:  # else it was done before the signal came
        read(f"{work}/stopped.checkpoint")
        assert not os.path.exists(f"{work}/stopped.safetensors")
        assert run("stopped", "--resume").returncode == 0
    assert open(f"{work}/whole.csv").read() == open(f"{work}/stopped.csv").read(), "the log differs after Ctrl-C"

    # Other options cannot resume it.
    other = run("killed", "--resume", "--learning-rate", "0.5")
    assert other.returncode == 2 and "learning-rate" in other.stderr, other.stderr
    print(f"killed and resumed {resumed} times: same log, same weights")
finally:
    shutil.rmtree(work)
