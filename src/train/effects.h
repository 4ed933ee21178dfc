/* SPDX-License-Identifier: Apache-2.0
 * What a camera does to a square RGB picture of side x side x 3 bytes, in place. Used by augment.c. */
#ifndef WN_EFFECTS_H
#define WN_EFFECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void wn_effect_mirror(uint8_t *rgb, int side, bool left_right, bool upside_down);

/* The grid of red, green and blue stripes of a screen, sampled at pixel centres: where its pitch is near that
 * of the pixels, the two beat (moire). map: see wn_augmentation.screen_map. */
void wn_effect_screen(uint8_t *rgb, int side, const double *map, double depth);

/* A weighted sum of shifted pictures; edges repeat. */
enum { WN_MAX_TAPS = 320, WN_MAX_REACH = 10, WN_MAX_DEFOCUS = 8, WN_MAX_MOTION = 16 };
typedef struct wn_blur {
    int count;
    int8_t dx[WN_MAX_TAPS], dy[WN_MAX_TAPS]; /* within WN_MAX_REACH */
    uint16_t weight[WN_MAX_TAPS];            /* sums to 256 */
} wn_blur;
void wn_blur_defocus(wn_blur *blur, double radius);
void wn_blur_motion(wn_blur *blur, double length, double angle);
size_t wn_effect_blur_scratch(int side);
void wn_effect_blur(uint8_t *rgb, int side, const wn_blur *blur, void *scratch);

/* value -> clip(gain_c * value), contrast about mid-grey, then saturation about the luma. */
void wn_effect_tone(uint8_t *rgb, int side, const double gain[3], double contrast, double saturation);

/* Noise of variance shot * value + read^2 (values 0 to 1), independent between pixels and channels. */
void wn_effect_noise(uint8_t *rgb, int side, double shot, double read, uint64_t seed);

/* What JPEG loses at quality 1 to 100 (4:2:0, the tables of ITU-T T.81 Annex K scaled as libjpeg does):
 * colour conversion, subsampling, quantised cosine coefficients. Entropy coding loses nothing, and is left
 * out. */
void wn_effect_jpeg(uint8_t *rgb, int side, int quality);

#endif
