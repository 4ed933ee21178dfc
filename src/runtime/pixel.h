/* SPDX-License-Identifier: Apache-2.0
 * What a picture's bytes mean: pixel formats, orientation, colour. */
#ifndef WN_PIXEL_H
#define WN_PIXEL_H

#include "error.h"

#include <stdbool.h>

/* Refuses NULL planes, sizes, strides, formats and orientations outside what winnow.h says. */
winnow_status wn_image_check(const winnow_image *image, winnow_error *error);

/* How to turn stored pixels upright: transpose, then mirror. Upright (x, y) is stored (column, row) with
 * (column, row) = transposed ? (y, x) : (x, y), then counted from the far end where mirrored. */
typedef struct wn_turn {
    bool transposed, mirror_columns, mirror_rows;
} wn_turn;
wn_turn wn_turn_of(int orientation);

/* A colour of straight alpha over mid-grey (128), rounded to nearest. */
static inline uint8_t wn_over_grey(uint8_t colour, uint8_t alpha)
{
    const unsigned sum = colour * alpha + 128u * (255u - alpha) + 128;
    return (uint8_t)((sum + (sum >> 8)) >> 8); /* (sum - 128) / 255, exact for 16 bits */
}

/* To nearest. BT.601 full range is JFIF 1.02's. */
void wn_yuv_to_rgb(winnow_yuv kind, int y, int u, int v, uint8_t rgb[3]);

/* The colour of one stored pixel, 0 <= column < width, 0 <= row < height. The chroma of NV12 and I420 is that
 * of its 2x2 pixels. */
void wn_pixel_rgb(const winnow_image *image, int column, int row, uint8_t rgb[3]);

#endif
