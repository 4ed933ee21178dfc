/* SPDX-License-Identifier: Apache-2.0
 * Products of bytes, with the tiles of fp32.h, which includes this file. A translation unit defines either
 *   DOT(sum, x, w)  sum[i] += x[4i] w[4i] + ... + x[4i+3] w[4i+3]: int32, vectors of WIDTH; x of 0..127, w of
 *                   -127..127, four bytes in each element
 * or, where that takes two instructions, with the second once for several of the first
 *   PAIRS(x, w)     p[i] = x[2i] w[2i] + x[2i+1] w[2i+1]: int16
 *   WIDEN(p)        p[2i] + p[2i+1]: int32
 * and
 *   TO_BYTES(q)     WN_BLOCK floats of 0..127, in WN_BLOCK / WIDTH vectors, to the nearest bytes (even in the
 *                   middle): returns what STORE16(to, bytes) stores
 *
 * Nothing saturates. Activations have 7 bits, so that signed dot products (NEON, WASM) serve as well as mixed
 * ones, and so that two products fit 16 bits, where vpmaddubsw would saturate. Eight fit them too, because
 * the weights are scaled for that: wn_row_scale holds the positive and the negative ones of the eight that
 * meet in one sum (of 16 that follow each other, the even or the odd pairs) to 258 each, and 127 * 258 <
 * 32768. So sums are exact, and every instruction set finds the same; the float32 around them rounds once for
 * each operation, without fused ones, for the same reason. What ReLU6 gives is a multiple of 1/WN_GRID, so
 * that the depthwise filters after it are exact too: see wn_filter_to_grid. */
typedef ivec gemm8_sums[2 * TILE_ROWS][MAX_VECTORS];

INLINE ivec weights8(const int8_t *b, int step, int v, size_t panel)
{
    return *(const ivec *)(b + step * 4 * WN_BLOCK + v * WIDTH / WN_BLOCK * panel + v * WIDTH % WN_BLOCK * 4);
}

/* What the sums mean, to the activation and its store. */
INLINE void gemm8_finish(const int rows, const int vectors, const wn_gemm *g, int column, int pixel,
                         const gemm8_sums sum)
{
    gemm_sums real;
    UNROLL
    for (int v = 0; v < vectors; v++) {
        const vec scale = load(g->scale + column + v * WIDTH), bias = load(g->bias + column + v * WIDTH);
        UNROLL
        for (int r = 0; r < rows; r++) {
            vec scaled = __builtin_convertvector(sum[r][v], vec) * scale;
            HOLD(scaled);
            real[r][v] = scaled + bias;
        }
    }
    gemm_activate(rows, vectors, g, real);
    if (g->relu6) {
        UNROLL
        for (int r = 0; r < rows; r++) {
            UNROLL
            for (int v = 0; v < vectors; v++)
                real[r][v] = to_grid(real[r][v]);
        }
    }
    gemm_finish(rows, vectors, g, column, pixel, real);
}

#ifdef STREAMED
#include "stream8.h"
#else
#ifdef DOT
/* `steps` steps of four of the inner dimension, in one block of a. */
INLINE void gemm8_steps(const int steps, const int rows, const int vectors, const uint8_t *a, const int8_t *b,
                        size_t panel, gemm8_sums sum)
{
    UNROLL
    for (int i = 0; i < steps; i++) {
        UNROLL
        for (int r = 0; r < rows; r++) {
            const ivec x = *(const four *)(a + r * WN_BLOCK + i * 4) - (ivec){0};
            UNROLL
            for (int v = 0; v < vectors; v++)
                sum[r][v] = DOT(sum[r][v], x, weights8(b, i, v, panel));
        }
    }
}
#else
INLINE void gemm8_steps(const int steps, const int rows, const int vectors, const uint8_t *a, const int8_t *b,
                        size_t panel, gemm8_sums sum)
{
    pairs part[2 * TILE_ROWS][MAX_VECTORS];
    UNROLL
    for (int i = 0; i < steps; i++) {
        UNROLL
        for (int r = 0; r < rows; r++) {
            const ivec x = *(const four *)(a + r * WN_BLOCK + i * 4) - (ivec){0};
            UNROLL
            for (int v = 0; v < vectors; v++) {
                const pairs product = PAIRS(x, weights8(b, i, v, panel));
                part[r][v] = product + (i ? part[r][v] : (pairs){0});
                HOLD(part[r][v]); /* else GCC keeps all products, in memory, to add them up at the end */
            }
        }
    }
    UNROLL
    for (int r = 0; r < rows; r++) {
        UNROLL
        for (int v = 0; v < vectors; v++)
            sum[r][v] += WIDEN(part[r][v]);
    }
}
#endif

INLINE void gemm8_tile(const int rows, const int vectors, const wn_gemm *g, int column, int pixel)
{
    const size_t panel = (size_t)g->k * WN_BLOCK;
    const int8_t *b = g->b8 + (size_t)(column / WN_BLOCK) * panel + (size_t)(column % WN_BLOCK) * 4;
    const uint8_t *a = g->a8 + (size_t)pixel * WN_BLOCK;
    gemm8_sums sum;
    UNROLL
    for (int r = 0; r < rows; r++) {
        UNROLL
        for (int v = 0; v < vectors; v++)
            sum[r][v] = (ivec){0};
    }

    int k = g->k;
    for (; k >= WN_BLOCK; k -= WN_BLOCK) {
        gemm8_steps(WN_BLOCK / 4, rows, vectors, a, b, panel, sum);
        a += g->a_block;
        b += WN_BLOCK * WN_BLOCK;
    }
    if (k)
        gemm8_steps(WN_BLOCK / 8, rows, vectors, a, b, panel, sum);

    gemm8_finish(rows, vectors, g, column, pixel, sum);
}

TILES(gemm8)

static void gemm8(const wn_gemm *g)
{
    gemm_all(g, gemm8_wide, gemm8_narrow);
}
#endif

#ifndef GEMM8
#define GEMM8 gemm8
#endif

static void quantise(const float *in, uint8_t *out, size_t count, float scale, float zero)
{
    const vec s = splat(scale), z = splat(zero);
    for (size_t i = 0; i < count; i += WN_BLOCK) {
        vec q[WN_BLOCK / WIDTH];
        UNROLL
        for (int v = 0; v < WN_BLOCK / WIDTH; v++) {
            vec scaled = load(in + i + v * WIDTH) * s;
            HOLD(scaled);
            q[v] = MINIMUM(MAXIMUM(scaled + z, splat(0)), splat(127));
        }
        STORE16(out + i, TO_BYTES(q));
    }
}
