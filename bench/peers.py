#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""winnow beside the runtimes that pip brings today: ONNX Runtime, MNN, ncnn, PyTorch; float32, the same weights; and in bf16 beside ncnn's.

    python3 -m venv build/peers && build/peers/bin/pip install numpy onnxruntime MNN ncnn pnnx   (pnnx brings PyTorch; 6 GB)
    build/peers/bin/python bench/peers.py BUILD GATE [ROUNDS]

The embedding model is written by `winnow export --raw`, and by each peer's own converter from that. Each runs in a process of its own,
every round each once, and the medians count; beside their ratio that of the least rounds. Every peer's result is compared with ONNX Runtime's before it is timed; a
peer that is not installed is left out. Prints a Markdown table."""
import importlib
import os
import statistics
import subprocess
import sys
import tempfile
import time

WINNOW = {"winnow": "fp32", "winnow bf16": "bf16"}
TASKS = ((1, 1, 200), (32, 2, 15))  # batch, threads, runs


def timed(run, runs):
    for _ in range(3):
        run()
    seconds = []
    for _ in range(runs):
        began = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds) * 1e3


def onnxruntime_(model, x, threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model + ".onnx", options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"input_1": x})[0]


def mnn_(model, x, threads):
    import MNN
    import numpy

    net = MNN.Interpreter(model + ".mnn")  # MNN's newer Module interface takes five times as long from Python
    session = net.createSession({"numThread": threads, "backend": "CPU", "precision": "high"})
    given = net.getSessionInput(session)
    net.resizeTensor(given, x.shape)
    net.resizeSession(session)
    size = net.getSessionOutput(session).getShape()

    def run():
        given.copyFrom(MNN.Tensor(x.shape, MNN.Halide_Type_Float, x, MNN.Tensor_DimensionType_Caffe))
        net.runSession(session)
        out = MNN.Tensor(size, MNN.Halide_Type_Float, numpy.zeros(size, numpy.float32), MNN.Tensor_DimensionType_Caffe)
        net.getSessionOutput(session).copyToHostTensor(out)
        return numpy.array(out.getData(), numpy.float32)

    return run


def ncnn_(model, x, threads, bf16=False):
    import ncnn
    import numpy

    net = ncnn.Net()
    net.opt.num_threads = threads
    net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = net.opt.use_fp16_packed = False
    net.opt.use_bf16_storage = bf16
    net.load_param(model + ".ncnn.param")
    net.load_model(model + ".ncnn.bin")

    def run():  # ncnn has no batches
        rows = []
        for image in x:
            extractor = net.create_extractor()
            extractor.input("in0", ncnn.Mat(image))
            rows.append(numpy.array(extractor.extract("out0")[1]))
        return numpy.stack(rows)

    return run


def ncnn_bf16_(model, x, threads):
    return ncnn_(model, x, threads, True)


def torch_(model, x, threads):
    import torch

    torch.set_num_threads(threads)
    sys.path.insert(0, os.path.dirname(model))
    os.chdir(os.path.dirname(model))  # the file that pnnx wrote looks for its weights here
    net = importlib.import_module(os.path.basename(model) + "_pnnx").Model().eval().to(memory_format=torch.channels_last)
    data = torch.from_numpy(x).to(memory_format=torch.channels_last)

    def run():
        with torch.inference_mode():
            return net(data).numpy()

    return run


PEERS = {"ONNX Runtime": ("onnxruntime", onnxruntime_), "MNN": ("MNN", mnn_), "ncnn": ("ncnn", ncnn_), "ncnn bf16": ("ncnn", ncnn_bf16_),
         "PyTorch": ("torch", torch_)}


def once(name, model, batch, threads, runs):
    import numpy

    side = int(os.environ["SIDE"])
    x = numpy.random.default_rng(1).standard_normal((batch, 3, side, side), dtype=numpy.float32)
    run = PEERS[name][1](model, x, threads)
    expected = onnxruntime_(model, x, threads)()
    worst = float(abs(numpy.asarray(run()).reshape(expected.shape) - expected).max() / abs(expected).max())
    if worst > (1e-1 if "bf16" in name else 1e-3):
        sys.exit(f"{name}: differs by {worst:.2g}")
    print(timed(run, runs), importlib.import_module(PEERS[name][0]).__version__ if name != "MNN" else importlib.import_module("MNN").version())


def convert(build, gate, folder):
    """The embedding model as every peer has it, for the batch sizes of TASKS."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    bin_folder = os.path.dirname(sys.executable)
    os.environ["SIDE"] = side = str(subprocess.run([f"{build}/winnow", "info", "--json", gate], check=True, stdout=subprocess.PIPE,
                                                    text=True).stdout.split('"winnow.input"')[1].split('"')[1])
    for batch, _, _ in TASKS:
        model = os.path.join(folder, f"m{batch}")
        subprocess.run([f"{build}/winnow", "export", gate, "--to", "onnx", "--raw", "-o", model + ".onnx"], check=True, **quiet)
        subprocess.run([f"{bin_folder}/mnnconvert", "-f", "ONNX", "--modelFile", model + ".onnx", "--MNNModel", model + ".mnn"], **quiet)
        # ncnn takes one picture at a time; PyTorch's module is of this batch
        subprocess.run([f"{bin_folder}/pnnx", model + ".onnx", f"inputshape=[{batch},3,{side},{side}]", "fp16=0"], cwd=folder, **quiet)
        if batch > 1:
            for kind in ("param", "bin"):
                os.replace(os.path.join(folder, f"m1.ncnn.{kind}.keep"), os.path.join(folder, f"m{batch}.ncnn.{kind}"))
        else:
            for kind in ("param", "bin"):
                with open(os.path.join(folder, f"m1.ncnn.{kind}"), "rb") as a, open(os.path.join(folder, f"m1.ncnn.{kind}.keep"), "wb") as b:
                    b.write(a.read())


def main(build, gate, rounds=3):
    build, gate = os.path.abspath(build), os.path.abspath(gate)
    times, versions = {}, {name: "" for name in WINNOW}
    with tempfile.TemporaryDirectory() as folder:
        convert(build, gate, folder)
        for _ in range(int(rounds)):
            for batch, threads, runs in TASKS:
                for name, precision in WINNOW.items():
                    line = subprocess.run([f"{build}/bench/bench_plan", *map(str, (threads, batch, runs)), "mobilenet_v2", "1", "128", precision],
                                          check=True, text=True, stdout=subprocess.PIPE).stdout.split()
                    times.setdefault((name, batch), []).append(float(line[4]))
                for name in PEERS:
                    done = subprocess.run([sys.executable, os.path.abspath(__file__), "--once", name, os.path.join(folder, f"m{batch}"),
                                           *map(str, (batch, threads, runs))], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                    if done.returncode:
                        print(f"{name} is left out of this round: status {done.returncode}, {(done.stderr.strip() or '?').splitlines()[-1]}", file=sys.stderr)
                        continue
                    ms, version = done.stdout.split()[-2:]
                    times.setdefault((name, batch), []).append(float(ms))
                    versions[name] = " " + version
    print("| | " + " | ".join(f"batch {b}, {t} thread{'s' * (t > 1)}: ms | winnow's time / its | least by least" for b, t, _ in TASKS) + " |")
    print("|---" * (1 + 3 * len(TASKS)) + "|")
    for name in versions:
        cells = []
        for batch, _, _ in TASKS:
            its, ours = times.get((name, batch)), times["winnow bf16" if "bf16" in name else "winnow", batch]
            if not its:
                cells += ["-"] * 3
                continue
            ms = statistics.median(its)
            cells += [f"{ms:.2f}" + f" ({len(its)} of {rounds} rounds)" * (len(its) < int(rounds)), f"{statistics.median(ours) / ms:.2f}", f"{min(ours) / min(its):.2f}"]
        print(f"| {name}{versions[name]} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--once"]:
        once(sys.argv[2], sys.argv[3], *map(int, sys.argv[4:7]))
    elif len(sys.argv) in (3, 4):
        main(*sys.argv[1:])
    else:
        sys.exit(__doc__)
