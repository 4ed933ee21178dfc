/* SPDX-License-Identifier: Apache-2.0 */
#include "augment.h"
#include "../runtime/random.h"
#include "../runtime/resample.h"
#include "effects.h"

#include <math.h>

const char *const wn_augment_names[WN_AUGMENT_KINDS + 1] = {"none", "light", "phone", NULL};

static const wn_augment_ranges light = {
    .area = {0.7, 1, 1},
    .stretch = {-0.1, 0.1, 1},
    .mirror = {0, 1, 0.5},
    .exposure = {-0.3, 0.3, 1},
};

static const wn_augment_ranges phone = {
    .area = {0.5, 1, 0.9},
    .stretch = {-0.35, 0.35, 1},
    .mirror = {0, 1, 0.5},
    .flip = {0, 1, 0.15},
    .screen = {0.05, 0.22, 0.08},
    .defocus = {0.6, 2.2, 0.18},
    .motion = {2, 8, 0.1},
    .exposure = {-1, 0.7, 0.8},
    .warmth = {-0.22, 0.22, 0.7},
    .tint = {-0.06, 0.06, 0.7},
    .contrast = {0.75, 1.3, 0.7},
    .saturation = {0.6, 1.35, 0.7},
    .shot_noise = {0.0001, 0.003, 0.4},
    .read_noise = {0.001, 0.015, 0.4},
    .jpeg_quality = {35, 95, 0.3},
};

const wn_augment_ranges *wn_augment_ranges_of(wn_augment_kind kind)
{
    return kind == WN_AUGMENT_LIGHT ? &light : kind == WN_AUGMENT_PHONE ? &phone : NULL;
}

/* ---- drawing ---- */

/* A number of the range, or `otherwise` when it is not its turn. The same count of random numbers either way.
 */
static double draw(wn_random *random, const wn_augment_range *range, double otherwise)
{
    double turn = wn_random_uniform(random), value = wn_random_range(random, range->low, range->high);
    return turn < range->probability ? value : otherwise;
}

/* The rectangle has the share of the area and the aspect that were drawn, as far as the photo allows. */
static void draw_rectangle(wn_random *random, const wn_augment_ranges *ranges, wn_fit fit, int width,
                           int height, wn_augmentation *drawn)
{
    double base_w = width, base_h = height;
    if (fit == WN_FIT_CROP)
        base_w = base_h = width < height ? width : height;
    double area = draw(random, &ranges->area, 1), stretch = exp2(draw(random, &ranges->stretch, 0) / 2);
    drawn->w = fmin(base_w * sqrt(area) * stretch, width);
    drawn->h = fmin(base_h * sqrt(area) / stretch, height);
    drawn->x = wn_random_uniform(random) * (width - drawn->w);
    drawn->y = wn_random_uniform(random) * (height - drawn->h);
}

/* Screen pixels are about as large as the camera's, or half as large; the screen leans and is seen at an
 * angle. */
static void draw_screen_map(wn_random *random, double side, double *map)
{
    double pitch = (wn_random_uniform(random) < 0.5 ? 1 : 2) + wn_random_range(random, -0.12, 0.12);
    double turn = wn_random_range(random, -0.15, 0.15);
    double c = pitch * cos(turn), s = pitch * sin(turn);
    map[0] = c;
    map[1] = -s;
    map[2] = side * 4; /* keeps phases positive */
    map[3] = s;
    map[4] = c;
    map[5] = side * 4;
    map[6] = wn_random_range(random, -0.06, 0.06) / side;
    map[7] = wn_random_range(random, -0.06, 0.06) / side;
}

void wn_augment_draw(const wn_augment_options *options, int width, int height, uint64_t seed,
                     wn_augmentation *drawn)
{
    const wn_augment_ranges *ranges = wn_augment_ranges_of(options->kind);
    wn_random random;
    wn_random_seed(&random, seed, 0);
    *drawn = (wn_augmentation){0};
    draw_rectangle(&random, ranges, options->preprocess->fit, width, height, drawn);
    drawn->mirror = wn_random_uniform(&random) < ranges->mirror.probability;
    drawn->flip = wn_random_uniform(&random) < ranges->flip.probability;
    drawn->screen_depth = draw(&random, &ranges->screen, 0);
    drawn->screen = drawn->screen_depth > 0;
    draw_screen_map(&random, options->preprocess->size, drawn->screen_map);
    drawn->defocus = draw(&random, &ranges->defocus, 0);
    drawn->motion = draw(&random, &ranges->motion, 0);
    drawn->motion_angle = wn_random_range(&random, 0, M_PI);
    drawn->exposure = draw(&random, &ranges->exposure, 0);
    double warmth = draw(&random, &ranges->warmth, 0), tint = draw(&random, &ranges->tint, 0);
    drawn->red = exp2(tint + warmth);
    drawn->blue = exp2(tint - warmth);
    drawn->contrast = draw(&random, &ranges->contrast, 1);
    drawn->saturation = draw(&random, &ranges->saturation, 1);
    drawn->shot_noise = draw(&random, &ranges->shot_noise, 0);
    drawn->read_noise = draw(&random, &ranges->read_noise, 0);
    drawn->jpeg_quality = (int)draw(&random, &ranges->jpeg_quality, 0);
    drawn->noise_seed = wn_random_next(&random);
}

/* ---- applying ---- */

static void apply_blur(const wn_augmentation *drawn, uint8_t *out, int size, void *scratch)
{
    double scale = size / 128.0;
    wn_blur blur;
    if (drawn->defocus > 0) {
        wn_blur_defocus(&blur, fmin(drawn->defocus * scale, WN_MAX_DEFOCUS));
        wn_effect_blur(out, size, &blur, scratch);
    }
    if (drawn->motion > 0) {
        wn_blur_motion(&blur, fmin(drawn->motion * scale, WN_MAX_MOTION), drawn->motion_angle);
        wn_effect_blur(out, size, &blur, scratch);
    }
}

static void apply_tone(const wn_augmentation *drawn, uint8_t *out, int size)
{
    if (drawn->exposure == 0 && drawn->red == 1 && drawn->blue == 1 && drawn->contrast == 1 &&
        drawn->saturation == 1)
        return;
    /* A gain in linear light is one in encoded values, to the power 1/2.2. White balance keeps the
     * brightness. */
    double all = exp2(drawn->exposure / 2.2) / (0.299 * drawn->red + 0.587 + 0.114 * drawn->blue);
    const double gain[3] = {all * drawn->red, all, all * drawn->blue};
    wn_effect_tone(out, size, gain, drawn->contrast, drawn->saturation);
}

void wn_augment_apply(const wn_augment_options *options, const wn_augmentation *drawn, const uint8_t *rgb,
                      int width, int height, uint8_t *out, void *scratch)
{
    int size = options->preprocess->size;
    wn_resize_rgb(rgb, (ptrdiff_t)width * 3, width, height, drawn->x, drawn->y, drawn->w, drawn->h, out,
                  (ptrdiff_t)size * 3, size, size, scratch);
    wn_effect_mirror(out, size, drawn->mirror, drawn->flip);
    if (drawn->screen)
        wn_effect_screen(out, size, drawn->screen_map, drawn->screen_depth);
    apply_blur(drawn, out, size, scratch);
    apply_tone(drawn, out, size);
    if (drawn->shot_noise > 0 || drawn->read_noise > 0)
        wn_effect_noise(out, size, drawn->shot_noise, drawn->read_noise, drawn->noise_seed);
    if (drawn->jpeg_quality)
        wn_effect_jpeg(out, size, drawn->jpeg_quality);
}

size_t wn_augment_scratch(const wn_augment_options *options, int width, int height)
{
    int size = options->preprocess->size;
    if (options->kind == WN_AUGMENT_NONE)
        return wn_preprocess_scratch(options->preprocess, width, height);
    size_t resize = wn_resize_scratch(width, height, size, size), blur = wn_effect_blur_scratch(size);
    return resize == 0 ? 0 : resize > blur ? resize : blur;
}

void wn_augment(const wn_augment_options *options, const uint8_t *rgb, int width, int height, uint64_t seed,
                uint8_t *out, void *scratch)
{
    if (options->kind == WN_AUGMENT_NONE) {
        const winnow_image image = {
            .plane = {rgb}, .stride = {(ptrdiff_t)width * 3}, .width = width, .height = height};
        size_t size = wn_preprocess_scratch(options->preprocess, width, height);
        wn_preprocess_bytes(options->preprocess, &image, out, scratch, size, NULL);
        return;
    }
    wn_augmentation drawn;
    wn_augment_draw(options, width, height, seed, &drawn);
    wn_augment_apply(options, &drawn, rgb, width, height, out, scratch);
}
