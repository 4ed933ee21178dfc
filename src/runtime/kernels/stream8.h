/* SPDX-License-Identifier: Apache-2.0
 * Products of bytes for browsers' compilers, instead of the tiles of int8.h, which includes this file. The
 * weights of 16 inner values and 8 output channels fill 8 registers, and the pixels pass by: the sums lie in
 * memory (2 kB, in the nearest cache), where they are read and written once for 16 of their products. A
 * tile's sums would need the 16 registers of x86 for themselves, and would be spilled there anyway.
 *
 * A translation unit defines DOT alone; or also PAIRS and WIDEN, and GEMM8, an expression that chooses
 * between gemm8_dots and gemm8_pairs. */
enum { STREAMED_PIXELS = 64, STREAMED_VECTORS = 8 / WIDTH, STEPS = WN_BLOCK / 4 };

typedef ivec stream8_sum[STREAMED_VECTORS];

/* sum + `steps` steps of four of the inner dimension. */
INLINE ivec stream8_steps(const bool in_pairs, const int steps, const ivec *x,
                          const ivec w[STEPS][STREAMED_VECTORS], const int v, ivec sum)
{
#ifdef PAIRS
    if (in_pairs) {
        pairs part = PAIRS(x[0], w[0][v]);
        UNROLL
        for (int i = 1; i < steps; i++)
            part += PAIRS(x[i], w[i][v]);
        return sum + WIDEN(part);
    }
#else
    (void)in_pairs;
#endif
    UNROLL
    for (int i = 0; i < steps; i++)
        sum = DOT(sum, x[i], w[i][v]);
    return sum;
}

/* One block of the inner dimension for all pixels; `first`: the sums hold nothing yet. */
INLINE void stream8_block(const bool in_pairs, const int steps, const bool first, int pixels,
                          const uint8_t *a, const int8_t *b, stream8_sum *sum)
{
    ivec w[STEPS][STREAMED_VECTORS];
    UNROLL
    for (int i = 0; i < steps; i++) {
        UNROLL
        for (int v = 0; v < STREAMED_VECTORS; v++)
            w[i][v] = weights8(b, i, v, 0);
    }
    ONE_BY_ONE
    for (int p = 0; p < pixels; p++, a += WN_BLOCK) {
        ivec x[STEPS];
        UNROLL
        for (int i = 0; i < steps; i++)
            x[i] = *(const four *)(a + i * 4) - (ivec){0};
        UNROLL
        for (int v = 0; v < STREAMED_VECTORS; v++)
            sum[p][v] = stream8_steps(in_pairs, steps, x, w, v, first ? (ivec){0} : sum[p][v]);
    }
}

/* The sums of 8 output channels from `column` on, of `pixels` pixels from `pixel` on. */
INLINE void stream8_sums(const bool in_pairs, const wn_gemm *g, int column, int pixel, int pixels,
                         stream8_sum *sum)
{
    const int8_t *b = g->b8 + (size_t)(column / WN_BLOCK) * g->k * WN_BLOCK + (size_t)(column % WN_BLOCK) * 4;
    const uint8_t *a = g->a8 + (size_t)pixel * WN_BLOCK;
    int k = g->k - WN_BLOCK;
    if (k < 0) {
        stream8_block(in_pairs, STEPS / 2, true, pixels, a, b, sum);
        return;
    }
    stream8_block(in_pairs, STEPS, true, pixels, a, b, sum);
    for (; k > 0; k -= WN_BLOCK) {
        a += g->a_block;
        b += WN_BLOCK * WN_BLOCK;
        if (k >= WN_BLOCK)
            stream8_block(in_pairs, STEPS, false, pixels, a, b, sum);
        else
            stream8_block(in_pairs, STEPS / 2, false, pixels, a, b, sum);
    }
}

INLINE void stream8(const bool in_pairs, const wn_gemm *g)
{
    stream8_sum sum[STREAMED_PIXELS];
    for (int pixel = 0; pixel < g->m; pixel += STREAMED_PIXELS) {
        const int left = g->m - pixel, pixels = left < STREAMED_PIXELS ? left : STREAMED_PIXELS;
        for (int column = 0; column < g->n; column += STREAMED_VECTORS * WIDTH) {
            stream8_sums(in_pairs, g, column, pixel, pixels, sum);
            int p = 0;
            ONE_BY_ONE
            for (; p + TILE_ROWS <= pixels; p += TILE_ROWS)
                gemm8_finish(TILE_ROWS, STREAMED_VECTORS, g, column, pixel + p, sum + p);
            ONE_BY_ONE
            for (; p < pixels; p++)
                gemm8_finish(1, STREAMED_VECTORS, g, column, pixel + p, sum + p);
        }
    }
}

#ifdef PAIRS
/* Functions of their own, so that each has the registers to itself. */
static __attribute__((noinline)) void gemm8_pairs(const wn_gemm *g)
{
    stream8(true, g);
}

static __attribute__((noinline)) void gemm8_dots(const wn_gemm *g)
{
    stream8(false, g);
}
#else
static void gemm8(const wn_gemm *g)
{
    stream8(false, g);
}
#endif
