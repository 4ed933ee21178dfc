/* SPDX-License-Identifier: Apache-2.0
 * The kernels once for all instruction sets: a translation unit defines
 *   WIDTH            floats in a register
 *   ROWS1..ROWS3     rows of a matrix tile that is 1, 2 or 3 registers wide; its sums stay in registers
 *   PIXELS           neighbouring pixels of a depthwise tile
 *   LEVEL, FILL      what it is called
 *   ONE_FORM         or not: products in one form alone, which compiles sooner and is slower
 * and includes this file. Loops over arrays of vectors have constant bounds once their function is inlined
 * into the instance that names its tile, so that the arrays live in registers. Loops over channels without
 * vectors are left to the compiler, which vectorises them with their tails.
 *
 * The tile follows Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008). */
#include "kernels.h"

#include <string.h>
#ifdef __AVX2__
#include <immintrin.h>
#endif

#define INLINE   static inline __attribute__((always_inline))
#define NOINLINE __attribute__((noinline))
#define UNROLL   _Pragma("GCC unroll 32")

enum { MAX_ROWS = 8, MAX_VECTORS = 3 };

/* Kernels in vectors of channels. */
#define LANES       WIDTH
#define LANED(name) name##_wide
#include "channels.h"
#undef LANES
#undef LANED
#if WIDTH > 8 /* for the odd multiples of 8 */
#define LANES       8
#define LANED(name) name##_narrow
#include "channels.h"
#undef LANES
#undef LANED
#define CALL(name, channels, ...) ((channels) % WIDTH ? name##_narrow(__VA_ARGS__) : name##_wide(__VA_ARGS__))
#else
#define CALL(name, channels, ...) name##_wide(__VA_ARGS__)
#endif

typedef vec_wide vec;

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

/* The first `count` lanes; a half register where there are fewer than WIDTH. */
INLINE void store_some(float *to, vec x, int count)
{
    if (WIDTH <= 8 || count >= WIDTH)
        store(to, x);
    else
        memcpy(to, &x, sizeof x / 2);
}

INLINE vec load_some(const float *from, int count)
{
    vec x = {0};
    if (WIDTH <= 8 || count >= WIDTH)
        return load(from);
    memcpy(&x, from, sizeof x / 2);
    return x;
}

/* The first `count` lanes, of what as_stored_wide returned. */
INLINE void write_some(wn_stored to, size_t at, vec x, int count)
{
    if (to.streamed) {
        stream_wide((float *)to.at + at, x);
    } else if (!to.bf16) {
        store_some((float *)to.at + at, x, count);
    } else if (WIDTH <= 8 || count >= WIDTH) {
        write_wide(true, false, to.at, at, x);
    } else {
        const half_wide halves = halves_wide(x);
        memcpy((uint16_t *)to.at + at, &halves, sizeof halves / 2);
    }
}

/* Registers of the next panel where `left` columns remain: threes where they come out even. */
static int panel_vectors(int left)
{
    const int vectors = (left + WIDTH - 1) / WIDTH;
    return vectors == 1 ? 1 : vectors % 2 ? 3 : 2;
}

/* ---- c = a . b ---- */

static size_t packed(int k, int n)
{
    return (size_t)k * ((n + WIDTH - 1) / WIDTH * WIDTH);
}

/* Panel after panel; in a panel, row after row. */
static void pack(int k, int n, const float *from, size_t step_k, size_t step_n, float *to)
{
    for (int column = 0; column < n;) {
        const int width = panel_vectors(n - column) * WIDTH;
        for (int i = 0; i < k; i++, to += width)
            for (int j = 0; j < width; j++)
                to[j] = column + j < n ? from[i * step_k + (column + j) * step_n] : 0;
        column += width;
    }
}

/* A register's columns of a tile's sums, from `column` on, through the product's gate. */
INLINE void gate_sums(const int rows, int valid, const wn_product *p, int row, int column, const vec *sums)
{
#if WIDTH > 8
    if (p->n - column < WIDTH) {
        vec_narrow half[MAX_ROWS];
        UNROLL
        for (int r = 0; r < rows; r++)
            memcpy(&half[r], &sums[r * MAX_VECTORS], sizeof half[r]);
        gate_relu6_narrow(rows, valid, p->gate, row, column, half, 1);
        return;
    }
#endif
    gate_relu6_wide(rows, valid, p->gate, row, column, sums, MAX_VECTORS);
}

/* What becomes of a tile's sums. Known to the compiler for whole tiles, as with few sums to make (k) all the
 * asking would take as long as they do. */
enum {
    ADD = 1,      /* to what c holds */
    MOMENTS = 2,  /* are taken: c is a layer's output */
    BF16 = 4,     /* c is in 16 bits */
    STREAMED = 8, /* c goes past the caches */
    GATED = 16,   /* dx */
    ANY = 32      /* of them, and not all rows: to be asked for */
};

static int form_of(const wn_product *p, int from, int depth)
{
    return (from || p->add ? ADD : 0) | (p->shift && from + depth == p->k ? MOMENTS : 0) |
           (p->c.bf16 ? BF16 : 0) | (p->c.streamed ? STREAMED : 0);
}

/* A register's columns of a tile, from `column` on, to c. The sums become what is stored. */
INLINE void store_tile(const int rows, int valid, const int form, const wn_product *p, int row, int column,
                       vec *sums)
{
    const wn_stored to =
        wn_stored_from((wn_stored){p->c.at, form & BF16, form & STREAMED}, row * p->ldc + column);
    const size_t ldc = p->ldc;
    const int count = p->n - column;
    UNROLL
    for (int r = 0; r < rows; r++) {
        if (r < valid) {
            vec *sum = &sums[r * MAX_VECTORS];
            if (form & ADD)
                *sum += load_some((float *)to.at + r * ldc, count);
            *sum = as_stored_wide(form & BF16, *sum);
            write_some(to, r * ldc, *sum, count);
        }
    }
}

/* Adds them to the columns' sums about `shift`. Of a whole tile row 3 comes before row 1: of the first two
 * squares the compiler then fuses the same one into their sum as in a part of a tile, and rounds alike. */
INLINE void add_moments(const int rows, int valid, const bool whole, const wn_product *p, int column,
                        const vec *sums)
{
    const vec shift = load(p->shift + column);
    vec total[2] = {load(p->sum + column), {0}}, square[2] = {load(p->square + column), {0}};
    UNROLL
    for (int i = 0; i < rows; i++) { /* two sums each, as one would wait for itself */
        const int r = whole && rows > 3 && (i == 1 || i == 3) ? 4 - i : i;
        if (r < valid) {
            const vec away = sums[r * MAX_VECTORS] - shift;
            total[r % 2] += away;
            square[r % 2] += away * away;
        }
    }
    store(p->sum + column, total[0] + total[1]);
    store(p->square + column, square[0] + square[1]);
}

/* Rows [row, row + rows) and `vectors` registers of columns from `column` on, summed over [from, from+depth)
 * of k. Rows behind m repeat the last one and are not stored. (Sums and their start are no functions of their
 * own, as the compiler then counts a's rows another way, and is 1 to 5 % slower.) */
INLINE void product_tile(const int rows, const int vectors, const int known, const wn_product *p, int row,
                         int column, int from, int depth)
{
    const int form = known & ANY ? form_of(p, from, depth) : known;
    const int valid = known & ANY && p->m - row < rows ? p->m - row : rows;
    const float *b = p->b + (size_t)column * p->k + (size_t)from * vectors * WIDTH;
    const float *a[MAX_ROWS];
    vec sum[MAX_ROWS][MAX_VECTORS];
    UNROLL
    for (int r = 0; r < rows; r++) {
        const int at = row + (r < valid ? r : valid - 1);
        a[r] = p->a + at * p->lda + from;
        UNROLL
        for (int v = 0; v < vectors; v++)
            sum[r][v] = (vec){0};
        if (known & MOMENTS && !(known & STREAMED)) { /* no cache has it: it comes while the sums are made */
            const wn_stored c = {p->c.at, .bf16 = known & BF16};
            __builtin_prefetch(wn_stored_from(c, at * p->ldc + column).at, 1);
        }
    }
    for (int k = 0; k < depth; k++, b += vectors * WIDTH) {
        vec w[MAX_VECTORS];
        UNROLL
        for (int v = 0; v < vectors; v++)
            w[v] = load(b + v * WIDTH);
        UNROLL
        for (int r = 0; r < rows; r++) {
            const vec x = splat(a[r][k]);
            UNROLL
            for (int v = 0; v < vectors; v++)
                sum[r][v] += x * w[v];
        }
    }
    UNROLL
    for (int v = 0; v < vectors; v++) {
        const int at = column + v * WIDTH;
        if (known & GATED || (known & ANY && p->gate)) {
            gate_sums(rows, valid, p, row, at, &sum[0][v]);
            continue;
        }
        store_tile(rows, valid, form, p, row, at, &sum[0][v]);
        if (form & MOMENTS)
            add_moments(rows, valid, !(known & ANY), p, at, &sum[0][v]);
    }
}

typedef void product_columns(const wn_product *p, int row, int column, int from, int depth);

/* The last rows, of any form; and the columns of one that is known. */
#define PRODUCT_ANY(vectors, rows)                                                                           \
    static NOINLINE void product_##vectors##_any(const wn_product *p, int row, int column, int from,         \
                                                 int depth)                                                  \
    {                                                                                                        \
        for (; row < p->m; row += rows)                                                                      \
            product_tile(rows, vectors, ANY, p, row, column, from, depth);                                   \
    }
#define PRODUCT(vectors, rows, name, form)                                                                   \
    static void product_##vectors##_##name(const wn_product *p, int row, int column, int from, int depth)    \
    {                                                                                                        \
        for (; row + rows <= p->m; row += rows)                                                              \
            product_tile(rows, vectors, form, p, row, column, from, depth);                                  \
        if (row < p->m)                                                                                      \
            product_##vectors##_any(p, row, column, from, depth);                                            \
    }
#ifndef ONE_FORM
#define PRODUCTS(vectors, rows)                                                                              \
    PRODUCT_ANY(vectors, rows)                                                                               \
    PRODUCT(vectors, rows, plain, 0)                                                                         \
    PRODUCT(vectors, rows, add, ADD)                                                                         \
    PRODUCT(vectors, rows, layer, MOMENTS)                                                                   \
    PRODUCT(vectors, rows, add_layer, ADD | MOMENTS)                                                         \
    PRODUCT(vectors, rows, bf16, BF16 | MOMENTS)                                                             \
    PRODUCT(vectors, rows, streamed, STREAMED | MOMENTS)                                                     \
    PRODUCT(vectors, rows, gated, GATED)
#else
#define PRODUCTS(vectors, rows) PRODUCT_ANY(vectors, rows)
#endif
PRODUCTS(1, ROWS1)
PRODUCTS(2, ROWS2)
PRODUCTS(3, ROWS3)

#define INSTANCES(name)                                                                                      \
    {                                                                                                        \
        product_1_##name, product_2_##name, product_3_##name                                                 \
    }
static product_columns *instance_of(const wn_product *p, int from, int depth, int vectors)
{
    static product_columns *const table[ANY + 1][MAX_VECTORS] = {
#ifndef ONE_FORM
        [0] = INSTANCES(plain),
        [ADD] = INSTANCES(add),
        [MOMENTS] = INSTANCES(layer),
        [ADD | MOMENTS] = INSTANCES(add_layer),
        [BF16 | MOMENTS] = INSTANCES(bf16),
        [STREAMED | MOMENTS] = INSTANCES(streamed),
        [GATED] = INSTANCES(gated),
#endif
        [ANY] = INSTANCES(any)};
    const int form = p->gate ? GATED : form_of(p, from, depth);
    return table[table[form][0] ? form : ANY][vectors - 1];
}

static void product(const wn_product *p)
{
    const int most = p->gate || p->c.bf16 ? p->k : WN_DEPTH; /* the rest adds to floats */
    for (int from = 0; from < p->k; from += most) {
        const int depth = p->k - from < most ? p->k - from : most;
        for (int column = 0; column < p->n;) {
            const int vectors = panel_vectors(p->n - column);
            instance_of(p, from, depth, vectors)(p, 0, column, from, depth);
            column += vectors * WIDTH;
        }
    }
}

/* ---- c += a^T . b ---- */

INLINE void outer_tile(const int rows, const int vectors, const wn_outer *o, int row, int column)
{
    const float *a = o->a + row, *b = o->b + column;
    vec sum[MAX_ROWS][MAX_VECTORS];
    UNROLL
    for (int r = 0; r < rows; r++) {
        UNROLL
        for (int v = 0; v < vectors; v++)
            sum[r][v] = (vec){0};
    }
    UNROLL
    for (int r = 0; r < rows; r++)
        __builtin_prefetch(o->c + (row + r) * o->ldc + column, 1);
    for (int i = 0; i < o->m; i++, a += o->lda, b += o->ldb) {
        vec w[MAX_VECTORS];
        UNROLL
        for (int v = 0; v < vectors; v++)
            w[v] = load(b + v * WIDTH);
        UNROLL
        for (int r = 0; r < rows; r++) {
            const vec x = splat(a[r]);
            UNROLL
            for (int v = 0; v < vectors; v++)
                sum[r][v] += x * w[v];
        }
    }
    UNROLL
    for (int r = 0; r < rows; r++) {
        if (row + r < o->p) {
            UNROLL
            for (int v = 0; v < vectors; v++) {
                const int at = column + v * WIDTH;
                float *c = o->c + (row + r) * o->ldc + at;
                store_some(c, load_some(c, o->q - at) + sum[r][v], o->q - at);
            }
        }
    }
}

#define OUTER(vectors, rows)                                                                                 \
    static void outer_##vectors(const wn_outer *o, int column)                                               \
    {                                                                                                        \
        for (int row = 0; row < o->p; row += rows)                                                           \
            outer_tile(rows, vectors, o, row, column);                                                       \
    }
OUTER(1, ROWS1)
OUTER(2, ROWS2)
OUTER(3, ROWS3)

static void outer(const wn_outer *o)
{
    void (*const instance[])(const wn_outer *, int) = {outer_1, outer_2, outer_3};
    for (int column = 0; column < o->q;) {
        const int vectors = panel_vectors(o->q - column);
        instance[vectors - 1](o, column);
        column += vectors * WIDTH;
    }
}

/* ---- rows of channels ---- */

INLINE float relu6(float x)
{
    x = x > 0 ? x : 0;
    return x < 6 ? x : 6;
}

/* Value `index` of what is stored. */
INLINE float stored(const bool bf16, const void *values, size_t index)
{
    if (!bf16)
        return ((const float *)values)[index];
    const uint32_t bits = (uint32_t)((const uint16_t *)values)[index] << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

INLINE void activate_rows(const bool bf16, wn_rows size, const void *restrict x, size_t ldx,
                          const float *restrict scale, const float *restrict offset, float *restrict y,
                          size_t ldy)
{
    enum {
        AHEAD = 2048,
        LINE = 64
    }; /* bytes: the next page is asked for before the processor's own look-ahead does */
    const size_t bytes = wn_stored_size(bf16);
    for (size_t r = 0; r < size.rows; r++, y += ldy) {
        const char *row = (const char *)x + r * ldx * bytes;
        for (size_t i = 0; i < size.channels * bytes; i += LINE)
            __builtin_prefetch(row + i + AHEAD);
        for (int c = 0; c < size.channels; c++)
            y[c] = relu6(stored(bf16, row, c) * scale[c] + offset[c]);
    }
}

static void activate(wn_rows size, wn_stored x, size_t ldx, const float *scale, const float *offset, float *y,
                     size_t ldy)
{
    if (x.bf16)
        activate_rows(true, size, x.at, ldx, scale, offset, y, ldy);
    else
        activate_rows(false, size, x.at, ldx, scale, offset, y, ldy);
}

INLINE void norm_gradient_rows(const bool bf16, wn_rows size, const void *restrict dy, const void *restrict z,
                               const float *restrict c, size_t ld, float *restrict dz, size_t lddz)
{
    for (size_t r = 0; r < size.rows; r++, dz += lddz)
        for (int i = 0; i < size.channels; i++)
            dz[i] = stored(bf16, dy, r * ld + i) * c[i] +
                    (stored(bf16, z, r * ld + i) * c[ld + i] + c[2 * ld + i]);
}

static void norm_gradient(wn_rows size, wn_stored dy, wn_stored z, const float *c, size_t ld, float *dz,
                          size_t lddz)
{
    if (z.bf16)
        norm_gradient_rows(true, size, dy.at, z.at, c, ld, dz, lddz);
    else
        norm_gradient_rows(false, size, dy.at, z.at, c, ld, dz, lddz);
}

static void affine(wn_rows size, const float *restrict x, const float *restrict scale,
                   const float *restrict offset, const float *restrict add, float *restrict y)
{
    const int n = size.channels;
    for (size_t r = 0; r < size.rows; r++, x += n, y += n)
        for (int c = 0; c < n; c++)
            y[c] = x[c] * scale[c] + offset[c];
    for (size_t i = 0; add && i < size.rows * n; i++)
        (y - size.rows * n)[i] += add[i];
}

/* ---- kernels in vectors of channels ---- */

static void gate_gradient(const wn_gate *g)
{
    CALL(gate_gradient, g->channels, g);
}

static void depthwise(const wn_depthwise_row *d)
{
    CALL(depthwise, d->channels, d);
}

static void depthwise_dweight(const wn_depthwise_dweight *d)
{
    CALL(depthwise_dweight, d->channels, d);
}

static void depthwise_dx2(const wn_depthwise_dx2 *d)
{
    CALL(depthwise_dx2, d->channels, d);
}

void FILL(wn_train_kernels *kernels)
{
    *kernels = (wn_train_kernels){
        .level = LEVEL,
        .packed = packed,
        .pack = pack,
        .product = product,
        .outer = outer,
        .depthwise = depthwise,
        .depthwise_dweight = depthwise_dweight,
        .depthwise_dx2 = depthwise_dx2,
        .activate = activate,
        .affine = affine,
        .norm_gradient = norm_gradient,
        .gate_gradient = gate_gradient,
    };
}
