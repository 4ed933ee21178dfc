/* SPDX-License-Identifier: Apache-2.0
 * The kernels of training. Arithmetic is float32; what is kept from pass to pass may be stored in 16 bits.
 * All matrices are row-major with a distance between rows (`ld`, values); channel counts are multiples of 8.
 * One table of functions, filled for an instruction set. */
#ifndef WN_TRAIN_KERNELS_H
#define WN_TRAIN_KERNELS_H

#include "../../runtime/cpu.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Values that wait in memory for another pass: floats, or bfloat16, the upper half of a float, rounded to the
 * nearest and to even. Sums are of the values as they are stored. {pointer} is floats.
 *
 * Streamed ones are floats that are written past the caches: in rows of a multiple of 16 of them, at a
 * multiple of 64 bytes. What was streamed reaches other threads no later than what an atomic
 * read-modify-write behind it does. */
typedef struct wn_stored {
    void *at;
    bool bf16;
    bool streamed;
} wn_stored;

static inline size_t wn_stored_size(bool bf16)
{
    return bf16 ? sizeof(uint16_t) : sizeof(float);
}

/* From the value `index` on. */
static inline wn_stored wn_stored_from(wn_stored values, size_t index)
{
    values.at = (char *)values.at + index * wn_stored_size(values.bf16);
    return values;
}

/* What flows into a layer's norm, of `rows` pixels, from dx:
 *     dy = dx where 0 < z*scale + offset < 6, else 0      behind a ReLU6; or
 *     dy = dx [+ offset] [+ add]                          where scale is NULL; z and dy then are floats
 * and sum[] += dy, along[] += dy * (z - mean). dx at distance lddx; z, add and dy at distance ldz. dx may be
 * dy; add may be NULL, or dy. z may be bf16, and dy too if z is. Kernels that make dx themselves end in the
 * gate of a ReLU6 that they are given: they read neither rows, nor channels, nor dx. */
typedef struct wn_gate {
    size_t rows;
    int channels;
    const float *dx;
    size_t lddx, ldz;
    wn_stored z, dy;
    const float *scale, *offset, *mean, *add;
    float *sum, *along;
} wn_gate;

enum {
    WN_DEPTH = 320
}; /* of a product in one go into floats: a panel of 16 columns then stays in the first-level cache */

/* c (m, n) = a (m, k) . b (k, n), or += where `add` is set; b as wn_train_kernels.pack leaves it. A bf16 c
 * takes no `add`. */
typedef struct wn_product {
    bool add;
    int m, n, k;
    const float *a, *b;
    size_t lda, ldc;
    wn_stored c;
    const wn_gate *gate; /* or NULL: where c, which is dx, goes instead */
    /* For each column of c, with room for n rounded up to 16: what is behind n may be spoilt. */
    const float *shift; /* [n] or NULL. Where given: */
    float *sum;         /* [n] += sum of (c - shift) */
    float *square;      /* [n] += sum of (c - shift)^2 */
} wn_product;

/* c (p, q) += a (m, p)^T . b (m, q): the gradient of a weight from m pixels. Up to 16 floats behind a row of
 * a or b are read, and not used: the memory behind the last row must exist. */
typedef struct wn_outer {
    int m, p, q;
    const float *a, *b;
    size_t lda, ldb, ldc;
    float *c;
} wn_outer;

/* One output row of a depthwise convolution. in[ky] points to the first of the padded input pixels that tap
 * ky meets; weight is (kernel*kernel, channels). shift, sum, square as above. */
typedef struct wn_depthwise_row {
    int kernel, stride, channels, out;
    const float *const *in;
    const float *weight;
    wn_stored y;         /* (out, channels) */
    const wn_gate *gate; /* or NULL: where y, which is dx, goes instead; stride 1 alone */
    const float *shift;
    float *sum, *square;
} wn_depthwise_row;

/* Its gradients. dweight (kernel*kernel, channels) += of one output row dy (out, channels). */
typedef struct wn_depthwise_dweight {
    int kernel, stride, channels, out;
    const float *const *in;
    const float *dy;
    float *dweight;
} wn_depthwise_dweight;

/* One input row dx (in, channels) of a convolution of stride 2. tap[] lists the `taps` rows of the kernel
 * that meet it: dy[i] points to its padded output row's pixel 0, weight[i] to (kernel, channels). Padding:
 * `before` pixels, and dy has at least kernel/2 zero pixels on each side. */
typedef struct wn_depthwise_dx2 {
    int kernel, channels, in, before, taps;
    const float *dy[3], *weight[3];
    const wn_gate *gate; /* where dx goes */
} wn_depthwise_dx2;

/* Rows of `channels` values: x (rows, channels) at distance ldx and so on. */
typedef struct wn_rows {
    size_t rows;
    int channels;
} wn_rows;

typedef struct wn_train_kernels {
    wn_cpu level;
    /* Floats of b (k, n) packed. */
    size_t (*packed)(int k, int n);
    /* Packs b, whose element (i, j) is at from[i * step_k + j * step_n]. */
    void (*pack)(int k, int n, const float *from, size_t step_k, size_t step_n, float *to);
    void (*product)(const wn_product *p);
    void (*outer)(const wn_outer *o);
    void (*depthwise)(const wn_depthwise_row *d);
    void (*depthwise_dweight)(const wn_depthwise_dweight *d);
    void (*depthwise_dx2)(const wn_depthwise_dx2 *d);

    /* y = relu6(x * scale + offset) */
    void (*activate)(wn_rows size, wn_stored x, size_t ldx, const float *scale, const float *offset, float *y,
                     size_t ldy);
    /* y = x * scale + offset [+ add]; contiguous rows that do not overlap. add may be NULL. */
    void (*affine)(wn_rows size, const float *x, const float *scale, const float *offset, const float *add,
                   float *y);
    /* dz = dy * c[0] + z * c[1] + c[2]: a batch norm's backward once its sums are known. dy, z and the three
     * rows of c at distance ld. dy and z are stored alike. */
    void (*norm_gradient)(wn_rows size, wn_stored dy, wn_stored z, const float *c, size_t ld, float *dz,
                          size_t lddz);
    void (*gate_gradient)(const wn_gate *g);
} wn_train_kernels;

void wn_train_kernels_baseline(wn_train_kernels *kernels);
void wn_train_kernels_avx2(wn_train_kernels *kernels);
void wn_train_kernels_avx512(wn_train_kernels *kernels);

/* The best that `level` allows. */
wn_train_kernels wn_train_kernels_at(wn_cpu level);

#endif
