/* SPDX-License-Identifier: Apache-2.0
 * A picture is first resized as it is stored, plane by plane, and only the small square is turned upright and
 * converted to RGB: a camera's frame is never copied at full size. The result is the same as turning first
 * (resample.h says why); chroma planes are resized on their own, which differs from converting first by
 * rounding alone, except where colours lie outside RGB. */
#include "preprocess.h"

#include "bilinear.h"
#include "pixel.h"

#include <string.h>

enum { LARGEST_SIDE = 65535, LARGEST_OUTPUT = 1024 };

static bool is_valid(const wn_preprocess *preprocess)
{
    return preprocess && preprocess->size >= 1 && preprocess->size <= LARGEST_OUTPUT &&
           (unsigned)preprocess->fit <= WN_FIT_CROP &&
           (unsigned)preprocess->resample <= WN_RESAMPLE_OPENCV_BILINEAR;
}

/* The small stored picture, up to 4 bytes a pixel, comes first; the passes' own memory after it. */
static size_t small_bytes(int size)
{
    return ((size_t)size * (size_t)size * 4 + 63) / 64 * 64;
}

size_t wn_preprocess_scratch(const wn_preprocess *preprocess, int width, int height)
{
    if (!is_valid(preprocess) || width < 1 || height < 1 || width > LARGEST_SIDE || height > LARGEST_SIDE)
        return 0;
    const int size = preprocess->size;
    const size_t resample = wn_resize_scratch(width, height, size, size);
    const size_t bilinear = wn_bilinear_scratch(size);
    return small_bytes(size) + (resample > bilinear ? resample : bilinear);
}

/* ---- geometry ---- */

/* The stored rectangle that is kept. A crop is centred in the upright picture, an odd pixel left over being
 * cut at its right and bottom. */
static void kept_part(const wn_preprocess *preprocess, const winnow_image *image, wn_span *x, wn_span *y)
{
    const wn_turn turn = wn_turn_of(image->orientation);
    *x = (wn_span){image->width, 0, image->width, preprocess->size, turn.mirror_columns};
    *y = (wn_span){image->height, 0, image->height, preprocess->size, turn.mirror_rows};
    if (preprocess->fit == WN_FIT_STRETCH)
        return;
    wn_span *longer = image->width > image->height ? x : y;
    const int side = image->width < image->height ? image->width : image->height;
    const int cut = (longer->in - side) / 2;
    longer->begin = longer->mirrored ? longer->in - side - cut : cut;
    longer->end = longer->begin + side;
}

/* [from, from + share) of a span, counted from its upright start; a pixel at least. */
static void narrow(wn_span *span, double from, double share)
{
    const int length = span->end - span->begin;
    int begin = (int)(from * length + 0.5), end = (int)((from + share) * length + 0.5);
    begin = begin < length ? begin : length - 1;
    end = end <= begin ? begin + 1 : end < length ? end : length;
    const int stored = span->mirrored ? length - end : begin;
    span->end = span->begin + stored + end - begin;
    span->begin += stored;
}

static void kept_window(const wn_preprocess *preprocess, const winnow_image *image, wn_window window,
                        wn_span *x, wn_span *y)
{
    kept_part(preprocess, image, x, y);
    const bool transposed = wn_turn_of(image->orientation).transposed;
    narrow(x, transposed ? window.top : window.left, window.side);
    narrow(y, transposed ? window.left : window.top, window.side);
}

/* The same part of a plane of half the size, rounded up. */
static wn_span halve(wn_span span)
{
    span.in = (span.in + 1) / 2;
    span.begin /= 2;
    span.end = span.end / 2 > span.begin ? span.end / 2 : span.begin + 1;
    return span;
}

/* ---- triangle ---- */

/* Resizes the planes into small: interleaved formats as they are, the others as planes of size*size. */
static void resize_planes(const wn_preprocess *preprocess, const winnow_image *image, wn_window window,
                          uint8_t *small, void *scratch)
{
    static const int steps[] = {
        [WINNOW_RGB] = 3,  [WINNOW_BGR] = 3,  [WINNOW_RGBA] = 4, [WINNOW_BGRA] = 4,
        [WINNOW_GRAY] = 1, [WINNOW_NV12] = 1, [WINNOW_I420] = 1,
    };
    const int size = preprocess->size;
    wn_resize_job job = {
        .in = image->plane[0],
        .stride = image->stride[0],
        .step = steps[image->format],
        .alpha = steps[image->format] == 4,
        .columns_first = !wn_turn_of(image->orientation).transposed,
        .out = small,
        .out_stride = (ptrdiff_t)size * steps[image->format],
        .kernels = preprocess->kernels,
    };
    kept_window(preprocess, image, window, &job.x, &job.y);
    wn_resize_plane(&job, scratch);
    if (image->format != WINNOW_NV12 && image->format != WINNOW_I420)
        return;
    job.step = image->format == WINNOW_NV12 ? 2 : 1;
    job.out_stride = (ptrdiff_t)size * job.step;
    job.x = halve(job.x);
    job.y = halve(job.y);
    for (int i = 1; i <= (image->format == WINNOW_NV12 ? 1 : 2); i++) {
        job.in = image->plane[i];
        job.stride = image->stride[i];
        job.out = small + (ptrdiff_t)i * size * size;
        wn_resize_plane(&job, scratch);
    }
}

/* Turns the small picture upright and converts it to RGB. */
static void finish(const winnow_image *stored, const uint8_t *small, int size, uint8_t *rgb)
{
    const ptrdiff_t area = (ptrdiff_t)size * size;
    const wn_turn turn = wn_turn_of(stored->orientation);
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++, rgb += 3) {
            const int column = turn.transposed ? y : x, row = turn.transposed ? x : y;
            const ptrdiff_t at = (ptrdiff_t)(turn.mirror_rows ? size - 1 - row : row) * size +
                                 (turn.mirror_columns ? size - 1 - column : column);
            const uint8_t *pixel = small + at;
            switch (stored->format) {
            case WINNOW_RGB:
                memcpy(rgb, small + at * 3, 3);
                break;
            case WINNOW_BGR:
                pixel = small + at * 3;
                rgb[0] = pixel[2], rgb[1] = pixel[1], rgb[2] = pixel[0];
                break;
            case WINNOW_RGBA:
                memcpy(rgb, small + at * 4, 3);
                break;
            case WINNOW_BGRA:
                pixel = small + at * 4;
                rgb[0] = pixel[2], rgb[1] = pixel[1], rgb[2] = pixel[0];
                break;
            case WINNOW_GRAY:
                rgb[0] = rgb[1] = rgb[2] = *pixel;
                break;
            case WINNOW_NV12:
                wn_yuv_to_rgb(stored->yuv, *pixel, small[area + 2 * at], small[area + 2 * at + 1], rgb);
                break;
            case WINNOW_I420:
                wn_yuv_to_rgb(stored->yuv, *pixel, small[area + at], small[2 * area + at], rgb);
                break;
            }
        }
}

static winnow_status check(const wn_preprocess *preprocess, const winnow_image *image, const uint8_t *rgb,
                           const void *scratch, size_t scratch_size, winnow_error *error)
{
    const winnow_status status = wn_image_check(image, error);
    if (status)
        return status;
    if (!is_valid(preprocess))
        return wn_fail(error, WINNOW_ERROR_ARGUMENT, -1, "the preprocessing is outside what its header says");
    const size_t needed = wn_preprocess_scratch(preprocess, image->width, image->height);
    if (!rgb || !scratch || scratch_size < needed)
        return wn_fail(error, WINNOW_ERROR_ARGUMENT, -1,
                       "preprocessing needs %zu bytes of scratch, %zu are given", needed,
                       scratch ? scratch_size : 0);
    return WINNOW_OK;
}

winnow_status wn_preprocess_window(const wn_preprocess *preprocess, const winnow_image *image,
                                   wn_window window, uint8_t *rgb, void *scratch, size_t scratch_size,
                                   winnow_error *error)
{
    const winnow_status status = check(preprocess, image, rgb, scratch, scratch_size, error);
    if (status)
        return status;
    uint8_t *small = scratch;
    resize_planes(preprocess, image, window, small, small + small_bytes(preprocess->size));
    finish(image, small, preprocess->size, rgb);
    return WINNOW_OK;
}

winnow_status wn_preprocess_bytes(const wn_preprocess *preprocess, const winnow_image *image, uint8_t *rgb,
                                  void *scratch, size_t scratch_size, winnow_error *error)
{
    if (!preprocess || preprocess->resample != WN_RESAMPLE_OPENCV_BILINEAR)
        return wn_preprocess_window(preprocess, image, (wn_window){0, 0, 1}, rgb, scratch, scratch_size,
                                    error);
    const winnow_status status = check(preprocess, image, rgb, scratch, scratch_size, error);
    if (!status)
        wn_bilinear_opencv(image, preprocess->fit == WN_FIT_CROP, preprocess->size, rgb,
                           (uint8_t *)scratch + small_bytes(preprocess->size));
    return status;
}

/* ---- floats ---- */

void wn_preprocess_normalise(const wn_preprocess *preprocess, const uint8_t *rgb, float *out)
{
    float table[3][256];
    for (int c = 0; c < 3; c++)
        for (int value = 0; value < 256; value++)
            table[c][value] = ((float)value / 255 - preprocess->mean[c]) / preprocess->std[c];
    const ptrdiff_t pixels = (ptrdiff_t)preprocess->size * preprocess->size;
    const int first = preprocess->bgr ? 2 : 0;
    for (ptrdiff_t i = 0; i < pixels; i++, rgb += 3, out += 3) {
        out[0] = table[0][rgb[first]];
        out[1] = table[1][rgb[1]];
        out[2] = table[2][rgb[2 - first]];
    }
}
