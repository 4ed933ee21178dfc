/* SPDX-License-Identifier: Apache-2.0
 *
 * All in bytes and integers where a pixel is touched: tables for what depends on one value, sums of shifted
 * rows for blur. At 128 pixels each effect takes 20 to 200 microseconds. */
#include "effects.h"

#include <math.h>
#include <string.h>

static uint8_t clip(int v)
{
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static void swap_pixels(uint8_t *a, uint8_t *b)
{
    for (int c = 0; c < 3; c++) {
        uint8_t kept = a[c];
        a[c] = b[c];
        b[c] = kept;
    }
}

void wn_effect_mirror(uint8_t *rgb, int side, bool left_right, bool upside_down)
{
    size_t row = (size_t)side * 3;
    for (int y = 0; y < side && left_right; y++)
        for (int x = 0; x < side / 2; x++)
            swap_pixels(rgb + (size_t)y * row + 3 * x, rgb + (size_t)y * row + 3 * (side - 1 - x));
    for (int y = 0; y < side / 2 && upside_down; y++)
        for (int x = 0; x < side; x++)
            swap_pixels(rgb + (size_t)y * row + 3 * x, rgb + (size_t)(side - 1 - y) * row + 3 * x);
}

/* ---- screen ---- */

enum { PHASES = 256 };

/* Share of light at each phase of a stripe, in 1/256: 256 in its middle, 256 (1 - depth) beside it. */
static void build_stripe(double depth, uint16_t *stripe)
{
    for (int i = 0; i < PHASES; i++)
        stripe[i] = (uint16_t)(256 * (1 - depth * (0.5 - 0.5 * cos(2 * M_PI * i / PHASES))) + 0.5);
}

void wn_effect_screen(uint8_t *rgb, int side, const double *map, double depth)
{
    uint16_t column[PHASES], row[PHASES];
    build_stripe(depth, column);
    build_stripe(depth * 0.5, row);
    /* The mean of both stripes is made up for, so that the picture keeps its brightness. */
    float lift = (float)(1 / ((1 - depth / 2) * (1 - depth / 4)) / 65536);
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++, rgb += 3) {
            double w = PHASES / (map[6] * x + map[7] * y + 1);
            int u = (int)((map[0] * x + map[1] * y + map[2]) * w),
                v = (int)((map[3] * x + map[4] * y + map[5]) * w);
            float gap = (float)row[v & (PHASES - 1)] * lift;
            for (int c = 0; c < 3; c++)
                rgb[c] = clip(
                    (int)((float)rgb[c] * (float)column[(u - c * PHASES / 3) & (PHASES - 1)] * gap + 0.5f));
        }
}

/* ---- blur ---- */

/* Weights in 1/256. The running sum is rounded rather than each weight, so that they sum to 256. */
static void set_weights(wn_blur *blur, const double *weight)
{
    double total = 0, sum = 0;
    int given = 0;
    for (int i = 0; i < blur->count; i++)
        total += weight[i];
    for (int i = 0; i < blur->count; i++) {
        sum += weight[i];
        blur->weight[i] = (uint16_t)((int)(256 * sum / total + 0.5) - given);
        given += blur->weight[i];
    }
}

/* A disc with an edge one pixel wide. */
void wn_blur_defocus(wn_blur *blur, double radius)
{
    double weight[WN_MAX_TAPS];
    int reach = (int)ceil(radius);
    blur->count = 0;
    for (int dy = -reach; dy <= reach; dy++)
        for (int dx = -reach; dx <= reach; dx++) {
            double inside = radius + 0.5 - sqrt(dx * dx + dy * dy);
            if (inside <= 0 || blur->count == WN_MAX_TAPS)
                continue;
            weight[blur->count] = fmin(inside, 1);
            blur->dx[blur->count] = (int8_t)dx;
            blur->dy[blur->count++] = (int8_t)dy;
        }
    set_weights(blur, weight);
}

/* A straight streak, each pixel's share split between its four neighbours. */
void wn_blur_motion(wn_blur *blur, double length, double angle)
{
    enum { SPAN = 2 * WN_MAX_REACH + 1 };
    double grid[SPAN][SPAN] = {{0}}, weight[WN_MAX_TAPS];
    int steps = (int)ceil(length) * 2 + 1;
    for (int i = 0; i < steps; i++) {
        double at = length * ((double)i / (steps - 1 > 0 ? steps - 1 : 1) - 0.5);
        double x = at * cos(angle) + WN_MAX_REACH, y = at * sin(angle) + WN_MAX_REACH;
        int ix = (int)x, iy = (int)y;
        double fx = x - ix, fy = y - iy;
        grid[iy][ix] += (1 - fx) * (1 - fy);
        grid[iy][ix + 1] += fx * (1 - fy);
        grid[iy + 1][ix] += (1 - fx) * fy;
        grid[iy + 1][ix + 1] += fx * fy;
    }
    blur->count = 0;
    for (int y = 0; y < SPAN; y++)
        for (int x = 0; x < SPAN; x++)
            if (grid[y][x] > 0 && blur->count < WN_MAX_TAPS) {
                weight[blur->count] = grid[y][x];
                blur->dx[blur->count] = (int8_t)(x - WN_MAX_REACH);
                blur->dy[blur->count++] = (int8_t)(y - WN_MAX_REACH);
            }
    set_weights(blur, weight);
}

size_t wn_effect_blur_scratch(int side)
{
    size_t padded = (size_t)side + 2 * WN_MAX_REACH;
    return padded * padded * 3 + (size_t)side * 3 * sizeof(uint16_t) + 64;
}

/* Copies the picture into the middle of a larger one, edges repeated. */
static void pad(const uint8_t *rgb, int side, uint8_t *padded)
{
    size_t stride = ((size_t)side + 2 * WN_MAX_REACH) * 3;
    for (int y = 0; y < side + 2 * WN_MAX_REACH; y++) {
        int from = y - WN_MAX_REACH < 0 ? 0 : y - WN_MAX_REACH >= side ? side - 1 : y - WN_MAX_REACH;
        const uint8_t *source = rgb + (size_t)from * (size_t)side * 3;
        uint8_t *row = padded + (size_t)y * stride, *end = row + stride - WN_MAX_REACH * 3;
        for (int i = 0; i < WN_MAX_REACH; i++) {
            memcpy(row + 3 * i, source, 3);
            memcpy(end + 3 * i, source + 3 * (side - 1), 3);
        }
        memcpy(row + 3 * WN_MAX_REACH, source, (size_t)side * 3);
    }
}

static void add_row(uint16_t *restrict sum, const uint8_t *restrict row, int count, int weight)
{
    for (int i = 0; i < count; i++)
        sum[i] = (uint16_t)(sum[i] + row[i] * weight);
}

void wn_effect_blur(uint8_t *rgb, int side, const wn_blur *blur, void *scratch)
{
    size_t stride = ((size_t)side + 2 * WN_MAX_REACH) * 3;
    int count = side * 3;
    uint16_t *sum = scratch;
    uint8_t *padded = (uint8_t *)scratch + ((size_t)count * sizeof *sum + 63) / 64 * 64;
    pad(rgb, side, padded);
    for (int y = 0; y < side; y++) {
        for (int i = 0; i < count; i++)
            sum[i] = 127; /* rounds; 255 * 256 + 127 still fits */
        for (int k = 0; k < blur->count; k++)
            add_row(sum,
                    padded + (size_t)(y + WN_MAX_REACH + blur->dy[k]) * stride +
                        3 * (WN_MAX_REACH + blur->dx[k]),
                    count, blur->weight[k]);
        for (int i = 0; i < count; i++)
            rgb[(size_t)y * (size_t)count + (size_t)i] = (uint8_t)(sum[i] >> 8);
    }
}

/* ---- tone ---- */

void wn_effect_tone(uint8_t *rgb, int side, const double gain[3], double contrast, double saturation)
{
    uint8_t curve[3][256];
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < 256; i++)
            curve[c][i] = clip((int)floor((fmin(i * gain[c], 255) - 127.5) * contrast + 128));
    int share = (int)(saturation * 256 + 0.5);
    for (int i = 0; i < side * side; i++, rgb += 3) {
        int r = curve[0][rgb[0]], g = curve[1][rgb[1]], b = curve[2][rgb[2]];
        int luma = (77 * r + 150 * g + 29 * b + 128) >> 8;
        rgb[0] = clip(luma + (((r - luma) * share + 128) >> 8));
        rgb[1] = clip(luma + (((g - luma) * share + 128) >> 8));
        rgb[2] = clip(luma + (((b - luma) * share + 128) >> 8));
    }
}

/* ---- noise ---- */

void wn_effect_noise(uint8_t *rgb, int side, double shot, double read, uint64_t seed)
{
    /* Four uniform bytes make nearly a normal number of deviation 147.8: deviations are in 1/4096 of that. */
    int deviation[256];
    for (int i = 0; i < 256; i++)
        deviation[i] = (int)(255 * sqrt(shot * i / 255 + read * read) / 147.8 * 4096 + 0.5);
    uint64_t state = seed | 1;
    for (int i = 0; i < side * side * 3; i += 2) {
        state ^= state << 13; /* xorshift64 (Marsaglia, 2003), its output scrambled */
        state ^= state >> 7;
        state ^= state << 17;
        uint64_t bits = state * 2685821657736338717u;
        uint64_t pairs = (bits & 0x00ff00ff00ff00ffu) + (bits >> 8 & 0x00ff00ff00ff00ffu);
        pairs += pairs >> 16; /* two sums of four bytes, at bits 0 and 32 */
        int first = (int)(pairs & 0xffff) - 510, second = (int)(pairs >> 32 & 0xffff) - 510;
        rgb[i] = clip(rgb[i] + ((first * deviation[rgb[i]] + 2048) >> 12));
        if (i + 1 < side * side * 3)
            rgb[i + 1] = clip(rgb[i + 1] + ((second * deviation[rgb[i + 1]] + 2048) >> 12));
    }
}
