/* SPDX-License-Identifier: Apache-2.0
 * The layers as their definitions say, forward and backward side by side: float32 storage, float64 sums, no
 * tricks. Slow, and the oracle of the fast ones. Maps are (N, H, W, C); weights as in wn_layer. Gradients are
 * overwritten, not added to; `dx` may be NULL where it is not wanted. */
#ifndef WN_LAYERS_PLAIN_H
#define WN_LAYERS_PLAIN_H

#include "../runtime/network.h"

/* x (rows, cin) -> y (rows, cout); weight (cout, cin); bias[cout] or NULL. A 1x1 convolution is a linear
 * layer on every pixel. */
void wn_plain_linear(int rows, int cin, int cout, const float *x, const float *weight, const float *bias,
                     float *y);
void wn_plain_linear_backward(int rows, int cin, int cout, const float *x, const float *weight,
                              const float *dy, float *dx, float *dweight, float *dbias);

/* Any convolution of the network: x (n, in, in, cin) -> y (n, out, out, cout). The stem, which reads the
 * image, has no dx. */
void wn_plain_convolution(int n, const wn_layer *layer, const float *x, const float *weight, float *y);
void wn_plain_convolution_backward(int n, const wn_layer *layer, const float *x, const float *weight,
                                   const float *dy, float *dx, float *dweight);

/* Batch norm over rows = N*H*W (Ioffe and Szegedy, arXiv 1502.03167). wn_plain_moments gives the mean and the
 * biased variance of each channel; normalise: y = (x - mean)/sqrt(var + epsilon) * gamma + beta. The backward
 * takes mean and var as functions of x. */
void wn_plain_moments(size_t rows, int channels, const float *x, float *mean, float *var);
void wn_plain_normalise(size_t rows, int channels, const float *x, const float *mean, const float *var,
                        float epsilon, const float *gamma, const float *beta, float *y);
void wn_plain_normalise_backward(size_t rows, int channels, const float *x, const float *mean,
                                 const float *var, float epsilon, const float *gamma, const float *dy,
                                 float *dx, float *dgamma, float *dbeta);

/* y = min(max(x, 0), 6). The slope at 0 and at 6 is 0. */
void wn_plain_relu6(size_t count, const float *x, float *y);
void wn_plain_relu6_backward(size_t count, const float *x, const float *dy, float *dx);

/* x (n, positions, channels) -> y (n, channels). */
void wn_plain_mean(int n, int positions, int channels, const float *x, float *y);
void wn_plain_mean_backward(int n, int positions, int channels, const float *dy, float *dx);

#endif
