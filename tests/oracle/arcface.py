# SPDX-License-Identifier: Apache-2.0
"""ArcFace as pytorch-metric-learning computes it, with the target's cosine clamped so that gradients stay finite."""
import math

import torch
import torch.nn.functional as F


def arcface(embedding, vectors, labels, margin, scale):
    """embedding (N, E), vectors (K, E) -> mean loss."""
    cosine = F.normalize(embedding, dim=1) @ F.normalize(vectors, dim=1).t()
    target = cosine.gather(1, labels[:, None])
    angle = torch.acos(target.clamp(-1 + 1e-7, 1 - 1e-7))
    moved = torch.where(angle <= math.pi - margin, torch.cos(angle + margin), torch.cos(angle) - margin * math.sin(margin))
    return F.cross_entropy(cosine.scatter(1, labels[:, None], moved) * scale, labels)


def check_against_metric_learning(margin, scale):
    """Asserts that the loss above is that library's, where it is installed."""
    try:
        from pytorch_metric_learning.losses import ArcFaceLoss
    except ImportError:
        print("pytorch-metric-learning is not installed: not compared with it")
        return
    generator = torch.Generator().manual_seed(1)
    for classes in (2, 7):
        theirs = ArcFaceLoss(classes, 32, margin=math.degrees(margin), scale=scale)
        e = torch.randn(64, 32, generator=generator).double().requires_grad_()
        with torch.no_grad():
            e[:8] = -theirs.W.t()[0].double() + 0.05 * e[:8]  # beyond pi - margin
        labels = torch.arange(64) % classes
        labels[:8] = 0
        vectors = theirs.W.detach().t().double().clone().requires_grad_()
        a, b = theirs(e, labels), arcface(e, vectors, labels, margin, scale)
        assert torch.allclose(a, b), (a, b)
        ga = torch.autograd.grad(a, (e, theirs.W))
        gb = torch.autograd.grad(b, (e, vectors))
        assert torch.allclose(ga[0], gb[0]) and torch.allclose(ga[1].t(), gb[1].to(ga[1].dtype), atol=1e-6)
    print("ArcFace is pytorch-metric-learning's")
