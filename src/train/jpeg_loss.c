/* SPDX-License-Identifier: Apache-2.0
 *
 * One macroblock of 16 x 16 pixels at a time: six 8x8 blocks (four of Y, one each of Cb and Cr at half size)
 * go through the cosine transform, quantisation and back. The transform is two products with an 8x8 matrix,
 * which compilers turn into vector code. */
#include "effects.h"

#include <math.h>
#include <string.h>

typedef float block[8][8];

static const uint8_t luma_table[64] = {
    16, 11,  10,  16, 24, 40, 51, 61, 12,  12,  14,  19,  26, 58, 60, 55,  14,  13,  16,  24, 40, 57,
    69, 56,  14,  17, 22, 29, 51, 87, 80,  62,  18,  22,  37, 56, 68, 109, 103, 77,  24,  35, 55, 64,
    81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98,  112, 100, 103, 99,
};

static const uint8_t chroma_table[64] = {
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99,
    99, 99, 47, 66, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
};

typedef struct quantiser {
    block step, inverse;
} quantiser;

/* cosines[k][n] = c_k cos((2n+1) k pi / 16), orthonormal. */
static void build_cosines(block cosines)
{
    for (int k = 0; k < 8; k++)
        for (int n = 0; n < 8; n++)
            cosines[k][n] = (float)((k ? 0.5 : sqrt(0.125)) * cos((2 * n + 1) * k * M_PI / 16));
}

static void build_quantiser(quantiser *q, const uint8_t *table, int quality)
{
    int scale = quality < 50 ? 5000 / quality : 200 - 2 * quality;
    for (int i = 0; i < 64; i++) {
        int step = (table[i] * scale + 50) / 100;
        step = step < 1 ? 1 : step > 255 ? 255 : step;
        q->step[i / 8][i % 8] = (float)step;
        q->inverse[i / 8][i % 8] = 1 / (float)step;
    }
}

/* out = a b */
static void multiply(block a, block b, block out)
{
    for (int i = 0; i < 8; i++) {
        float row[8] = {0};
        for (int k = 0; k < 8; k++)
            for (int j = 0; j < 8; j++)
                row[j] += a[i][k] * b[k][j];
        memcpy(out[i], row, sizeof row);
    }
}

static void transpose(block a, block out)
{
    for (int i = 0; i < 8; i++)
        for (int j = 0; j < 8; j++)
            out[j][i] = a[i][j];
}

typedef struct transform {
    block cosines, transposed;
    quantiser luma, chroma;
} transform;

static void lose(transform *t, quantiser *q, block pixels)
{
    block half, coefficients;
    multiply(t->cosines, pixels, half);
    multiply(half, t->transposed, coefficients);
    for (int i = 0; i < 8; i++)
        for (int j = 0; j < 8; j++) {
            float level = coefficients[i][j] * q->inverse[i][j];
            coefficients[i][j] = (float)(int)(level + (level < 0 ? -0.5f : 0.5f)) * q->step[i][j];
        }
    multiply(t->transposed, coefficients, half);
    multiply(half, t->cosines, pixels);
}

static uint8_t to_byte(float v)
{
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : (int)(v + 0.5f));
}

typedef struct macroblock {
    block y[4], cb, cr;
} macroblock;

/* Reads the 16x16 pixels at (left, top); past the edge, the last pixel repeats. */
static void gather(const uint8_t *rgb, int side, int left, int top, macroblock *m)
{
    memset(m->cb, 0, sizeof m->cb);
    memset(m->cr, 0, sizeof m->cr);
    for (int i = 0; i < 16; i++) {
        const uint8_t *row = rgb + (size_t)(top + i < side ? top + i : side - 1) * (size_t)side * 3;
        for (int j = 0; j < 16; j++) {
            const uint8_t *p = row + 3 * (left + j < side ? left + j : side - 1);
            float r = p[0], g = p[1], b = p[2];
            m->y[i / 8 * 2 + j / 8][i % 8][j % 8] = 0.299f * r + 0.587f * g + 0.114f * b - 128;
            m->cb[i / 2][j / 2] += 0.25f * (-0.168736f * r - 0.331264f * g + 0.5f * b);
            m->cr[i / 2][j / 2] += 0.25f * (0.5f * r - 0.418688f * g - 0.081312f * b);
        }
    }
}

static void scatter(uint8_t *rgb, int side, int left, int top, macroblock *m)
{
    for (int i = 0; i < 16 && top + i < side; i++) {
        uint8_t *p = rgb + ((size_t)(top + i) * (size_t)side + (size_t)left) * 3;
        for (int j = 0; j < 16 && left + j < side; j++, p += 3) {
            float y = m->y[i / 8 * 2 + j / 8][i % 8][j % 8] + 128, cb = m->cb[i / 2][j / 2],
                  cr = m->cr[i / 2][j / 2];
            p[0] = to_byte(y + 1.402f * cr);
            p[1] = to_byte(y - 0.344136f * cb - 0.714136f * cr);
            p[2] = to_byte(y + 1.772f * cb);
        }
    }
}

void wn_effect_jpeg(uint8_t *rgb, int side, int quality)
{
    transform t;
    macroblock m;
    build_cosines(t.cosines);
    transpose(t.cosines, t.transposed);
    build_quantiser(&t.luma, luma_table, quality);
    build_quantiser(&t.chroma, chroma_table, quality);
    for (int top = 0; top < side; top += 16)
        for (int left = 0; left < side; left += 16) {
            gather(rgb, side, left, top, &m);
            for (int i = 0; i < 4; i++)
                lose(&t, &t.luma, m.y[i]);
            lose(&t, &t.chroma, m.cb);
            lose(&t, &t.chroma, m.cr);
            scatter(rgb, side, left, top, &m);
        }
}
