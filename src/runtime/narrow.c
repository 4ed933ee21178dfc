/* SPDX-License-Identifier: Apache-2.0
 * What an int8 plan does differently: weights of 8 bits with a scale for each output channel, inputs of 7
 * bits (kernels/int8.h says why) between the extremes that photos gave them.
 *
 * x = (q - z) / s with s = 127 / (high - low), z = -low s to nearest, so that zero is exact. Then
 * w . x = (w_scale / s) (w_q . q) - (w_scale / s) z sum(w_q): a scale and a bias for each output channel.
 *
 * Stem and depthwise filters stay float32, but of numbers whose products and sums have no more than 24 bits:
 * so they are exact, and the same whether a processor fuses multiplications and additions or not. */
#include "stage.h"

#include <math.h>
#include <string.h>

/* Weights that meet in one sum of 16 bits: of 16 that follow each other, the even or the odd pairs. Their
 * positive ones may sum to no more than 32767 / 127 = 258, likewise the negative ones; each of the 8 may have
 * been rounded up by a half. */
enum { MOST_WEIGHT = 127, MOST_SUM = 258, PAIRS = 2 };
static const float SUM_BEFORE_ROUNDING = MOST_SUM - 8 * 0.5f;

float wn_row_scale(const float *weight, size_t count)
{
    float most = 0, fullest = 0;
    for (size_t block = 0; block < count; block += WN_BLOCK) {
        float positive[PAIRS] = {0}, negative[PAIRS] = {0};
        for (size_t k = block; k < count && k < block + WN_BLOCK; k++) {
            most = fmaxf(most, fabsf(weight[k]));
            positive[k / 2 % PAIRS] += fmaxf(weight[k], 0);
            negative[k / 2 % PAIRS] += fmaxf(-weight[k], 0);
        }
        for (int i = 0; i < PAIRS; i++)
            fullest = fmaxf(fullest, fmaxf(positive[i], negative[i]));
    }
    const float scale = fmaxf(most / MOST_WEIGHT, fullest / SUM_BEFORE_ROUNDING);
    return scale < WN_LEAST_SCALE ? 0 : scale; /* so that its inverse is finite */
}

void wn_row_bytes(const float *weight, size_t count, float scale, int8_t *bytes)
{
    const float inverse = scale > 0 ? 1 / scale : 0;
    for (size_t k = 0; k < count; k++)
        bytes[k] = (int8_t)rintf(weight[k] * inverse);
}

/* Eight bytes at once: the magnitudes of the positive ones or of the negative ones, 0 for the others. */
static const uint64_t LOWEST_BITS = 0x0101010101010101, HIGHEST_BITS = 0x8080808080808080;

static uint64_t positives(uint64_t bytes)
{
    return bytes & ~((bytes >> 7 & LOWEST_BITS) * 0xff);
}

static uint64_t negatives(uint64_t bytes)
{
    const uint64_t sign = bytes >> 7 & LOWEST_BITS;
    return (~bytes & sign * 0xff) + sign;
}

/* Not 0 where the even or the odd pairs of 16 magnitudes sum to more than MOST_SUM. */
static uint32_t overfull(uint64_t first, uint64_t second)
{
    const uint64_t even = 0x00ff00ff00ff00ff;
    const uint64_t pairs = (first & even) + (first >> 8 & even) + (second & even) + (second >> 8 & even);
    const uint32_t sums = (uint32_t)(pairs + (pairs >> 32)); /* of 16 bits each */
    return (sums + (0x7fff - MOST_SUM) * 0x10001u) & 0x80008000u;
}

bool wn_row_fits(const int8_t *bytes, size_t count)
{
    uint64_t wrong = 0;
    for (size_t k = 0; k < count; k += WN_BLOCK) {
        uint64_t word[2] = {0};
        if (count - k >= sizeof word)
            memcpy(word, bytes + k, sizeof word);
        else
            memcpy(word, bytes + k, count - k);
        const uint64_t first = negatives(word[0]), second = negatives(word[1]);
        wrong |= (first | second) & HIGHEST_BITS; /* -128 */
        wrong |= overfull(first, second) | overfull(positives(word[0]), positives(word[1]));
    }
    return !wrong;
}

void wn_filter_to_grid(float *weight, int taps, size_t step, float reach, float *bias)
{
    double most = fabs((double)*bias); /* of any sum on the way */
    for (int i = 0; i < taps; i++)
        most += fabs((double)weight[i * step]) * (double)reach;
    int exponent;
    frexp(most, &exponent); /* most < 2^exponent; a bit is left for what rounding adds */
    const double sums = ldexp(1, 23 - exponent), weights = sums / WN_GRID;
    for (int i = 0; i < taps; i++)
        weight[i * step] = (float)(rint((double)weight[i * step] * weights) / weights);
    *bias = (float)(rint((double)*bias * sums) / sums);
}

const void *wn_narrow(const wn_kernels *kernels, const wn_packed *packed, const float *in, size_t count,
                      void *room)
{
    if (packed->bytes)
        kernels->quantise(in, room, count, packed->in_scale, packed->in_offset);
    else if (packed->halves)
        kernels->narrow(in, room, count);
    else
        return in;
    return room;
}

void wn_multiply(const wn_kernels *kernels, const wn_packed *packed, int channel, const void *a, size_t at,
                 wn_gemm g)
{
    g.bias = packed->bias + channel;
    if (packed->bytes) {
        g.a8 = (const uint8_t *)a + at;
        g.b8 = packed->bytes + (size_t)channel * g.k;
        g.scale = packed->scale + channel;
        kernels->gemm8(&g);
    } else if (packed->halves) {
        g.a16 = (const uint16_t *)a + at;
        g.b16 = packed->halves + (size_t)channel * g.k;
        g.scale = packed->scale + channel;
        kernels->gemm16(&g);
    } else {
        g.a = (const float *)a + at;
        g.b = packed->weight + (size_t)channel * g.k;
        kernels->gemm(&g);
    }
}

void wn_observe(const wn_workspace *work, const wn_packed *packed, const float *in, int channels, int pixels,
                size_t stride)
{
    if (!work->ranges)
        return;
    float *low = &work->ranges->low[packed->layer], *high = &work->ranges->high[packed->layer];
    for (int c = 0; c < channels; c++)
        for (int i = 0; i < pixels; i++) {
            const float x = in[c / WN_BLOCK * stride + (size_t)i * WN_BLOCK + c % WN_BLOCK];
            *low = fminf(*low, x);
            *high = fmaxf(*high, x);
        }
}
