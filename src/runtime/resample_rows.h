/* SPDX-License-Identifier: Apache-2.0
 * The two inner loops of a resize. A translation unit gets their declarations; resample_rows.c defines them.
 */
#ifndef WN_RESAMPLE_ROWS_H
#define WN_RESAMPLE_ROWS_H

#include <stdbool.h>
#include <stdint.h>

/* Weights are fixed point: 22 bits after the point, so that 255 times all of them fits into 32 bits. */
enum { WN_WEIGHT_BITS = 22 };

/* Samples that the loops take at a time: the window of an output is a multiple of this. 24 and 16 are whole
 * pixels and whole vectors for every step. */
static inline int wn_window_unit(int step)
{
    return step == 3 ? 24 : 16;
}

/* The weights of one axis. Output i is the sum over w of weight[i * window + w] * in[first[i] * step + w].
 * Along a row every weight is repeated for each of the `step` channels; down a column it is not, and step
 * counts as 1. */
typedef struct wn_axis {
    int out, step;
    int window; /* weights of one output, the last ones may be 0 */
    int32_t *first, *weight;
} wn_axis;

typedef struct wn_row_kernels {
    /* One row of pixels to axis->out pixels. */
    void (*horizontal)(const wn_axis *axis, const uint8_t *row, uint8_t *out);
    /* `count` rows of `width` samples to one, with weight[count]. alpha: samples are RGBA, composed before.
     */
    void (*vertical)(const uint8_t *const *rows, const int32_t *weight, int count, int width, bool alpha,
                     uint8_t *out);
} wn_row_kernels;

/* The best ones that wn_cpu_level() allows at the time of the call. All give the same bits. Static storage.
 */
const wn_row_kernels *wn_row_kernels_best(void);

/* RGBA to RGBA over mid-grey: what the vertical kernel does by itself. */
void wn_compose_row(const uint8_t *in, int pixels, uint8_t *out);
bool wn_row_is_opaque(const uint8_t *row, int pixels);

#endif
