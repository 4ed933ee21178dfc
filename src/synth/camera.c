/* SPDX-License-Identifier: Apache-2.0 */
#include "camera.h"

#include <math.h>
#include <stddef.h>

/* Level of one channel -> level, with gain in linear light (gamma 2.2) and a contrast curve. */
static void build_curve(double gain, double contrast, uint8_t *curve)
{
    for (int i = 0; i < 256; i++) {
        double v = pow(pow(i / 255.0, 2.2) * gain, 1 / 2.2);
        v = fmin(v, 1);
        v += contrast * (v * v * (3 - 2 * v) - v);
        curve[i] = (uint8_t)(255 * fmax(0, fmin(1, v)) + 0.5);
    }
}

static inline int soften(int before, int here, int after, int softness)
{
    return here + ((before + after - 2 * here) * softness + 128) / 256;
}

/* One pass of a three-tap blur along a line of `count` pixels of 4 bytes; softness 0 to 85 (equal weights).
 */
static void soften_line(uint8_t *pixel, int count, ptrdiff_t step, int softness)
{
    int before[3] = {pixel[0], pixel[1], pixel[2]};
    for (int i = 0; i + 1 < count; i++, pixel += step)
        for (int c = 0; c < 3; c++) {
            int here = pixel[c];
            pixel[c] = (uint8_t)soften(before[c], here, pixel[step + c], softness);
            before[c] = here;
        }
}

static void soften_all(scene *s, int softness)
{
    int w = (int)s->width, h = (int)s->height;
    uint8_t *bytes = cairo.image_surface_get_data(s->surface);
    ptrdiff_t stride = cairo.image_surface_get_stride(s->surface);
    for (int y = 0; y < h; y++)
        soften_line(bytes + y * stride, w, 4, softness);
    for (int x = 0; x < w; x++)
        soften_line(bytes + x * 4, h, stride, softness);
}

static uint8_t to_byte(int v)
{
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

/* Noise of 4 uniform bytes a draw: triangular enough for the eye, and fast. */
static int noise(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    uint64_t bits = *state >> 32;
    return (int)(bits & 255) + (int)(bits >> 8 & 255) + (int)(bits >> 16 & 255) + (int)(bits >> 24) - 510;
}

void camera_take(scene *s, uint8_t *rgb)
{
    int w = (int)s->width, h = (int)s->height;
    cairo.surface_flush(s->surface);
    int blurs = chance(s, 0.25) ? 1 + choose(s, 2) : 0;
    for (int i = 0; i < blurs; i++)
        soften_all(s, 40 + choose(s, 45));
    double gain = pow(2, s->place.exposure + uniform(s, -0.3, 0.3)), contrast = uniform(s, -0.2, 0.6);
    uint8_t curve[3][256];
    build_curve(gain * s->place.warmth.r, contrast, curve[0]);
    build_curve(gain * s->place.warmth.g, contrast, curve[1]);
    build_curve(gain * s->place.warmth.b, contrast, curve[2]);
    const uint8_t *bytes = cairo.image_surface_get_data(s->surface);
    ptrdiff_t stride = cairo.image_surface_get_stride(s->surface);
    int amount = (int)(s->place.noise * 255 / 147 * 4096); /* 147: the deviation of noise() */
    double reach = 4 / (s->width * s->width + s->height * s->height);
    uint64_t state = wn_random_next(&s->random);
    for (int y = 0; y < h; y++) {
        const uint32_t *row = (const uint32_t *)(const void *)(bytes + y * stride);
        double dy = y - s->height / 2;
        for (int x = 0; x < w; x++, rgb += 3) {
            double dx = x - s->width / 2;
            int fall = (int)(256 * (1 - s->place.vignette * (dx * dx + dy * dy) * reach));
            for (int c = 0; c < 3; c++) {
                int level = curve[c][row[x] >> (16 - 8 * c) & 255] * fall / 256;
                rgb[c] = to_byte(level + noise(&state) * amount / 4096);
            }
        }
    }
}
