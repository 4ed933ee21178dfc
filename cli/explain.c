/* SPDX-License-Identifier: Apache-2.0
 * The map's cells are interpolated between their centres, so that no border is seen where there is none. */
#include "explain.h"

#include "../src/codec/codec.h"
#include "../src/runtime/error.h"
#include "../src/runtime/file.h"
#include "../src/runtime/resample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = WINNOW_EXPLAIN_SIDE, LONGEST = 640, SCALE = 28 /* pixels of the legend */ };

typedef struct canvas {
    uint8_t *rgb;
    int width, height; /* with the legend */
    int photo_height;
} canvas;

static const float for_colour[3] = {40, 190, 90}, against_colour[3] = {240, 100, 30};

/* Leaves little of a pixel's own colour, so that the map's is not taken for it (leaves are green). */
static void fade(uint8_t *pixel)
{
    const int grey = (299 * pixel[0] + 587 * pixel[1] + 114 * pixel[2]) / 1000;
    for (int c = 0; c < 3; c++)
        pixel[c] = (uint8_t)((pixel[c] + 4 * grey) / 5);
}

/* strength -1 to 1: how much of which colour lies over a pixel. */
static void tint(uint8_t *pixel, float strength)
{
    const float *colour = strength > 0 ? for_colour : against_colour;
    const float share = 0.65f * fminf(1, fabsf(strength));
    for (int c = 0; c < 3; c++)
        pixel[c] = (uint8_t)lroundf((1 - share) * (float)pixel[c] + share * colour[c]);
}

/* The map at (x, y) in cells, between the centres of its cells. */
static float between(const float *map, float x, float y)
{
    const float cx = fminf(fmaxf(x - 0.5f, 0), SIDE - 1), cy = fminf(fmaxf(y - 0.5f, 0), SIDE - 1);
    const int left = (int)cx < SIDE - 2 ? (int)cx : SIDE - 2, top = (int)cy < SIDE - 2 ? (int)cy : SIDE - 2;
    const float *at = map + top * SIDE + left, across = cx - (float)left, down = cy - (float)top;
    return (1 - down) * ((1 - across) * at[0] + across * at[1]) +
           down * ((1 - across) * at[SIDE] + across * at[SIDE + 1]);
}

static winnow_status create_canvas(const codec_picture *picture, canvas *c, winnow_error *error)
{
    const int longer = picture->width > picture->height ? picture->width : picture->height;
    const double scale = longer > LONGEST ? (double)LONGEST / longer : 1;
    c->width = (int)fmax(1, lround(picture->width * scale));
    c->photo_height = (int)fmax(1, lround(picture->height * scale));
    c->height = c->photo_height + SCALE;
    c->rgb = malloc((size_t)c->width * (size_t)c->height * 3);
    const size_t size = wn_resize_scratch(picture->width, picture->height, c->width, c->photo_height);
    void *scratch = aligned_alloc(64, (size + 63) / 64 * 64);
    const bool ready = c->rgb && scratch;
    if (ready)
        wn_resize_rgb(picture->rgb, (ptrdiff_t)picture->width * 3, picture->width, picture->height, 0, 0,
                      picture->width, picture->height, c->rgb, (ptrdiff_t)c->width * 3, c->width,
                      c->photo_height, scratch);
    free(scratch);
    return ready ? WINNOW_OK : wn_fail_memory(error);
}

/* Lays the map over what the gate sees; the rest of a cropped photo is dimmed. */
static void lay_over(const canvas *c, const float *map, float strongest, bool crop)
{
    const int side = c->width < c->photo_height ? c->width : c->photo_height;
    const int w = crop ? side : c->width, h = crop ? side : c->photo_height;
    const int left = (c->width - w) / 2, top = (c->photo_height - h) / 2;
    for (int y = 0; y < c->photo_height; y++)
        for (int x = 0; x < c->width; x++) {
            uint8_t *pixel = c->rgb + 3 * ((size_t)y * (size_t)c->width + (size_t)x);
            fade(pixel);
            if (x >= left && x < left + w && y >= top && y < top + h)
                tint(pixel, between(map, ((float)(x - left) + 0.5f) * SIDE / (float)w,
                                    ((float)(y - top) + 0.5f) * SIDE / (float)h) /
                                strongest);
            else
                for (int i = 0; i < 3; i++)
                    pixel[i] /= 3;
        }
}

/* Below the photo: from "-" (against) through nothing to "+" (for), in the colours of the map over grey. */
static void draw_scale(const canvas *c)
{
    const int bar = SCALE / 7;
    for (int y = c->photo_height; y < c->height; y++)
        for (int x = 0; x < c->width; x++) {
            uint8_t *pixel = c->rgb + 3 * ((size_t)y * (size_t)c->width + (size_t)x);
            const int down = y - c->photo_height - SCALE / 2, right = c->width - 1 - x - SCALE / 2,
                      in = x - SCALE / 2;
            const bool minus = abs(in) <= 2 * bar && abs(down) <= bar / 2;
            const bool plus = (abs(right) <= 2 * bar && abs(down) <= bar / 2) ||
                              (abs(down) <= 2 * bar && abs(right) <= bar / 2);
            memset(pixel, minus || plus ? 255 : 110, 3);
            if (!minus && !plus)
                tint(pixel, 2 * ((float)x + 0.5f) / (float)c->width - 1);
        }
}

static winnow_status write_canvas(const canvas *c, const char *path, winnow_error *error)
{
    void *bytes = NULL;
    size_t size = 0;
    winnow_status status = codec_encode_png(c->rgb, c->width, c->height, &bytes, &size, error);
    if (!status)
        status = wn_write_file_atomic(path, bytes, size, error);
    free(bytes);
    return status;
}

winnow_status explain_photo(winnow_session *session, const winnow_gate *gate, const char *photo,
                            const char *out, float *strongest, winnow_error *error)
{
    float map[SIDE * SIDE];
    canvas c = {0};
    codec_picture picture;
    const char *fit = winnow_gate_metadata(gate, "winnow.fit");
    winnow_status status = codec_decode_file(photo, LONGEST, &picture, error);
    if (status)
        return status;
    const winnow_image image = {.plane = {picture.rgb},
                                .stride = {(ptrdiff_t)picture.width * 3},
                                .width = picture.width,
                                .height = picture.height,
                                .format = WINNOW_RGB};
    status = winnow_explain(session, &image, map, NULL, error);
    if (!status)
        status = create_canvas(&picture, &c, error);
    codec_picture_free(&picture);
    *strongest = 1e-6f;
    for (int i = 0; i < SIDE * SIDE && !status; i++)
        *strongest = fmaxf(*strongest, fabsf(map[i]));
    if (!status) {
        lay_over(&c, map, *strongest, fit && !strcmp(fit, "crop"));
        draw_scale(&c);
        status = write_canvas(&c, out, error);
    }
    free(c.rgb);
    return status;
}
