/* SPDX-License-Identifier: Apache-2.0
 * Every kernel of training, of every instruction set of this machine, against plain loops in float64, on
 * random input and at awkward sizes; and its storage in 16 bits, bit for bit. Outputs lie between guards that
 * must survive, as must what lies between their rows. (bench/bench_train_kernels.c takes the times.) */
#include "guarded.h"
#include "runtime/half.h"
#include "train/kernels/kernels.h"
#include "wide_train.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* ---- numbers ---- */

/* A sum, and the sum of its terms' magnitudes. */
typedef struct total {
    double sum, size;
    int count;
} total;

static void add(total *t, double x)
{
    t->sum += x;
    t->size += fabs(x);
    t->count++;
}

/* The same sum in float32: the roundings of its terms go either way. */
static void check_total(float got, const total *t)
{
    if (!(fabs(got - t->sum) <= 1e-7 * (4 + sqrt(t->count)) * t->size))
        fail_msg("%.9g instead of %.9g", (double)got, t->sum);
}

static void check_bits(float got, float expected)
{
    if (memcmp(&got, &expected, sizeof got) != 0)
        fail_msg("%.9g instead of %.9g", (double)got, (double)expected);
}

/* The nearest number of 8 bits, or the even one of two: without the integer arithmetic of the kernels. */
static float round_bf16(float x)
{
    int exponent;
    frexp(x, &exponent);
    const int last = exponent < -125 ? -133 : exponent - 8;
    return (float)ldexp(nearbyint(ldexp(x, -last)), last);
}

/* Ties, their neighbours, carries into the exponent, subnormal numbers, and what is too large. */
enum { ODD_ROWS = 3, ODD_COLUMNS = 8 };
static const float odd[ODD_ROWS * ODD_COLUMNS] = {
    1 + 0x1p-8f,
    1 + 0x3p-8f,
    1 + 0x1p-8f + 0x1p-23f,
    1 + 0x1p-8f - 0x1p-23f,
    -1 - 0x1p-8f,
    -1 - 0x3p-8f,
    -1 - 0x1p-8f - 0x1p-23f,
    -1 - 0x1p-8f + 0x1p-23f,
    0x1.fffffep0f,
    -0x1.ffp0f,
    0x1.fefffep0f,
    0,
    1e-30f,
    0x1p-126f,
    0x1.fffffcp-127f,
    0x1p-133f,
    0x3p-134f,
    0x1p-134f,
    0x1.000002p-120f,
    3e38f,
    FLT_MAX,
    -FLT_MAX,
    0x1.fep127f,
    1 / 3.0f,
};

/* ---- matrices ---- */

enum { SLACK = 16, UNTOUCHED = 12288 };

/* Rows of values at distance ld, and SLACK values behind the last. */
typedef struct matrix {
    wn_stored values;
    int rows, columns;
    size_t ld;
} matrix;

static float value(const matrix *m, int row, int column)
{
    const size_t at = row * m->ld + column;
    return m->values.bf16 ? wn_bf16_to_float(((const uint16_t *)m->values.at)[at])
                          : ((const float *)m->values.at)[at];
}

static void set(const matrix *m, int row, int column, float x)
{
    const size_t at = row * m->ld + column;
    if (m->values.bf16)
        ((uint16_t *)m->values.at)[at] = wn_bf16_from_float(x);
    else
        ((float *)m->values.at)[at] = x;
}

static float *floats(const matrix *m)
{
    assert_false(m->values.bf16);
    return m->values.at;
}

/* Of what `buffer` gives. */
static size_t storage(const matrix *m)
{
    return (m->rows * m->ld + SLACK) * wn_stored_size(m->values.bf16) / sizeof(float);
}

/* Random values in [-1, 1); `gap` behind each row. */
static matrix random_matrix(int rows, int columns, size_t ld, bool bf16, float gap)
{
    matrix m = {{.bf16 = bf16}, rows, columns, ld};
    m.values.at = buffer(storage(&m));
    for (int r = 0; r < rows; r++)
        for (size_t c = 0; c < ld; c++)
            set(&m, r, (int)c, c < (size_t)columns ? (float)wn_random_range(&generator, -1, 1) : gap);
    for (int i = 0; i < SLACK; i++)
        set(&m, rows, i, gap);
    return m;
}

/* What lies behind its rows spoils every sum that it enters. */
static matrix input(int rows, int columns, size_t ld, bool bf16)
{
    return random_matrix(rows, columns, ld, bf16, NAN);
}

static matrix output(int rows, int columns, size_t ld, bool bf16)
{
    return random_matrix(rows, columns, ld, bf16, UNTOUCHED);
}

static void check_around(const matrix *m)
{
    for (int r = 0; r < m->rows; r++)
        for (size_t c = m->columns; c < m->ld; c++)
            assert_true(value(m, r, (int)c) == UNTOUCHED);
    for (int i = 0; i < SLACK; i++)
        assert_true(value(m, m->rows, i) == UNTOUCHED);
    check_guards(m->values.at, storage(m));
}

static void discard(const matrix *m)
{
    release(m->values.at);
}

/* The same values as floats. */
static matrix widened(const matrix *m)
{
    matrix to = random_matrix(m->rows, m->columns, m->ld, false, NAN);
    for (int r = 0; r < m->rows; r++)
        for (int c = 0; c < m->columns; c++)
            set(&to, r, c, value(m, r, c));
    return to;
}

static void check_same(const matrix *got, const matrix *expected)
{
    for (int r = 0; r < got->rows; r++)
        for (int c = 0; c < got->columns; c++)
            check_bits(value(got, r, c), value(expected, r, c));
}

/* `got` in 16 bits is `plain`, floats, rounded. */
static void check_rounded(const matrix *got, const matrix *plain)
{
    for (int r = 0; r < got->rows; r++)
        for (int c = 0; c < got->columns; c++)
            check_bits(value(got, r, c), round_bf16(value(plain, r, c)));
    check_around(got);
}

/* The same of sums that were added up in another order: a last bit apart, at the most. */
static void check_nearly_rounded(const matrix *got, const matrix *plain)
{
    for (int r = 0; r < got->rows; r++)
        for (int c = 0; c < got->columns; c++) {
            const float expected = value(plain, r, c);
            if (!(fabsf(value(got, r, c) - expected) <= 1e-5f + 0x1p-8f * fabsf(expected)))
                fail_msg("%.9g instead of %.9g", (double)value(got, r, c), (double)expected);
        }
    check_around(got);
}

/* ---- sums over rows ---- */

/* Two sums of each channel, which start at some number, and what x is taken about. */
typedef struct sums {
    float *about, *first, *second;
    int room; /* for a register's lanes behind the last channel */
} sums;

static float start(int channel)
{
    return (float)(channel % 7);
}

static sums new_sums(int channels)
{
    const int room = (channels + 15) / 16 * 16;
    const sums s = {buffer(room), buffer(room), buffer(room), room};
    for (int c = 0; c < room; c++)
        s.first[c] = s.second[c] = start(c);
    return s;
}

/* The sums of x - about_x and of (x - about_x) * (y - about_y); NULL: 0. Frees s. */
static void check_sums(const sums *s, const matrix *x, const float *about_x, const matrix *y,
                       const float *about_y)
{
    for (int c = 0; c < x->columns; c++) {
        total first = {0}, second = {0};
        add(&first, start(c));
        add(&second, start(c));
        for (int r = 0; r < x->rows; r++) {
            const double away = value(x, r, c) - (about_x ? (double)about_x[c] : 0);
            add(&first, away);
            add(&second, away * (value(y, r, c) - (about_y ? (double)about_y[c] : 0)));
        }
        check_total(s->first[c], &first);
        check_total(s->second[c], &second);
    }
    check_guards(s->first, s->room);
    check_guards(s->second, s->room);
    release(s->about), release(s->first), release(s->second);
}

/* ---- gates at the end of other kernels ---- */

/* Scales and offsets that let some of z through, and channel 0 at the edges themselves. */
static matrix gate_norm(const matrix *z)
{
    static const float edge[] = {0, 6, -0.0f, 5.96875f, 0x1p-100f, 6.03125f, -0x1p-100f};
    const matrix norm = input(2, z->columns, z->columns, false);
    for (int c = 0; c < z->columns; c++) {
        set(&norm, 0, c, c ? 8 * value(&norm, 0, c) : 1);
        set(&norm, 1, c, c ? 4 * value(&norm, 1, c) : 0);
    }
    for (int r = 0; r < z->rows; r++)
        set(z, r, 0, edge[r % LENGTH(edge)]);
    return norm;
}

/* A gate of a ReLU6, and what it holds. */
typedef struct gated {
    matrix z, norm, dy;
    sums s;
    wn_gate gate;
} gated;

enum { STORAGES = 3 }; /* floats, z in 16 bits, dy too */

static gated new_gated(int rows, int channels, int storage)
{
    const size_t ld = channels + 8;
    gated g = {.z = input(rows, channels, ld, storage > 0), .dy = output(rows, channels, ld, storage > 1)};
    g.norm = gate_norm(&g.z);
    g.s = new_sums(channels);
    g.gate = (wn_gate){.ldz = ld,
                       .z = g.z.values,
                       .dy = g.dy.values,
                       .scale = floats(&g.norm),
                       .offset = floats(&g.norm) + channels,
                       .mean = g.s.about,
                       .sum = g.s.first,
                       .along = g.s.second};
    return g;
}

static void discard_gated(const gated *g)
{
    discard(&g->z), discard(&g->norm), discard(&g->dy);
    release(g->s.about), release(g->s.first), release(g->s.second);
}

/* dx went through the gate as gate_gradient sends it. Frees g. */
static void check_gated(const wn_train_kernels *kernels, const gated *g, const matrix *dx)
{
    const matrix same = output(g->dy.rows, g->dy.columns, g->dy.ld, g->dy.values.bf16);
    const sums again = new_sums(same.columns);
    wn_gate gate = g->gate;
    gate.rows = same.rows, gate.channels = same.columns, gate.dx = floats(dx), gate.lddx = dx->ld;
    gate.dy = same.values, gate.sum = again.first, gate.along = again.second;
    kernels->gate_gradient(&gate);
    check_same(&g->dy, &same);
    check_around(&g->dy);
    for (int c = 0; c < same.columns; c++) {
        check_bits(g->s.first[c], again.first[c]);
        check_bits(g->s.second[c], again.second[c]);
    }
    check_guards(g->s.first, g->s.room);
    check_guards(g->s.second, g->s.room);
    release(again.about), release(again.first), release(again.second);
    discard(&same);
    discard_gated(g);
}

/* ---- matrix product ---- */

/* b (k, n), or its transpose, packed without what lies behind its rows. */
static float *pack(const wn_train_kernels *kernels, const matrix *b, bool turned)
{
    const int k = turned ? b->columns : b->rows, n = turned ? b->rows : b->columns;
    const size_t size = kernels->packed(k, n);
    float *to = buffer(size);
    kernels->pack(k, n, floats(b), turned ? 1 : b->ld, turned ? b->ld : 1, to);
    for (size_t i = 0; i < size; i++)
        assert_false(isnan(to[i]));
    check_guards(to, size);
    return to;
}

static total plain_product(const matrix *a, const matrix *b, bool turned, int row, int column)
{
    total t = {0};
    for (int k = 0; k < a->columns; k++)
        add(&t, (double)value(a, row, k) * (turned ? value(b, column, k) : value(b, k, column)));
    return t;
}

/* Into c, with sums where wanted. */
static void run_product(const wn_train_kernels *kernels, wn_product p, const matrix *c, bool summed)
{
    p.c = c->values;
    if (!summed) {
        kernels->product(&p);
        return;
    }
    const sums s = new_sums(p.n);
    p.shift = s.about, p.sum = s.first, p.square = s.second;
    kernels->product(&p);
    check_sums(&s, c, s.about, c, s.about);
}

/* c is the product's, in floats. Sums over more than WN_DEPTH are made in one go here, and rounded otherwise.
 */
static void check_gated_product(const wn_train_kernels *kernels, wn_product p, const matrix *c)
{
    for (int storage = 0; storage < STORAGES; storage++) {
        const gated g = new_gated(p.m, p.n, storage);
        p.gate = &g.gate;
        kernels->product(&p);
        if (p.k <= WN_DEPTH) {
            check_gated(kernels, &g, c);
            continue;
        }
        for (int i = 0; i < p.m; i++)
            for (int j = 0; j < p.n; j++) {
                const float y = value(&g.z, i, j) * value(&g.norm, 0, j) + value(&g.norm, 1, j);
                const float expected = y > 0 && y < 6 ? value(c, i, j) : 0;
                assert_true(fabsf(value(&g.dy, i, j) - expected) <= 1e-5f + 0x1p-8f * fabsf(expected));
            }
        discard_gated(&g);
    }
}

static void check_product(const wn_train_kernels *kernels, int m, int n, int k, unsigned variant)
{
    const bool more = variant & 1, summed = variant & 2, turned = variant & 4;
    const matrix a = input(m, k, k + (variant & 8), false),
                 b = turned ? input(n, k, k + 5, false) : input(k, n, n + 3, false),
                 c = output(m, n, n + (variant & 8), false), before = widened(&c);
    float *packed = pack(kernels, &b, turned);
    const wn_product p = {
        .add = more, .m = m, .n = n, .k = k, .a = floats(&a), .lda = a.ld, .b = packed, .ldc = c.ld};
    run_product(kernels, p, &c, summed);
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            total t = plain_product(&a, &b, turned, i, j);
            if (more)
                add(&t, value(&before, i, j));
            check_total(value(&c, i, j), &t);
        }
    check_around(&c);
    if (!more) {
        const matrix half = output(m, n, c.ld, true);
        run_product(kernels, p, &half, summed);
        (k > WN_DEPTH ? check_nearly_rounded : check_rounded)(&half, &c);
        discard(&half);
    }
    if (!more)
        check_gated_product(kernels, p, &c);
    discard(&a), discard(&b), discard(&c), discard(&before);
    release(packed);
}

/* Numbers that are awkward to round go through a product with 1. */
static void check_odd_product(const wn_train_kernels *kernels)
{
    const matrix a = input(ODD_ROWS, ODD_COLUMNS, ODD_COLUMNS, false),
                 b = input(ODD_COLUMNS, ODD_COLUMNS, ODD_COLUMNS, false),
                 c = output(ODD_ROWS, ODD_COLUMNS, ODD_COLUMNS, true);
    for (int i = 0; i < ODD_COLUMNS * ODD_COLUMNS; i++)
        set(&b, 0, i, i % (ODD_COLUMNS + 1) == 0);
    memcpy(floats(&a), odd, sizeof odd);
    float *packed = pack(kernels, &b, false);
    const wn_product p = {.m = ODD_ROWS,
                          .n = ODD_COLUMNS,
                          .k = ODD_COLUMNS,
                          .a = floats(&a),
                          .lda = a.ld,
                          .b = packed,
                          .ldc = c.ld};
    run_product(kernels, p, &c, false);
    check_rounded(&c, &a);
    discard(&a), discard(&b), discard(&c);
    release(packed);
}

static void check_products(const wn_train_kernels *kernels)
{
    const int pixels[] = {1, 3, 5, 7, 8, 23}, channels[] = {8, 16, 24, 40, 72, 144};
    const int inner[] = {8, 40, 320, 328, 648};
    unsigned variant = 0;
    for (size_t m = 0; m < LENGTH(pixels); m++)
        for (size_t n = 0; n < LENGTH(channels); n++)
            for (size_t k = 0; k < LENGTH(inner); k++)
                check_product(kernels, pixels[m], channels[n], inner[k], variant += 7);
    for (variant = 0; variant < 16; variant++)
        check_product(kernels, 13, 56, 24, variant);
    check_product(kernels, 5, 960, 160, 2);
    check_odd_product(kernels);
}

/* ---- outer product ---- */

static void check_outer(const wn_train_kernels *kernels, int m, int p, int q, size_t apart)
{
    const matrix a = input(m, p, p + apart, false), b = input(m, q, q + apart, false),
                 c = output(p, q, q + apart, false), before = widened(&c);
    const wn_outer o = {.m = m,
                        .p = p,
                        .q = q,
                        .a = floats(&a),
                        .b = floats(&b),
                        .lda = a.ld,
                        .ldb = b.ld,
                        .ldc = c.ld,
                        .c = floats(&c)};
    kernels->outer(&o);
    for (int i = 0; i < p; i++)
        for (int j = 0; j < q; j++) {
            total t = {0};
            add(&t, value(&before, i, j));
            for (int r = 0; r < m; r++)
                add(&t, (double)value(&a, r, i) * value(&b, r, j));
            check_total(value(&c, i, j), &t);
        }
    check_around(&c);
    discard(&a), discard(&b), discard(&c), discard(&before);
}

static void check_outers(const wn_train_kernels *kernels)
{
    const int pixels[] = {1, 5, 23, 64}, rows[] = {1, 7, 8, 24, 45, 72}, columns[] = {8, 16, 24, 40, 72, 144};
    for (size_t m = 0; m < LENGTH(pixels); m++)
        for (size_t p = 0; p < LENGTH(rows); p++)
            for (size_t q = 0; q < LENGTH(columns); q++)
                check_outer(kernels, pixels[m], rows[p], columns[q], (m + p + q) % 3 * 8);
    check_outer(kernels, 7, 40, 960, 0);
}

/* ---- depthwise ---- */

/* The rows that the taps meet, in any order, as in a ring. */
static void ring(const matrix *in, const float *row[5])
{
    for (int y = 0; y < in->rows; y++)
        row[y] = floats(in) + (in->rows - 1 - y) * in->ld;
}

static void run_depthwise(const wn_train_kernels *kernels, wn_depthwise_row d, const matrix *y, bool summed)
{
    d.y = y->values;
    if (!summed) {
        kernels->depthwise(&d);
        return;
    }
    const sums s = new_sums(d.channels);
    d.shift = s.about, d.sum = s.first, d.square = s.second;
    kernels->depthwise(&d);
    check_sums(&s, y, s.about, y, s.about);
}

static void check_depthwise(const wn_train_kernels *kernels, int kernel, int stride, int channels, int out)
{
    const int width = ((out - 1) * stride + kernel) * channels;
    const matrix in = input(kernel, width, width + 8, false),
                 weight = input(kernel * kernel, channels, channels, false),
                 y = output(out, channels, channels, false), half = output(out, channels, channels, true);
    const float *row[5];
    ring(&in, row);
    wn_depthwise_row d = {.kernel = kernel,
                          .stride = stride,
                          .channels = channels,
                          .out = out,
                          .in = row,
                          .weight = floats(&weight)};
    run_depthwise(kernels, d, &y, out % 3);
    for (int x = 0; x < out; x++)
        for (int c = 0; c < channels; c++) {
            total t = {0};
            for (int tap = 0; tap < kernel * kernel; tap++)
                add(&t, (double)value(&weight, tap, c) *
                            row[tap / kernel][(x * stride + tap % kernel) * channels + c]);
            check_total(value(&y, x, c), &t);
        }
    check_around(&y);
    run_depthwise(kernels, d, &half, out % 3);
    check_rounded(&half, &y);
    for (int storage = 0; stride == 1 && storage < STORAGES; storage++) {
        const gated g = new_gated(out, channels, storage);
        d.gate = &g.gate;
        kernels->depthwise(&d);
        check_gated(kernels, &g, &y);
    }
    discard(&in), discard(&weight), discard(&y), discard(&half);
}

/* Numbers that are awkward to round, in the middle of the kernel, whose only weight is 1 there. */
static void check_odd_depthwise(const wn_train_kernels *kernels)
{
    const int width = (ODD_ROWS + 2) * ODD_COLUMNS;
    const matrix in = input(3, width, width, false), weight = input(9, ODD_COLUMNS, ODD_COLUMNS, false),
                 y = output(ODD_ROWS, ODD_COLUMNS, ODD_COLUMNS, true),
                 plain = input(ODD_ROWS, ODD_COLUMNS, ODD_COLUMNS, false);
    const float *row[5];
    ring(&in, row);
    memcpy(floats(&plain), odd, sizeof odd);
    memcpy(floats(&in) + width + ODD_COLUMNS, odd, sizeof odd);
    for (int i = 0; i < 9 * ODD_COLUMNS; i++)
        set(&weight, 0, i, i / ODD_COLUMNS == 4);
    const wn_depthwise_row d = {.kernel = 3,
                                .stride = 1,
                                .channels = ODD_COLUMNS,
                                .out = ODD_ROWS,
                                .in = row,
                                .weight = floats(&weight)};
    run_depthwise(kernels, d, &y, false);
    check_rounded(&y, &plain);
    discard(&in), discard(&weight), discard(&y), discard(&plain);
}

static void check_dweight(const wn_train_kernels *kernels, int kernel, int stride, int channels, int out)
{
    const int width = ((out - 1) * stride + kernel) * channels;
    const matrix in = input(kernel, width, width + 8, false), dy = input(out, channels, channels, false),
                 dweight = output(kernel * kernel, channels, channels, false), before = widened(&dweight);
    const float *row[5];
    ring(&in, row);
    const wn_depthwise_dweight d = {kernel, stride, channels, out, row, floats(&dy), floats(&dweight)};
    kernels->depthwise_dweight(&d);
    for (int tap = 0; tap < kernel * kernel; tap++)
        for (int c = 0; c < channels; c++) {
            total t = {0};
            add(&t, value(&before, tap, c));
            for (int x = 0; x < out; x++)
                add(&t,
                    (double)value(&dy, x, c) * row[tap / kernel][(x * stride + tap % kernel) * channels + c]);
            check_total(value(&dweight, tap, c), &t);
        }
    check_around(&dweight);
    discard(&in), discard(&dy), discard(&dweight), discard(&before);
}

/* Input pixel x of a convolution of stride 2; dy has `side` zeros before pixel 0. */
static total plain_dx2(const wn_depthwise_dx2 *d, int out, int x, int channel)
{
    total t = {0};
    for (int tap = 0; tap < d->taps; tap++)
        for (int kx = 0; kx < d->kernel; kx++) {
            const int twice = x + d->before - kx;
            if (twice >= 0 && twice % 2 == 0 && twice / 2 < out)
                add(&t, (double)d->weight[tap][kx * d->channels + channel] *
                            d->dy[tap][twice / 2 * d->channels + channel]);
        }
    return t;
}

static void check_dx2(const wn_train_kernels *kernels, int kernel, int channels, int in, int before, int taps)
{
    const int side = kernel / 2, out = (in + 1) / 2, padded = out + 2 * side;
    const matrix dy = input(taps, padded * channels, padded * channels + SLACK, false),
                 weight = input(taps, kernel * channels, kernel * channels + 8, false);
    const gated open = new_gated(in, channels, 0); /* its dy is dx */
    for (int c = 0; c < channels; c++) {
        set(&open.norm, 0, c, 0);
        set(&open.norm, 1, c, 1);
    }
    wn_depthwise_dx2 d = {
        .kernel = kernel, .channels = channels, .in = in, .before = before, .taps = taps, .gate = &open.gate};
    for (int tap = 0; tap < taps; tap++) {
        float *row = floats(&dy) + tap * dy.ld;
        memset(row, 0, side * channels * sizeof *row);
        memset(row + (side + out) * channels, 0, side * channels * sizeof *row);
        d.dy[tap] = row + side * channels;
        d.weight[tap] = floats(&weight) + tap * weight.ld;
    }
    kernels->depthwise_dx2(&d);
    for (int x = 0; x < in; x++)
        for (int c = 0; c < channels; c++) {
            const total t = plain_dx2(&d, out, x, c);
            check_total(value(&open.dy, x, c), &t);
        }
    for (int storage = 0; storage < STORAGES; storage++) {
        const gated g = new_gated(in, channels, storage);
        d.gate = &g.gate;
        kernels->depthwise_dx2(&d);
        check_gated(kernels, &g, &open.dy);
    }
    check_gated(kernels, &open, &open.dy);
    discard(&dy), discard(&weight);
}

static const int depthwise_channels[] = {8, 16, 24, 40, 144};

static void check_depthwises(const wn_train_kernels *kernels)
{
    for (int kernel = 3; kernel <= 5; kernel += 2)
        for (int stride = 1; stride <= 2; stride++)
            for (size_t c = 0; c < LENGTH(depthwise_channels); c++)
                for (int out = 1; out <= 9; out++)
                    check_depthwise(kernels, kernel, stride, depthwise_channels[c], out);
    check_depthwise(kernels, 3, 1, 960, 4);
    check_odd_depthwise(kernels);
}

static void check_dweights(const wn_train_kernels *kernels)
{
    for (int kernel = 3; kernel <= 5; kernel += 2)
        for (int stride = 1; stride <= 2; stride++)
            for (size_t c = 0; c < LENGTH(depthwise_channels); c++)
                for (int out = 1; out <= 9; out++)
                    check_dweight(kernels, kernel, stride, depthwise_channels[c], out);
}

static void check_dx2s(const wn_train_kernels *kernels)
{
    for (int kernel = 3; kernel <= 5; kernel += 2)
        for (int before = 0; before <= kernel / 2; before++)
            for (size_t c = 0; c < LENGTH(depthwise_channels); c++)
                for (int in = 1; in <= 18; in++)
                    check_dx2(kernels, kernel, depthwise_channels[c], in, before, in % (kernel / 2 + 2));
}

/* ---- rows of channels ---- */

static const int row_channels[] = {8, 24, 40, 144, 960};

static void check_activate(const wn_train_kernels *kernels, int rows, int channels, size_t apart)
{
    const matrix x = input(rows, channels, channels + apart, true), wide = widened(&x),
                 norm = input(2, channels, channels, false),
                 y = output(rows, channels, channels + 2 * apart, false),
                 same = output(rows, channels, channels + 2 * apart, false);
    float *scale = floats(&norm), *offset = scale + channels;
    for (int c = 0; c < channels; c++)
        scale[c] *= 12; /* beyond 6, too */
    const wn_rows size = {rows, channels};
    kernels->activate(size, x.values, x.ld, scale, offset, floats(&y), y.ld);
    kernels->activate(size, wide.values, wide.ld, scale, offset, floats(&same), same.ld);
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < channels; c++) {
            const double expected = clamp6(value(&x, r, c) * (double)scale[c] + offset[c]);
            assert_true(fabs(value(&y, r, c) - expected) <= 2e-6);
        }
    check_same(&y, &same);
    check_around(&y);
    check_around(&same);
    discard(&x), discard(&wide), discard(&norm), discard(&y), discard(&same);
}

static void check_affine(const wn_train_kernels *kernels, int rows, int channels, bool more)
{
    const matrix x = input(rows, channels, channels, false), norm = input(2, channels, channels, false),
                 residual = input(rows, channels, channels, false),
                 y = output(rows, channels, channels, false);
    const float *scale = floats(&norm), *offset = scale + channels;
    kernels->affine((wn_rows){rows, channels}, floats(&x), scale, offset, more ? floats(&residual) : NULL,
                    floats(&y));
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < channels; c++) {
            total t = {0};
            add(&t, value(&x, r, c) * (double)scale[c]);
            add(&t, offset[c]);
            if (more)
                add(&t, value(&residual, r, c));
            check_total(value(&y, r, c), &t);
        }
    check_around(&y);
    discard(&x), discard(&norm), discard(&residual), discard(&y);
}

static void check_norm_gradient(const wn_train_kernels *kernels, int rows, int channels, size_t apart)
{
    const size_t ld = channels + apart, to = channels + 2 * apart;
    const matrix dy = input(rows, channels, ld, true), z = input(rows, channels, ld, true),
                 wide_dy = widened(&dy), wide_z = widened(&z), c = input(3, channels, ld, false),
                 dz = output(rows, channels, to, false), same = output(rows, channels, to, false);
    const wn_rows size = {rows, channels};
    kernels->norm_gradient(size, dy.values, z.values, floats(&c), ld, floats(&dz), to);
    kernels->norm_gradient(size, wide_dy.values, wide_z.values, floats(&c), ld, floats(&same), to);
    for (int r = 0; r < rows; r++)
        for (int i = 0; i < channels; i++) {
            total t = {0};
            add(&t, (double)value(&dy, r, i) * value(&c, 0, i));
            add(&t, (double)value(&z, r, i) * value(&c, 1, i));
            add(&t, value(&c, 2, i));
            check_total(value(&dz, r, i), &t);
        }
    check_same(&dz, &same);
    check_around(&dz);
    check_around(&same);
    discard(&dy), discard(&z), discard(&wide_dy), discard(&wide_z), discard(&c), discard(&dz), discard(&same);
}

static void check_activates(const wn_train_kernels *kernels)
{
    for (int rows = 1; rows <= 5; rows++)
        for (size_t c = 0; c < LENGTH(row_channels); c++)
            check_activate(kernels, rows, row_channels[c], rows % 3 * 8);
}

static void check_affines(const wn_train_kernels *kernels)
{
    for (int rows = 1; rows <= 5; rows++)
        for (size_t c = 0; c < LENGTH(row_channels); c++)
            check_affine(kernels, rows, row_channels[c], (rows + c) % 2);
}

static void check_norm_gradients(const wn_train_kernels *kernels)
{
    for (int rows = 1; rows <= 5; rows++)
        for (size_t c = 0; c < LENGTH(row_channels); c++)
            check_norm_gradient(kernels, rows, row_channels[c], rows % 3 * 8);
}

/* ---- gate ---- */

typedef struct gate_variant {
    bool scale, offset, bf16_z, bf16_dy;
    enum { NOTHING, ANOTHER, ITSELF } add; /* to dy */
    enum { APART, IN_PLACE, ONE_ROW } dx;
} gate_variant;

/* dy in floats: no rounding but that of its sums. */
static float plain_gate(const wn_gate *g, float dx, float z, const float *more, int channel)
{
    const double y = g->scale ? (double)z * g->scale[channel] + g->offset[channel] : 0;
    float dy = dx;
    if (g->scale)
        dy = y > 0 && y < 6 ? dx : 0;
    else if (g->offset)
        dy += g->offset[channel];
    return more ? dy + *more : dy;
}

/* z in 16 bits gives what the same floats do. */
static void check_wide_gate(const wn_train_kernels *kernels, wn_gate g, const matrix *z, const matrix *dy,
                            const sums *s)
{
    const matrix wide = widened(z), same = output(dy->rows, dy->columns, dy->ld, false);
    const sums again = new_sums(g.channels);
    g.z = wide.values, g.dy = same.values, g.sum = again.first, g.along = again.second;
    kernels->gate_gradient(&g);
    check_same(&same, dy);
    for (int c = 0; c < g.channels; c++) {
        check_bits(again.first[c], s->first[c]);
        check_bits(again.second[c], s->second[c]);
    }
    release(again.about), release(again.first), release(again.second);
    discard(&wide), discard(&same);
}

static void check_gate(const wn_train_kernels *kernels, int rows, int channels, size_t apart, gate_variant v)
{
    const size_t ld = channels + apart;
    const matrix z = input(rows, channels, ld, v.bf16_z), norm = gate_norm(&z),
                 dx = input(rows, channels, ld + apart, false), other = input(rows, channels, ld, false),
                 dy = output(rows, channels, ld, v.bf16_dy), before = widened(&dy);
    const sums s = new_sums(channels);
    const wn_gate g = {.rows = rows,
                       .channels = channels,
                       .dx = v.dx == IN_PLACE ? floats(&dy) : floats(&dx),
                       .lddx = v.dx == IN_PLACE  ? ld
                               : v.dx == ONE_ROW ? 0
                                                 : dx.ld,
                       .ldz = ld,
                       .z = z.values,
                       .dy = dy.values,
                       .scale = v.scale ? floats(&norm) : NULL,
                       .offset = v.offset ? floats(&norm) + channels : NULL,
                       .mean = s.about,
                       .add = v.add == NOTHING ? NULL : floats(v.add == ITSELF ? &dy : &other),
                       .sum = s.first,
                       .along = s.second};
    kernels->gate_gradient(&g);
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < channels; c++) {
            const float from =
                v.dx == IN_PLACE ? value(&before, r, c) : value(&dx, v.dx == ONE_ROW ? 0 : r, c);
            const float more = value(v.add == ITSELF ? &before : &other, r, c);
            const float expected = plain_gate(&g, from, value(&z, r, c), g.add ? &more : NULL, c);
            check_bits(value(&dy, r, c), v.bf16_dy ? round_bf16(expected) : expected);
        }
    check_around(&dy);
    if (v.bf16_z && !v.bf16_dy && v.add != ITSELF && v.dx != IN_PLACE)
        check_wide_gate(kernels, g, &z, &dy, &s);
    check_sums(&s, &dy, NULL, &z, s.about);
    discard(&z), discard(&norm), discard(&dx), discard(&other), discard(&dy), discard(&before);
}

/* Numbers that are awkward to round, through a gate that is open. */
static void check_odd_gate(const wn_train_kernels *kernels)
{
    const matrix z = input(ODD_ROWS, ODD_COLUMNS, ODD_COLUMNS, true),
                 norm = input(2, ODD_COLUMNS, ODD_COLUMNS, false),
                 dx = input(ODD_ROWS, ODD_COLUMNS, ODD_COLUMNS, false),
                 dy = output(ODD_ROWS, ODD_COLUMNS, ODD_COLUMNS, true);
    const sums s = new_sums(ODD_COLUMNS);
    for (int c = 0; c < ODD_COLUMNS; c++) {
        set(&norm, 0, c, 1);
        set(&norm, 1, c, 3);
    }
    memcpy(floats(&dx), odd, sizeof odd);
    const wn_gate g = {.rows = ODD_ROWS,
                       .channels = ODD_COLUMNS,
                       .dx = floats(&dx),
                       .lddx = dx.ld,
                       .ldz = dy.ld,
                       .z = z.values,
                       .dy = dy.values,
                       .scale = floats(&norm),
                       .offset = floats(&norm) + ODD_COLUMNS,
                       .mean = s.about,
                       .sum = s.first,
                       .along = s.second};
    kernels->gate_gradient(&g);
    check_rounded(&dy, &dx);
    release(s.about), release(s.first), release(s.second);
    discard(&z), discard(&norm), discard(&dx), discard(&dy);
}

static void check_gates(const wn_train_kernels *kernels)
{
    static const gate_variant variants[] = {
        {.scale = false, .offset = false},
        {.scale = false, .offset = true},
        {.scale = true, .offset = true},
        {.scale = true, .offset = true, .bf16_z = true},
        {.scale = true, .offset = true, .bf16_z = true, .bf16_dy = true},
    };
    const int channels[] = {8, 24, 40, 144};
    for (size_t i = 0; i < LENGTH(variants); i++)
        for (int add = NOTHING; add <= (variants[i].scale ? NOTHING : ITSELF); add++)
            for (int dx = APART; dx <= ONE_ROW; dx++)
                for (size_t c = 0; c < LENGTH(channels); c++) {
                    gate_variant v = variants[i];
                    v.add = add, v.dx = dx;
                    if (dx == IN_PLACE && (v.bf16_dy || add == ITSELF))
                        continue;
                    for (int rows = 1; rows <= 9; rows += 2)
                        check_gate(kernels, rows, channels[c], rows % 3 * 8, v);
                }
    check_odd_gate(kernels);
}

/* ---- past the caches ---- */

/* An output of whole lines, and one that is streamed. */
typedef struct twins {
    matrix plain, streamed;
} twins;

static twins new_twins(int rows, int columns)
{
    twins t = {output(rows, columns, columns + 16, false), output(rows, columns, columns + 16, false)};
    t.streamed.values.streamed = true;
    return t;
}

static void check_twins(const twins *t)
{
    check_same(&t->streamed, &t->plain);
    check_around(&t->streamed);
    discard(&t->plain), discard(&t->streamed);
}

/* A kernel that ends in a gate, once into each of the twins. */
static void check_streamed_gate(const wn_train_kernels *kernels, wn_product *p, wn_depthwise_row *d)
{
    const int rows = p ? p->m : d->out, channels = p ? p->n : d->channels;
    const twins dy = new_twins(rows, channels);
    gated g = new_gated(rows, channels, 0);
    const matrix z = input(rows, channels, dy.plain.ld, false);
    g.gate.z = z.values, g.gate.ldz = z.ld;
    for (int streamed = 0; streamed <= 1; streamed++) {
        g.gate.dy = (streamed ? dy.streamed : dy.plain).values;
        if (p) {
            p->gate = &g.gate;
            kernels->product(p);
        } else {
            d->gate = &g.gate;
            kernels->depthwise(d);
        }
    }
    check_twins(&dy);
    discard(&z);
    discard_gated(&g);
}

static void check_streams(const wn_train_kernels *kernels)
{
    enum { M = 21, N = 48, K = 20, CHANNELS = 32, OUT = 7, TAPS = 9 };
    const matrix a = input(M, K, K, false), b = input(K, N, N, false);
    float *packed = pack(kernels, &b, false);
    const twins c = new_twins(M, N);
    wn_product p = {.m = M, .n = N, .k = K, .a = floats(&a), .lda = a.ld, .b = packed, .ldc = c.plain.ld};
    run_product(kernels, p, &c.plain, true);
    run_product(kernels, p, &c.streamed, true);
    check_twins(&c);
    check_streamed_gate(kernels, &p, NULL);

    const matrix in = input(3, (OUT + 2) * CHANNELS, (OUT + 2) * CHANNELS, false),
                 weight = input(TAPS, CHANNELS, CHANNELS, false);
    const float *row[5];
    ring(&in, row);
    wn_depthwise_row d = {
        .kernel = 3, .stride = 1, .channels = CHANNELS, .out = OUT, .in = row, .weight = floats(&weight)};
    matrix y = output(OUT, CHANNELS, CHANNELS, false), streamed = output(OUT, CHANNELS, CHANNELS, false);
    streamed.values.streamed = true;
    run_depthwise(kernels, d, &y, true);
    run_depthwise(kernels, d, &streamed, true);
    check_same(&streamed, &y);
    check_around(&streamed);
    check_streamed_gate(kernels, NULL, &d);
    discard(&a), discard(&b), discard(&in), discard(&weight), discard(&y), discard(&streamed);
    release(packed);
}

/* ---- the instruction sets ---- */

typedef struct test {
    wn_cpu level;
    bool wide;
    void (*check)(const wn_train_kernels *kernels);
} test;

static void run(void **state)
{
    const test *t = *state;
    wn_random_seed(&generator, 5, 0);
    if (t->level > wn_cpu_detected()) {
        print_message("not tested: %s, which this machine lacks\n", wn_cpu_name(t->level));
        skip();
    }
    wn_train_kernels kernels = wn_train_kernels_at(t->level);
    if (kernels.level != t->level) {
        print_message("no kernels for %s on this kind of processor\n", wn_cpu_name(t->level));
        skip();
    }
#if defined(__x86_64__) || defined(__i386__) /* elsewhere wide_train.c's own arithmetic may be fused */
    if (t->wide)
        wide_train_kernels(&kernels);
#endif
    t->check(&kernels);
}

#define TEST(set, name, ...)                                                                                 \
    {                                                                                                        \
        set " " name, run, NULL, NULL, &(test)                                                               \
        {                                                                                                    \
            __VA_ARGS__                                                                                      \
        }                                                                                                    \
    }
#define TESTS(set, level, wide)                                                                              \
    TEST(set, "product", level, wide, check_products), TEST(set, "outer", level, wide, check_outers),        \
        TEST(set, "depthwise", level, wide, check_depthwises),                                               \
        TEST(set, "depthwise dweight", level, wide, check_dweights),                                         \
        TEST(set, "depthwise dx2", level, wide, check_dx2s),                                                 \
        TEST(set, "activate", level, wide, check_activates),                                                 \
        TEST(set, "affine", level, wide, check_affines),                                                     \
        TEST(set, "norm gradient", level, wide, check_norm_gradients),                                       \
        TEST(set, "gate gradient", level, wide, check_gates),                                                \
        TEST(set, "streams", level, wide, check_streams)

int main(int argc, char **argv)
{
    if (argc > 1)
        cmocka_set_test_filter(argv[1]); /* where all would take too long: on an emulated processor */
    const struct CMUnitTest tests[] = {
        TESTS("baseline", WN_CPU_BASELINE, false),
        TESTS("avx2", WN_CPU_AVX2, false),
        TESTS("avx512", WN_CPU_AVX512, false),
#if defined(__x86_64__) || defined(__i386__)
        TESTS("sixteen wide", WN_CPU_BASELINE, true),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
