/* SPDX-License-Identifier: Apache-2.0
 * ArcFace (Deng et al., arXiv 1801.07698): softmax cross-entropy over cosines, where the angle to the right
 * class is made larger by a margin, so that classes must be told apart by more than just enough. */
#ifndef WN_ARCFACE_H
#define WN_ARCFACE_H

#include <stddef.h>

typedef struct wn_arcface {
    int size, classes;   /* E >= 1, K >= 2 */
    float margin, scale; /* radians, and the factor of the cosines */
} wn_arcface;

/* Bytes of scratch of wn_arcface_loss. */
size_t wn_arcface_scratch(const wn_arcface *loss);

/* The mean loss of embedding (n, E) with labels[n] in [0, K) and class vectors (K, E), and its gradients
 * d_embedding (n, E) and d_vectors (K, E), which are overwritten.
 *
 * With c_k the cosine of an embedding and class vector k, and t the right class:
 *     logit_k = scale * c_k (k != t)      logit_t = scale * f(c_t)
 *     f(c) = cos(acos(c) + margin)        while acos(c) <= pi - margin,
 *            c - margin * sin(margin)     beyond, so that f keeps falling (as pytorch-metric-learning has it)
 * c_t is clamped to +-(1 - 1e-7), where f's slope is at most sin(margin)/4.5e-4; outside, the slope is 0. A
 * vector of length 0 has no direction: its cosines are 0 and so is its gradient. Inside all is float64. */
double wn_arcface_loss(const wn_arcface *loss, int n, const float *embedding, const float *vectors,
                       const int *labels, float *d_embedding, float *d_vectors, void *scratch);

#endif
