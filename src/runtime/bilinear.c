/* SPDX-License-Identifier: Apache-2.0
 * OpenCV's arithmetic for bytes (imgproc/src/resize.cpp): factors of 11 bits after the point, rounded from
 * floats; columns first, exact; then rows, each product cut to 2 bits after the point before they are added
 * and rounded. Four pixels make one, so they are fetched one by one, whatever the format and orientation. */
#include "bilinear.h"

#include "pixel.h"

#include <math.h>

/* Floats decide integers here: no fused operations, also where the build cannot say so (a Swift package). */
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

enum { ONE = 2048 };

/* Output i of an axis mixes the input at `at` and its successor, whose index is `next`. */
typedef struct mix {
    int at, next, weight, next_weight;
} mix;

size_t wn_bilinear_scratch(int size)
{
    return (size_t)size * 2 * sizeof(mix);
}

static int limit(int value, int count)
{
    return value < 0 ? 0 : value >= count ? count - 1 : value;
}

/* OpenCV sets the fraction to 0 at the border of columns. Of rows it does not, but takes the border row
 * twice, which is not the same once the products are cut. */
static void fill_mix(int in, int out, bool columns, mix *mixes)
{
    const double scale = 1 / ((double)out / in);
    for (int i = 0; i < out; i++) {
        float fraction = (float)((i + 0.5) * scale - 0.5);
        int at = (int)floorf(fraction);
        fraction -= (float)at;
        if (columns && (at < 0 || at >= in - 1)) {
            at = limit(at, in);
            fraction = 0;
        }
        mixes[i] = (mix){limit(at, in), limit(at + 1, in), (int)lrintf((1 - fraction) * ONE),
                         (int)lrintf(fraction * ONE)};
    }
}

/* The upright picture, or its centred square. */
typedef struct view {
    const winnow_image *image;
    wn_turn turn;
    int x, y, width, height;
} view;

static view view_of(const winnow_image *image, bool crop)
{
    view v = {.image = image, .turn = wn_turn_of(image->orientation)};
    v.width = v.turn.transposed ? image->height : image->width;
    v.height = v.turn.transposed ? image->width : image->height;
    if (crop) {
        const int side = v.width < v.height ? v.width : v.height;
        v.x = (v.width - side) / 2;
        v.y = (v.height - side) / 2;
        v.width = v.height = side;
    }
    return v;
}

static void fetch(const view *v, int x, int y, uint8_t rgb[3])
{
    const int column = v->turn.transposed ? v->y + y : v->x + x,
              row = v->turn.transposed ? v->x + x : v->y + y;
    wn_pixel_rgb(v->image, v->turn.mirror_columns ? v->image->width - 1 - column : column,
                 v->turn.mirror_rows ? v->image->height - 1 - row : row, rgb);
}

void wn_bilinear_opencv(const winnow_image *image, bool crop, int size, uint8_t *rgb, void *scratch)
{
    const view v = view_of(image, crop);
    mix *columns = scratch, *rows = columns + size;
    fill_mix(v.width, size, true, columns);
    fill_mix(v.height, size, false, rows);
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++, rgb += 3) {
            const mix mx = columns[x], my = rows[y];
            uint8_t upper[2][3], lower[2][3];
            fetch(&v, mx.at, my.at, upper[0]);
            fetch(&v, mx.next, my.at, upper[1]);
            fetch(&v, mx.at, my.next, lower[0]);
            fetch(&v, mx.next, my.next, lower[1]);
            for (int c = 0; c < 3; c++) {
                const int above = upper[0][c] * mx.weight + upper[1][c] * mx.next_weight;
                const int below = lower[0][c] * mx.weight + lower[1][c] * mx.next_weight;
                const int sum = (my.weight * (above >> 4) >> 16) + (my.next_weight * (below >> 4) >> 16);
                rgb[c] = (uint8_t)((sum + 2) >> 2);
            }
        }
}
