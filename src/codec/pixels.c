/* SPDX-License-Identifier: Apache-2.0
 * Stored pixels -> upright RGB: alpha over grey, and the eight orientations of EXIF. */
#include "formats.h"

#include "../runtime/pixel.h"

#include <stdlib.h>

void codec_flatten_rgba(codec_picture *picture)
{
    const size_t pixels = (size_t)picture->width * (size_t)picture->height;
    const uint8_t *in = picture->rgb;
    uint8_t *out = picture->rgb;
    for (size_t i = 0; i < pixels; i++, in += 4, out += 3) {
        const uint8_t alpha = in[3];
        for (int c = 0; c < 3; c++)
            out[c] = wn_over_grey(in[c], alpha);
    }
    uint8_t *smaller = realloc(picture->rgb, pixels * 3);
    if (smaller)
        picture->rgb = smaller;
}

/* Copies a tile at a time, so that columns that become rows stay in the cache. */
enum { TILE = 32 };

static void copy_tile(const uint8_t *in, ptrdiff_t step_x, ptrdiff_t step_y, uint8_t *out, int width, int x0,
                      int y0, int x1, int y1)
{
    for (int y = y0; y < y1; y++) {
        uint8_t *to = out + ((size_t)y * (size_t)width + (size_t)x0) * 3;
        const uint8_t *from = in + y * step_y + x0 * step_x;
        for (int x = x0; x < x1; x++, to += 3, from += step_x) {
            to[0] = from[0];
            to[1] = from[1];
            to[2] = from[2];
        }
    }
}

winnow_status codec_orient(codec_picture *picture, int orientation, winnow_error *error)
{
    if (orientation == 1)
        return WINNOW_OK;
    const ptrdiff_t pixel = 3, row = (ptrdiff_t)picture->width * 3;
    const ptrdiff_t right = (picture->width - 1) * pixel, bottom = (picture->height - 1) * row;
    /* Where the upright picture's upper left pixel is stored, and the way to its right and lower neighbour.
     */
    const struct {
        ptrdiff_t start, step_x, step_y;
    } way[9] = {
        [2] = {right, -pixel, row},  [3] = {right + bottom, -pixel, -row},
        [4] = {bottom, pixel, -row}, [5] = {0, row, pixel},
        [6] = {bottom, -row, pixel}, [7] = {right + bottom, -row, -pixel},
        [8] = {right, row, -pixel},
    };
    const bool turned = orientation >= 5;
    codec_picture upright;
    winnow_status status = codec_allocate(&upright, turned ? picture->height : picture->width,
                                          turned ? picture->width : picture->height, 3, error);
    if (status)
        return status;
    for (int y = 0; y < upright.height; y += TILE)
        for (int x = 0; x < upright.width; x += TILE)
            copy_tile(picture->rgb + way[orientation].start, way[orientation].step_x, way[orientation].step_y,
                      upright.rgb, upright.width, x, y, x + TILE < upright.width ? x + TILE : upright.width,
                      y + TILE < upright.height ? y + TILE : upright.height);
    free(picture->rgb);
    picture->rgb = upright.rgb;
    picture->width = upright.width;
    picture->height = upright.height;
    return WINNOW_OK;
}
