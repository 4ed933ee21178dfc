/* SPDX-License-Identifier: Apache-2.0
 * Antialiased resizing of one plane of interleaved bytes with the triangle filter: the integer algorithm of
 * Pillow's BILINEAR (Resample.c), bit for bit, on every instruction set. */
#ifndef WN_RESAMPLE_H
#define WN_RESAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One axis of a picture: which part of it becomes how many samples. */
typedef struct wn_span {
    int in;            /* stored pixels */
    double begin, end; /* 0 <= begin < end <= in: the part that is kept */
    int out;           /* pixels that it becomes */
    bool mirrored;     /* the upright picture counts this axis from its far end */
} wn_span;

typedef struct wn_resize_job {
    const uint8_t *in;
    ptrdiff_t stride;
    int step;           /* bytes from one pixel to the next, and channels that are resized: 1 to 4 */
    bool alpha;         /* step 4, the fourth byte is straight alpha: compose over mid-grey before resizing */
    bool columns_first; /* which axis is resized, and rounded to bytes, first: the columns (x) or the rows */
    wn_span x, y;
    uint8_t *out; /* stored order: nothing is mirrored or transposed here */
    ptrdiff_t out_stride;
    const struct wn_row_kernels *kernels; /* NULL: the best that the processor may use now */
} wn_resize_job;

/* Why an axis knows about mirroring: the weights are rounded to integers, and those of the mirrored axis are
 * not always the mirrored weights. Taking the upright picture's, in either case, makes resizing before
 * turning equal to turning before resizing. For the same reason a transposed picture is resized along its
 * rows first. */

/* Bytes of scratch for any job of up to these sizes; grows with each. */
size_t wn_resize_scratch(int in_w, int in_h, int out_w, int out_h);

/* scratch: wn_resize_scratch bytes, 64-byte aligned. */
void wn_resize_plane(const wn_resize_job *job, void *scratch);

/* The rectangle (x, y, w, h) of an upright RGB picture, in pixels and possibly fractional, within it and not
 * empty, as Pillow's resize((out_w, out_h), BILINEAR, box=(x, y, x + w, y + h)). Strides are in bytes. */
void wn_resize_rgb(const uint8_t *in, ptrdiff_t in_stride, int in_w, int in_h, double x, double y, double w,
                   double h, uint8_t *out, ptrdiff_t out_stride, int out_w, int out_h, void *scratch);

#endif
