#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Golden values of every layer kind, forward and backward, by PyTorch in float64: tests/golden/layers.safetensors.

usage: tests/oracle/layers.py   (needs torch; with pytorch-metric-learning it also checks the ArcFace written here)
"""
import math
import os
import sys

import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.dirname(__file__))
from arcface import arcface, check_against_metric_learning
from pattern import pattern, write_safetensors

out = {}


def tensor(shape, seed, scale=1.0):
    count = math.prod(shape)
    return (torch.from_numpy(pattern(count, seed)).double() * scale).reshape(shape).requires_grad_()


def nhwc(t):
    return t.permute(0, 2, 3, 1)


def convolution(name, size, cin, cout, kernel, stride, before, after, depthwise):
    x = tensor((2, size, size, cin), 1)
    shape = (cout, 1 if depthwise else cin, kernel, kernel)
    w = tensor(shape, 2)
    y = nhwc(F.conv2d(F.pad(x.permute(0, 3, 1, 2), (before, after, before, after)), w, stride=stride,
                      groups=cout if depthwise else 1))
    dy = tensor(y.shape, 3)
    dx, dw = torch.autograd.grad(y, (x, w), dy)
    out[name + ".y"] = y.detach()
    if name[:4] != "stem":
        out[name + ".dx"] = dx
    out[name + ".dw"] = dw


# name, size, cin, cout, kernel, stride, padding before and after, depthwise
convolution("stem", 9, 3, 8, 3, 2, 1, 1, False)
convolution("stem_same", 10, 3, 8, 3, 2, 0, 1, False)
convolution("pointwise", 5, 16, 24, 1, 1, 0, 0, False)
convolution("depthwise_3_1", 5, 8, 8, 3, 1, 1, 1, True)
convolution("depthwise_3_2", 7, 8, 8, 3, 2, 1, 1, True)
convolution("depthwise_3_2_even", 6, 8, 8, 3, 2, 1, 1, True)
convolution("depthwise_3_2_same", 6, 8, 8, 3, 2, 0, 1, True)
convolution("depthwise_5_1", 6, 8, 8, 5, 1, 2, 2, True)
convolution("depthwise_5_2_same", 8, 8, 8, 5, 2, 1, 2, True)
convolution("depthwise_5_2_odd", 7, 8, 8, 5, 2, 2, 2, True)

# batch norm and ReLU6: y = relu6(norm(x)) + residual
channels, rows = 8, 50
x = tensor((2, channels, 5, 5), 1, 2.0)
gamma, beta = tensor((channels,), 2, 4.0), tensor((channels,), 3, 2.0)
mean, var = torch.from_numpy(pattern(channels, 4)).double(), torch.from_numpy(pattern(channels, 5)).double() * 0.5 + 1
dy = tensor((2, channels, 5, 5), 6)
running_mean, running_var = mean.clone(), var.clone()
y = F.relu6(F.batch_norm(x, running_mean, running_var, gamma, beta, True, 0.1, 1e-5))
dx, dgamma, dbeta = torch.autograd.grad(y, (x, gamma, beta), dy)
evaluated = F.batch_norm(x, mean, var, gamma, beta, False, 0.1, 1e-5)
for name, value in dict(y=nhwc(y), dx=nhwc(dx), dgamma=dgamma, dbeta=dbeta, running_mean=running_mean,
                        running_var=running_var, evaluated=nhwc(evaluated)).items():
    out["norm." + name] = value.detach()

# mean over the grid, then a linear layer with bias
x = tensor((3, 4, 16), 1)
w, b = tensor((8, 16), 2), tensor((8,), 3)
y = F.linear(x.mean(1), w, b)
dx, dw, db = torch.autograd.grad(y, (x, w, b), tensor((3, 8), 4))
for name, value in dict(y=y, dx=dx, dw=dw, db=db).items():
    out["head." + name] = value.detach()

# ArcFace: ordinary rows, one that coincides with its class vector, one opposite, one far beyond pi - margin
margin, scale = math.radians(28.6), 64.0
check_against_metric_learning(margin, scale)
for classes in (2, 5):
    e, vectors = tensor((6, 16), 7), tensor((classes, 16), 8)
    with torch.no_grad():
        e[3] = 2 * vectors[1]
        e[4] = -3 * vectors[0]
        e[5] = -vectors[1] + 0.1 * torch.from_numpy(pattern(16, 9)).double()
    labels = torch.tensor([0, 1, classes - 1, 1, 0, 1])
    loss = arcface(e, vectors, labels, margin, scale)
    de, dv = torch.autograd.grad(loss, (e, vectors))
    assert torch.isfinite(de).all() and torch.isfinite(dv).all()
    for name, value in dict(loss=loss.reshape(1), de=de, dv=dv).items():
        out[f"arcface_{classes}." + name] = value.detach()

write_safetensors(os.path.join(os.path.dirname(__file__), "..", "golden", "layers.safetensors"), out)
print(len(out), "tensors")
