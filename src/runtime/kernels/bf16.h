/* SPDX-License-Identifier: Apache-2.0
 * Products of bf16 numbers (the upper halves of float32), with the tiles of fp32.h, which includes this file
 * where a translation unit defines
 *   TOGETHER                 neighbours of the inner dimension that one instruction adds up: 2 or 4
 *   MULTIPLY2(sum, x, w)     of 2: sum[i] += x[2i] w[2i] + x[2i+1] w[2i+1]; vectors of WIDTH floats or pairs
 *   MULTIPLY2X2(sum, x, w)   of 4, WIDTH being 4: x holds 4 numbers of each of 2 pixels, w of 2 channels, and
 *                            sum the 4 sums: both channels of the first pixel, then of the second
 *   NARROW_TO(to, x)         stores WIDTH floats as bf16: to nearest, even in the middle
 * Weights lie in panels of [k / TOGETHER][16][TOGETHER]. Sums are float32. How the instructions round on the
 * way to them differs a little from one kind of processor to the next. */
#if TOGETHER == 2
/* `count` of the inner dimension: they lie in one block of a. */
INLINE void gemm16_steps(const int count, const int rows, const int vectors, const uint16_t *a,
                         const uint16_t *b, size_t panel, gemm_sums sum)
{
    UNROLL4
    for (int i = 0; i < count; i += 2) {
        ivec w[MAX_VECTORS];
        UNROLL
        for (int v = 0; v < vectors; v++)
            w[v] =
                *(const ivec *)(b + i * WN_BLOCK + v * WIDTH / WN_BLOCK * panel + v * WIDTH % WN_BLOCK * 2);
        UNROLL
        for (int r = 0; r < rows; r++) {
            const ivec x = *(const four *)(a + r * WN_BLOCK + i) - (ivec){0};
            UNROLL
            for (int v = 0; v < vectors; v++)
                sum[r][v] = MULTIPLY2(sum[r][v], x, w[v]);
        }
    }
}

INLINE void gemm16_sort(const int rows, const int vectors, gemm_sums sum)
{
    (void)rows, (void)vectors, (void)sum;
}
#else
typedef uint64_t two __attribute__((vector_size(16), may_alias));
typedef uint64_t eight __attribute__((may_alias, aligned(8)));

/* Two pixels at a time: until gemm16_sort, the sums of the first hold channels 0 and 1 of both, those of the
 * second channels 2 and 3. A last pixel alone is its own neighbour. */
INLINE void gemm16_steps(const int count, const int rows, const int vectors, const uint16_t *a,
                         const uint16_t *b, size_t panel, gemm_sums sum)
{
    (void)panel; /* a tile of WIDTH 4 is one panel wide */
    /* 24 sums, 3 pairs of pixels and some weights: no room for those of the next step */
    ONE_BY_ONE
    for (int i = 0; i < count; i += 4) {
        two x[TILE_ROWS];
        UNROLL
        for (int r = 0; r < rows; r += 2) {
            const uint16_t *first = a + r * WN_BLOCK + i, *second = r + 1 < rows ? first + WN_BLOCK : first;
            x[r] = (two){*(const eight *)first, *(const eight *)second};
        }
        UNROLL
        for (int v = 0; v < 2 * vectors; v++) {
            const two w = *(const two *)(b + i * WN_BLOCK + v * 8);
            UNROLL
            for (int r = 0; r < rows; r += 2)
                sum[r + v % 2][v / 2] = MULTIPLY2X2(sum[r + v % 2][v / 2], x[r], w);
            __asm__ volatile("" ::: "memory"); /* else weights are loaded early, and sums put by */
        }
    }
}

INLINE void gemm16_sort(const int rows, const int vectors, gemm_sums sum)
{
    UNROLL
    for (int r = 0; r < rows; r += 2) {
        UNROLL
        for (int v = 0; v < vectors; v++) {
            const two low = (two)sum[r][v], high = (two)sum[r + 1][v];
            sum[r][v] = (vec)(two){low[0], high[0]};
            sum[r + 1][v] = (vec)(two){low[1], high[1]};
        }
    }
}
#endif

INLINE void gemm16_tile(const int rows, const int vectors, const wn_gemm *g, int column, int pixel)
{
    const size_t panel = (size_t)g->k * WN_BLOCK;
    const uint16_t *b = g->b16 + (size_t)(column / WN_BLOCK) * panel + (size_t)(column % WN_BLOCK) * TOGETHER;
    const uint16_t *a = g->a16 + (size_t)pixel * WN_BLOCK;
    gemm_sums sum;
    UNROLL
    for (int r = 0; r < (rows + 1) / 2 * 2; r++) {
        UNROLL
        for (int v = 0; v < vectors; v++)
            sum[r][v] = splat(0);
    }

    int k = g->k;
    for (; k >= WN_BLOCK; k -= WN_BLOCK) {
        gemm16_steps(WN_BLOCK, rows, vectors, a, b, panel, sum);
        a += g->a_block;
        b += WN_BLOCK * WN_BLOCK;
    }
    if (k)
        gemm16_steps(WN_BLOCK / 2, rows, vectors, a, b, panel, sum);
    gemm16_sort(rows, vectors, sum);

    UNROLL
    for (int v = 0; v < vectors; v++) {
        const vec scale = load(g->scale + column + v * WIDTH), bias = load(g->bias + column + v * WIDTH);
        UNROLL
        for (int r = 0; r < rows; r++)
            sum[r][v] = MULTIPLY_ADD(sum[r][v], scale, bias);
    }
    gemm_activate(rows, vectors, g, sum);
    gemm_finish(rows, vectors, g, column, pixel, sum);
}

TILES(gemm16)

static void gemm16(const wn_gemm *g)
{
    gemm_all(g, gemm16_wide, gemm16_narrow);
}

static void narrow(const float *in, uint16_t *out, size_t count)
{
    for (size_t i = 0; i < count; i += WIDTH)
        NARROW_TO(out + i, load(in + i));
}
