# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/torch_*.pth: what torch.save makes of a few small tensors, in both of its formats, and two
files that a reader must refuse. Run by hand; made with PyTorch 1.13."""
import os
import pathlib
from collections import OrderedDict

import torch

GOLDEN = pathlib.Path(__file__).parent.parent / "golden"


def ramp(*shape):
    return (torch.arange(torch.Size(shape).numel(), dtype=torch.float32) / 8 - 1).reshape(shape)


def state_dict():
    whole = ramp(4, 6)
    module = torch.nn.Sequential(torch.nn.Linear(2, 3, bias=False))
    module[0].weight.data = ramp(3, 2)
    state = module.state_dict(prefix="net.")  # an OrderedDict with _metadata
    state["plain"] = ramp(2, 3)
    state["transposed"] = ramp(2, 3).t()
    state["slice"] = whole[1:3, 2:6:2]
    state["same"] = whole
    state["scalar"] = torch.tensor(2.5)
    state["empty"] = torch.zeros(0, 3)
    state["half"] = ramp(5).half()
    state["bfloat16"] = ramp(5).bfloat16()
    state["double"] = ramp(5).double()
    state["counter"] = torch.tensor(7)
    state["flags"] = torch.tensor([True, False])
    state["parameter"] = torch.nn.Parameter(ramp(3))
    return state


class Evil:
    def __reduce__(self):
        return os.system, ("touch evil_was_here",)


def save(value, name, **options):
    torch.save(value, GOLDEN / name, **options)


state = state_dict()
save(state, "torch_zip.pth")
save(state, "torch_legacy.pth", _use_new_zipfile_serialization=False)
weight = torch.nn.Parameter(ramp(3, 2))
optimizer = torch.optim.SGD([weight], lr=0.001, momentum=0.9, weight_decay=1e-4)
weight.sum().backward()
optimizer.step()
checkpoint = {"epoch": 300, "best": 0.5, "name": "reference", "done": False, "history": [1, -2, 2**40, None],
              "state_dict": OrderedDict(weight=ramp(3, 2), bias=ramp(3)), "optimizer": optimizer.state_dict()}
save(checkpoint, "torch_checkpoint.pth")
save(checkpoint, "torch_checkpoint_legacy.pth", _use_new_zipfile_serialization=False)
save({"weight": ramp(2), "evil": Evil()}, "torch_evil.pth")
save(torch.nn.Linear(2, 2), "torch_module.pth")
