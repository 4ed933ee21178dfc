/* SPDX-License-Identifier: Apache-2.0
 * The float32 kernels, once for all instruction sets: a translation unit defines
 *   WIDTH             floats in a register
 *   COLUMNS           output channels of a matrix tile: 8, 16 or 32
 *   TILE_ROWS         pixels of a matrix tile; TILE_ROWS * COLUMNS / WIDTH accumulators stay in registers
 *   DEPTHWISE_PIXELS  neighbouring pixels of a depthwise tile
 *   MINIMUM, MAXIMUM  of two registers: C has no operator for them that the compilers see through
 *   DOT or PAIRS and WIDEN; TO_BYTES and STORE16: see int8.h
 *   STREAMED          where products of bytes are those of stream8.h
 *   TOGETHER and so on, where it has instructions for bf16: see bf16.h
 *   LEVEL, FILL       what it is called
 * and includes this file. Every loop over an array of vectors has constant bounds once its function is
 * inlined into the instance that names its tile, so that the arrays live in registers.
 *
 * The tile follows Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008): a row
 * of weights is loaded once a step and meets one broadcast input value a pixel. */
#include "kernels.h"

#define INLINE static inline __attribute__((always_inline))
#ifdef __clang__
#if defined(__wasm__) && !defined(__wasm_simd128__)
#define UNROLL ONE_BY_ONE /* the build for old browsers must be small before it is fast */
#else
#define UNROLL _Pragma("clang loop unroll(full)")
#endif
#define UNROLL4    _Pragma("clang loop unroll_count(4)")
#define ONE_BY_ONE _Pragma("clang loop unroll(disable)")
#else
#define UNROLL     _Pragma("GCC unroll 32")
#define UNROLL4    _Pragma("GCC unroll 4") /* fully unrolled, SSE2 spills its sums */
#define ONE_BY_ONE _Pragma("GCC unroll 1")
#endif

/* A register whose value the compiler does not know: so that it neither reorders nor fuses what made it. */
#ifndef HOLD
#if defined(__SSE2__)
#define HOLD(x) __asm__("" : "+v"(x))
#elif defined(__aarch64__)
#define HOLD(x) __asm__("" : "+w"(x))
#else
#define HOLD(x) ((void)0)
#endif
#endif

typedef float vec __attribute__((vector_size(WIDTH * sizeof(float)), may_alias));
typedef int32_t ivec __attribute__((vector_size(WIDTH * sizeof(int32_t)), may_alias));
typedef int16_t pairs __attribute__((vector_size(WIDTH * sizeof(int32_t)), may_alias));
typedef int32_t four __attribute__((may_alias, aligned(1)));

INLINE vec load(const float *from)
{
    return *(const vec *)from;
}

INLINE void store(float *to, vec x)
{
    *(vec *)to = x;
}

INLINE vec splat(float x)
{
    return x - (vec){0};
}

INLINE vec clamp6(vec x)
{
    return MINIMUM(MAXIMUM(x, splat(0)), splat(6));
}

/* To the nearest multiple of 1/WN_GRID: 1.5 * 2^15 + x has no finer bits. |x| < 2^14. */
INLINE vec to_grid(vec x)
{
    return x + splat(WN_TO_GRID) - splat(WN_TO_GRID);
}

/* What a translation unit may say otherwise. */
#ifndef LOAD_AT
#define LOAD_AT(from, offset)  load((from) + (offset))
#define SPLAT_AT(from, offset) splat((from)[offset])
#endif
#ifndef MULTIPLY_ADD
#define MULTIPLY_ADD(a, b, c) ((c) + (a) * (b))
#endif
#ifndef GEMM_STEPS
#define GEMM_STEPS UNROLL4
#define STEM_STEPS UNROLL
#endif

/* ---- matrix product ---- */

enum { MAX_VECTORS = COLUMNS / WIDTH, NARROW = COLUMNS > 16 ? 16 : 8 };

typedef vec gemm_sums[2 * TILE_ROWS][MAX_VECTORS];

/* `steps` of the inner dimension: they lie in one block of a. */
INLINE void gemm_steps(const int steps, const int rows, const int vectors, const float *a, const float *b,
                       size_t panel, gemm_sums sum)
{
    GEMM_STEPS
    for (int i = 0; i < steps; i++) {
        vec w[MAX_VECTORS];
        UNROLL
        for (int v = 0; v < vectors; v++)
            w[v] = LOAD_AT(b + i * WN_BLOCK + v * WIDTH / WN_BLOCK * panel, v * WIDTH % WN_BLOCK);
        UNROLL
        for (int r = 0; r < rows; r++) {
            const vec x = SPLAT_AT(a + i, r * WN_BLOCK);
            UNROLL
            for (int v = 0; v < vectors; v++)
                sum[r][v] = MULTIPLY_ADD(x, w[v], sum[r][v]);
        }
    }
}

/* The end of a tile: activation, then residual and store. Each choice is made once a tile: left to itself,
 * the compiler makes it for every register, as a store might change *g. */
INLINE void gemm_activate(const int rows, const int vectors, const wn_gemm *g, gemm_sums sum)
{
    if (g->relu6) {
        UNROLL
        for (int r = 0; r < rows; r++) {
            UNROLL
            for (int v = 0; v < vectors; v++)
                sum[r][v] = clamp6(sum[r][v]);
        }
    }
}

INLINE void gemm_finish(const int rows, const int vectors, const wn_gemm *g, int column, int pixel,
                        gemm_sums sum)
{
    if (g->add) {
        const float *add = g->add + (size_t)(column / WN_BLOCK) * g->add_block + column % WN_BLOCK;
        const size_t block = g->add_block;
        UNROLL
        for (int r = 0; r < rows; r++) {
            UNROLL
            for (int v = 0; v < vectors; v++)
                sum[r][v] += load(add + (size_t)(pixel + r) * WN_BLOCK + v * WIDTH / WN_BLOCK * block +
                                  v * WIDTH % WN_BLOCK);
        }
    }
    float *c = g->c + (size_t)(column / WN_BLOCK) * g->c_block + column % WN_BLOCK;
    const size_t block = g->c_block;
    const uint32_t *where = g->where ? g->where + pixel : NULL;
    size_t at[2 * TILE_ROWS];
    UNROLL
    for (int r = 0; r < rows; r++)
        at[r] = where ? where[r] : (size_t)(pixel + r) * WN_BLOCK;
    UNROLL
    for (int r = 0; r < rows; r++) {
        UNROLL
        for (int v = 0; v < vectors; v++)
            store(c + at[r] + v * WIDTH / WN_BLOCK * block + v * WIDTH % WN_BLOCK, sum[r][v]);
    }
}

/* One tile: `rows` pixels from `pixel` on, vectors*WIDTH output channels from `column` on. */
INLINE void gemm_tile(const int rows, const int vectors, const wn_gemm *g, int column, int pixel)
{
    const size_t panel = (size_t)g->k * WN_BLOCK;
    const float *b = g->b + (size_t)(column / WN_BLOCK) * panel + column % WN_BLOCK;
    const float *a = g->a + (size_t)pixel * WN_BLOCK;
    gemm_sums sum;
    UNROLL
    for (int v = 0; v < vectors; v++) {
        const vec bias = load(g->bias + column + v * WIDTH);
        UNROLL
        for (int r = 0; r < rows; r++)
            sum[r][v] = bias;
    }

    int k = g->k;
    for (; k >= WN_BLOCK; k -= WN_BLOCK) {
        gemm_steps(WN_BLOCK, rows, vectors, a, b, panel, sum);
        a += g->a_block;
        b += WN_BLOCK * WN_BLOCK;
    }
    if (k)
        gemm_steps(WN_BLOCK / 2, rows, vectors, a, b, panel, sum);

    gemm_activate(rows, vectors, g, sum);
    gemm_finish(rows, vectors, g, column, pixel, sum);
}

typedef void gemm_instance(const wn_gemm *g, int column, int pixel, int count);

#define GEMM(tile, rows, vectors)                                                                            \
    static void tile##_##rows##_##vectors(const wn_gemm *g, int column, int pixel, int count)                \
    {                                                                                                        \
        for (; count > 0; count--, pixel += rows)                                                            \
            tile##_tile(rows, vectors, g, column, pixel);                                                    \
    }
#define GEMMS(tile, vectors)                                                                                 \
    GEMM(tile, 1, vectors)                                                                                   \
    GEMM(tile, 2, vectors)                                                                                   \
    GEMM(tile, 3, vectors) GEMM(tile, 4, vectors) GEMM(tile, 5, vectors) GEMM(tile, 6, vectors)
#define GEMMS12(tile, vectors)                                                                               \
    GEMMS(tile, vectors)                                                                                     \
    GEMM(tile, 7, vectors)                                                                                   \
    GEMM(tile, 8, vectors)                                                                                   \
    GEMM(tile, 9, vectors) GEMM(tile, 10, vectors) GEMM(tile, 11, vectors) GEMM(tile, 12, vectors)
#define GEMM_NAMES(tile, vectors)                                                                            \
    tile##_1_##vectors, tile##_2_##vectors, tile##_3_##vectors, tile##_4_##vectors, tile##_5_##vectors,      \
        tile##_6_##vectors
#define GEMM_NAMES12(tile, vectors)                                                                          \
    GEMM_NAMES(tile, vectors), tile##_7_##vectors, tile##_8_##vectors, tile##_9_##vectors,                   \
        tile##_10_##vectors, tile##_11_##vectors, tile##_12_##vectors

/* TILES(tile): the wide tile, and the one for the columns that are left. A narrow tile has as many
 * accumulators, or as many as there are broadcasts for, in more rows. */
#if TILE_ROWS == 4 /* 4x8 of 4; everything is a multiple of 8 */
enum { NARROW_ROWS = 4 };
#define TILES(tile)                                                                                          \
    GEMM(tile, 1, 2)                                                                                         \
    GEMM(tile, 2, 2)                                                                                         \
    GEMM(tile, 3, 2)                                                                                         \
    GEMM(tile, 4, 2)                                                                                         \
    static gemm_instance *const tile##_wide[] = {tile##_1_2, tile##_2_2, tile##_3_2, tile##_4_2},            \
                                *const tile##_narrow[] = {tile##_1_2, tile##_2_2, tile##_3_2, tile##_4_2};
#elif COLUMNS / WIDTH == 2 && COLUMNS == 8 /* 6x8 of 4 */
enum { NARROW_ROWS = 6 };
#define TILES(tile)                                                                                          \
    GEMMS(tile, 2)                                                                                           \
    static gemm_instance *const tile##_wide[] = {GEMM_NAMES(tile, 2)}, *const tile##_narrow[] = {            \
                                                                           GEMM_NAMES(tile, 2)};
#elif COLUMNS / WIDTH == 4 /* 6x16 of 4; then 6x8 */
enum { NARROW_ROWS = 6 };
#define TILES(tile)                                                                                          \
    GEMMS(tile, 4)                                                                                           \
    GEMMS(tile, 2)                                                                                           \
    static gemm_instance *const tile##_wide[] = {GEMM_NAMES(tile, 4)}, *const tile##_narrow[] = {            \
                                                                           GEMM_NAMES(tile, 2)};
#elif TILE_ROWS == 6 /* 6x16 of 8; then 12x8 */
enum { NARROW_ROWS = 12 };
#define TILES(tile)                                                                                          \
    GEMMS(tile, 2)                                                                                           \
    GEMMS12(tile, 1)                                                                                         \
    static gemm_instance *const tile##_wide[] = {GEMM_NAMES(tile, 2)}, *const tile##_narrow[] = {            \
                                                                           GEMM_NAMES12(tile, 1)};
#else /* 12x32 of 16; then 12x16 */
enum { NARROW_ROWS = 12 };
#define TILES(tile)                                                                                          \
    GEMMS12(tile, 2)                                                                                         \
    GEMMS12(tile, 1)                                                                                         \
    static gemm_instance *const tile##_wide[] = {GEMM_NAMES12(tile, 2)}, *const tile##_narrow[] = {          \
                                                                             GEMM_NAMES12(tile, 1)};
#endif

/* Covers m pixels with tiles of nearly equal height: 16 is 6 + 5 + 5, and not 6 + 6 + 4. */
static void gemm_columns(const wn_gemm *g, int column, gemm_instance *const *instance, int most)
{
    const int tiles = (g->m + most - 1) / most, rows = g->m / tiles, taller = g->m % tiles;
    if (taller)
        instance[rows](g, column, 0, taller);
    instance[rows - 1](g, column, taller * (rows + 1), tiles - taller);
}

INLINE void gemm_all(const wn_gemm *g, gemm_instance *const *wide, gemm_instance *const *narrow)
{
    int column = 0;
    for (; g->n - column >= COLUMNS; column += COLUMNS)
        gemm_columns(g, column, wide, TILE_ROWS);
    for (; column < g->n; column += NARROW)
        gemm_columns(g, column, narrow, NARROW_ROWS);
}

TILES(gemm)

static void gemm(const wn_gemm *g)
{
    gemm_all(g, gemm_wide, gemm_narrow);
}

#include "int8.h"
#ifdef TOGETHER
#include "bf16.h"
#endif

/* ---- depthwise ---- */

enum { VECTORS = WN_BLOCK / WIDTH, PAIR = VECTORS < 2 ? 1 : 2 };
#ifndef DEPTHWISE_PAIR
#define DEPTHWISE_PAIR PAIR
#endif

/* To element `at` of an array of floats, or of bf16. */
INLINE void put(const bool bf16, void *out, size_t at, vec x)
{
#ifdef TOGETHER
    if (bf16) {
        NARROW_TO((uint16_t *)out + at, x);
        return;
    }
#else
    (void)bf16;
#endif
    store((float *)out + at, x);
}

/* `pixels` neighbours of one output row, DEPTHWISE_PAIR registers of channels each, to element `at` of out.
 * An input value is loaded once and meets every output that it belongs to. */
INLINE void depthwise_tile(const int kernel, const int stride, const bool bf16, const int pixels,
                           const float *const *in, size_t from, const float *weight, const float *bias,
                           void *out, size_t at)
{
    vec sum[DEPTHWISE_PIXELS][DEPTHWISE_PAIR];
    UNROLL
    for (int p = 0; p < pixels; p++) {
        UNROLL
        for (int v = 0; v < DEPTHWISE_PAIR; v++)
            sum[p][v] = load(bias + v * WIDTH);
    }
    for (int y = 0; y < kernel; y++, weight += kernel * WN_BLOCK) {
        const float *row = in[y] + from;
        UNROLL
        for (int v = 0; v < DEPTHWISE_PAIR; v++) {
            vec w[5];
            UNROLL
            for (int x = 0; x < kernel; x++)
                w[x] = LOAD_AT(weight, x * WN_BLOCK + v * WIDTH);
            UNROLL
            for (int i = 0; i < (pixels - 1) * stride + kernel; i++) {
                const vec value = LOAD_AT(row, i * WN_BLOCK + v * WIDTH);
                UNROLL
                for (int p = 0; p < pixels; p++)
                    if (i >= p * stride && i < p * stride + kernel)
                        sum[p][v] = MULTIPLY_ADD(value, w[i - p * stride], sum[p][v]);
            }
        }
    }
    UNROLL
    for (int p = 0; p < pixels; p++) {
        UNROLL
        for (int v = 0; v < DEPTHWISE_PAIR; v++)
            put(bf16, out, at + p * WN_BLOCK + v * WIDTH, clamp6(sum[p][v]));
    }
}

INLINE void depthwise(const int kernel, const int stride, const bool bf16, const wn_depthwise *d)
{
    const size_t step = (size_t)stride * WN_BLOCK;
    for (int y = 0; y < d->rows; y++) {
        const float *const *in = d->in + y * stride;
        const size_t row = (size_t)y * d->m * WN_BLOCK;
        for (int lane = 0; lane < WN_BLOCK; lane += DEPTHWISE_PAIR * WIDTH) {
            const float *weight = d->weight + lane, *bias = d->bias + lane;
            int x = 0;
            for (; x + DEPTHWISE_PIXELS <= d->m; x += DEPTHWISE_PIXELS)
                depthwise_tile(kernel, stride, bf16, DEPTHWISE_PIXELS, in, x * step + lane, weight, bias,
                               d->out, row + x * WN_BLOCK + lane);
            for (; x + 2 <= d->m; x += 2)
                depthwise_tile(kernel, stride, bf16, 2, in, x * step + lane, weight, bias, d->out,
                               row + x * WN_BLOCK + lane);
            if (x < d->m)
                depthwise_tile(kernel, stride, bf16, 1, in, x * step + lane, weight, bias, d->out,
                               row + x * WN_BLOCK + lane);
        }
    }
}

#define DEPTHWISE(name, kernel, stride, bf16)                                                                \
    static void name##_##kernel##_##stride(const wn_depthwise *d)                                            \
    {                                                                                                        \
        depthwise(kernel, stride, bf16, d);                                                                  \
    }
#define DEPTHWISES(name, bf16)                                                                               \
    DEPTHWISE(name, 3, 1, bf16)                                                                              \
    DEPTHWISE(name, 3, 2, bf16) DEPTHWISE(name, 5, 1, bf16) DEPTHWISE(name, 5, 2, bf16)

DEPTHWISES(depthwise, false)
#ifdef TOGETHER
DEPTHWISES(depthwise16, true)
#endif

/* ---- stem ---- */

/* A matrix tile whose inner dimension runs over 3 rows of 9 neighbouring values: 3 pixels of 3 colours. */
INLINE void stem_tile(const bool grid, const int pixels, const float *const in[3], size_t from,
                      const float *weight, const float *bias, float *out)
{
    enum { PIXEL = 2 * 3, ROW = 3 * 3 };
    vec sum[TILE_ROWS][PAIR];
    UNROLL
    for (int v = 0; v < PAIR; v++) {
        UNROLL
        for (int p = 0; p < pixels; p++)
            sum[p][v] = load(bias + v * WIDTH);
    }
    for (int y = 0; y < 3; y++, weight += ROW * WN_BLOCK) {
        const float *row = in[y] + from;
        STEM_STEPS
        for (int i = 0; i < ROW; i++) {
            vec w[PAIR];
            UNROLL
            for (int v = 0; v < PAIR; v++)
                w[v] = LOAD_AT(weight + i * WN_BLOCK, v * WIDTH);
            UNROLL
            for (int p = 0; p < pixels; p++) {
                const vec x = SPLAT_AT(row + i, p * PIXEL);
                UNROLL
                for (int v = 0; v < PAIR; v++)
                    sum[p][v] = MULTIPLY_ADD(x, w[v], sum[p][v]);
            }
        }
    }
    UNROLL
    for (int v = 0; v < PAIR; v++) {
        UNROLL
        for (int p = 0; p < pixels; p++)
            store(out + p * WN_BLOCK + v * WIDTH, grid ? to_grid(clamp6(sum[p][v])) : clamp6(sum[p][v]));
    }
}

INLINE void stem_row(const bool grid, const float *const in[3], const float *weight, const float *bias,
                     float *out, int m)
{
    for (int lane = 0; lane < WN_BLOCK; lane += PAIR * WIDTH) {
        int x = 0;
        for (; x + TILE_ROWS <= m; x += TILE_ROWS)
            stem_tile(grid, TILE_ROWS, in, (size_t)x * 6, weight + lane, bias + lane,
                      out + x * WN_BLOCK + lane);
        for (; x + 2 <= m; x += 2)
            stem_tile(grid, 2, in, (size_t)x * 6, weight + lane, bias + lane, out + x * WN_BLOCK + lane);
        if (x < m)
            stem_tile(grid, 1, in, (size_t)x * 6, weight + lane, bias + lane, out + x * WN_BLOCK + lane);
    }
}

static void stem(const float *const in[3], const float *weight, const float *bias, float *out, int m)
{
    stem_row(false, in, weight, bias, out, m);
}

static void stem8(const float *const in[3], const float *weight, const float *bias, float *out, int m)
{
    stem_row(true, in, weight, bias, out, m);
}

/* ---- mean ---- */

static void mean(const float *in, float *out, int m)
{
    for (int lane = 0; lane < WN_BLOCK; lane += WIDTH) {
        vec sum = splat(0);
        for (int i = 0; i < m; i++)
            sum += load(in + (size_t)i * WN_BLOCK + lane);
        store(out + lane, sum / (float)m);
    }
}

void FILL(wn_kernels *kernels)
{
    *kernels = (wn_kernels){
        .level = LEVEL,
        .gemm_columns = COLUMNS < WN_BLOCK ? WN_BLOCK : COLUMNS,
        .gemm = gemm,
        .gemm8 = GEMM8,
        .quantise = quantise,
#ifdef TOGETHER
        .together = TOGETHER,
        .gemm16 = gemm16,
        .narrow = narrow,
        .depthwise16 = {{depthwise16_3_1, depthwise16_3_2}, {depthwise16_5_1, depthwise16_5_2}},
#endif
        .depthwise = {{depthwise_3_1, depthwise_3_2}, {depthwise_5_1, depthwise_5_2}},
        .stem = stem,
        .stem8 = stem8,
        .mean = mean,
    };
}
