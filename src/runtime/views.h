/* SPDX-License-Identifier: Apache-2.0
 * Which frames of a camera are proofs of their own. Five pictures a second of one leaf are one leaf: a
 * promise that counts them all is broken on the next leaf. A view is a normal picture that neither looks like
 * another view from afar (the camera stood still) nor lies close to one by its features (it hardly moved). */
#ifndef WN_VIEWS_H
#define WN_VIEWS_H

#include "samples.h"

#include <stdint.h>

enum {
    WN_LOOK_SIDE = 8, /* cells of a row */
    WN_LOOK_SIZE = WN_LOOK_SIDE * WN_LOOK_SIDE * 3
};

/* Bounds within which two pictures are one view; bench/views.py chose them. */
#define WN_VIEW_LOOK   0.2f /* of the larger contrast: a move of 2 to 3% of the square */
#define WN_VIEW_FLAT   4.0f /* levels of 255 that count as contrast where a picture has less */
#define WN_VIEW_SPREAD 0.3f /* of the mean distance (1 - cosine) between all of the normals */

typedef struct wn_look {
    float cell[WN_LOOK_SIZE]; /* a cell's mean colour less the mean of all: the same in another exposure */
    float contrast;           /* root of the mean square of that, in levels of 255; negative: not seen */
} wn_look;

/* rgb[size*size*3], size >= WN_LOOK_SIDE. */
void wn_look_at(const uint8_t *rgb, int size, wn_look *look);

/* How many views there are among the normals of rows first and up, but no more than `most`; look[i] is that
 * of row first + i. view[samples->count - first] is set to 1 for views, 0 for other normals and 1 for
 * abnormals, as far as they were looked at. */
int wn_count_views(const wn_samples *samples, int first, const wn_look *look, int most, unsigned char *view);

#endif
