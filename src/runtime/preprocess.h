/* SPDX-License-Identifier: Apache-2.0
 * From any picture to the network's input: pixel format -> upright RGB -> exact integer resize -> normalised
 * floats. The same bytes on every instruction set and machine, and floats from one table a channel.
 * Augmentation and contact sheets resize parts of pictures by resample.h. */
#ifndef WN_PREPROCESS_H
#define WN_PREPROCESS_H

#include "error.h"
#include "resample.h"

#include <stdbool.h>

typedef enum wn_fit {
    WN_FIT_STRETCH, /* the whole picture, aspect not kept */
    WN_FIT_CROP     /* the centred square of the shorter side */
} wn_fit;

typedef enum wn_resample {
    WN_RESAMPLE_TRIANGLE,       /* antialiased triangle filter, integer arithmetic, within 1 level of Pillow's
                                   BILINEAR */
    WN_RESAMPLE_OPENCV_BILINEAR /* cv2.resize INTER_LINEAR: no antialias; for the reference recipe */
} wn_resample;

/* Everything that stands between a picture and the network; travels in the gate file. */
typedef struct wn_preprocess {
    int size; /* side of the square output */
    wn_fit fit;
    wn_resample resample;
    bool bgr;              /* channel order that the network sees */
    float mean[3], std[3]; /* of x/255, in the order that the network sees: (x/255 - mean)/std */
    const struct wn_row_kernels *kernels; /* not in the file; NULL: the best that the processor may use at the
                                             time of a picture, else those of an opened gate */
} wn_preprocess;

/* The side that a photo's decoder must leave (codec_decode's target): an antialiased resize sees no
 * difference between a photo of 12 megapixels and its half or quarter, OpenCV's would. 0: decode it whole. */
static inline int wn_preprocess_target(const wn_preprocess *preprocess)
{
    return preprocess->resample == WN_RESAMPLE_TRIANGLE ? preprocess->size : 0;
}

/* Bytes of scratch that wn_preprocess_bytes needs for pictures of up to width x height (stored pixels); 0 if
 * out of range. */
size_t wn_preprocess_scratch(const wn_preprocess *preprocess, int width, int height);

/* image -> rgb[size*size*3], upright RGB bytes (never BGR: channel order is applied by
 * wn_preprocess_normalise). */
winnow_status wn_preprocess_bytes(const wn_preprocess *preprocess, const winnow_image *image, uint8_t *rgb,
                                  void *scratch, size_t scratch_size, winnow_error *error);

/* A square part of what is kept of a picture, upright, in shares of its sides: [left, left + side) x [top,
 * top + side), inside 0 to 1. */
typedef struct wn_window {
    double left, top, side;
} wn_window;

/* The same of that part alone, always by the triangle filter. Its edges are rounded to stored pixels. */
winnow_status wn_preprocess_window(const wn_preprocess *preprocess, const winnow_image *image,
                                   wn_window window, uint8_t *rgb, void *scratch, size_t scratch_size,
                                   winnow_error *error);

/* rgb[size*size*3] -> out[size*size*3] float32 in the network's channel order: the float of each byte value
 * comes from one 256-entry table a channel, so it is the same everywhere. */
void wn_preprocess_normalise(const wn_preprocess *preprocess, const uint8_t *rgb, float *out);

#endif
