/* SPDX-License-Identifier: Apache-2.0
 *
 * Augmentation: what a phone might have made of the same subject. A gate that has only seen clean photos
 * turns good ones away when they are blurred, dark, noisy, recompressed or taken from a screen.
 *
 *     rectangle of the photo -> size x size, mirrored -> screen -> blur -> exposure, white balance, contrast,
 *     saturation -> sensor noise -> JPEG
 *
 * A picture depends on the options, the photo and the seed alone: not on threads, nor on what came before. */
#ifndef WN_AUGMENT_H
#define WN_AUGMENT_H

#include "../runtime/preprocess.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum wn_augment_kind {
    WN_AUGMENT_NONE,  /* the runtime's preprocessing, bit for bit */
    WN_AUGMENT_LIGHT, /* mild crop, mirroring, mild exposure */
    WN_AUGMENT_PHONE, /* all of it */
    WN_AUGMENT_KINDS
} wn_augment_kind;

/* "none", "light", "phone", NULL: the choices of --augment, in the order of the kinds. */
extern const char *const wn_augment_names[WN_AUGMENT_KINDS + 1];

typedef struct wn_augment_options {
    wn_augment_kind kind;
    const wn_preprocess *preprocess; /* size and fit; all of it where nothing is augmented */
} wn_augment_options;

/* Bytes of scratch, aligned to 64, for photos of up to width x height; 0 where a size is out of range. */
size_t wn_augment_scratch(const wn_augment_options *options, int width, int height);

/* rgb[height*width*3] (upright) -> out[size*size*3], also RGB: wn_preprocess_normalise follows. */
void wn_augment(const wn_augment_options *options, const uint8_t *rgb, int width, int height, uint64_t seed,
                uint8_t *out, void *scratch);

/* ---- what wn_augment does, in two steps: draw the numbers, then apply them ---- */

/* Everything that was drawn for one picture. Lengths are in pixels of the output at size 128, and grow with
 * it. */
typedef struct wn_augmentation {
    double x, y, w, h;    /* rectangle of the photo, in its pixels */
    bool mirror, flip;    /* left-right, upside down */
    bool screen;          /* photographed from a screen */
    double screen_depth;  /* of the grid: 0 to 1 */
    double screen_map[8]; /* pixel -> screen pixel: u = (m0 x + m1 y + m2) / (m6 x + m7 y + 1), v likewise */
    double defocus;       /* radius of the disc; 0 none */
    double motion, motion_angle; /* length of the streak, 0 none; radians */
    double exposure;             /* stops */
    double red, blue;            /* gains against green */
    double contrast, saturation; /* factors; 1 leaves as is */
    double shot_noise;           /* variance at full brightness, of values 0 to 1 */
    double read_noise;           /* deviation everywhere */
    int jpeg_quality;            /* 0 none */
    uint64_t noise_seed;
} wn_augmentation;

/* The least and the most of each drawn number, and how often it is drawn. */
typedef struct wn_augment_range {
    double low, high, probability;
} wn_augment_range;

typedef struct wn_augment_ranges {
    wn_augment_range area;    /* share of the photo (of its centred square's area where fit is crop) */
    wn_augment_range stretch; /* of the rectangle's aspect, as a power of 2 */
    wn_augment_range mirror, flip;
    wn_augment_range screen, defocus, motion;
    wn_augment_range exposure, warmth, tint, contrast,
        saturation; /* red = 2^(tint + warmth), blue = 2^(tint - warmth) */
    wn_augment_range shot_noise, read_noise, jpeg_quality;
} wn_augment_ranges;

/* NULL for WN_AUGMENT_NONE. */
const wn_augment_ranges *wn_augment_ranges_of(wn_augment_kind kind);

/* Draws for a photo of width x height. Not for WN_AUGMENT_NONE. */
void wn_augment_draw(const wn_augment_options *options, int width, int height, uint64_t seed,
                     wn_augmentation *drawn);

void wn_augment_apply(const wn_augment_options *options, const wn_augmentation *drawn, const uint8_t *rgb,
                      int width, int height, uint8_t *out, void *scratch);

#endif
