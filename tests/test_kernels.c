/* SPDX-License-Identifier: Apache-2.0
 * Every kernel of every instruction set of this machine against plain loops in float64, on random input and
 * at awkward sizes. Outputs lie between guards that must survive. (bench/bench_kernels.c takes the times.) */
#include "guarded.h"
#include "runtime/half.h"
#include "runtime/kernels/kernels.h"
#include "runtime/plan.h"
#include "wide.h"

#include <math.h>
#include <string.h>

/* Float32 sums of k products of values up to 1. */
static void check_close(float got, double expected, int k)
{
    if (!(fabs(got - expected) <= 2e-7 * k + 1e-6))
        fail_msg("%.9g instead of %.9g", (double)got, expected);
}

static int rounded(int channels)
{
    return (channels + WN_BLOCK - 1) / WN_BLOCK * WN_BLOCK;
}

/* ---- matrix product ---- */

static double plain_gemm(const wn_gemm *g, int pixel, int channel)
{
    double sum = g->bias[channel];
    for (int k = 0; k < g->k; k++)
        sum += (double)g->a[k / 16 * g->a_block + (size_t)pixel * 16 + k % 16] *
               g->b[(size_t)(channel / 16) * g->k * 16 + k * 16 + channel % 16];
    if (g->relu6)
        sum = clamp6(sum);
    return g->add ? sum + g->add[channel / 16 * g->add_block + (size_t)pixel * 16 + channel % 16] : sum;
}

/* Where a product goes, and what is added to it: the rest of g, of memory that release_output frees. */
typedef struct output {
    size_t block, size; /* of c */
    float *c, *residual;
    uint32_t *where;
} output;

static output set_output(wn_gemm *g, bool scatter, bool add)
{
    output o = {.block = (size_t)(scatter ? 2 : 1) * g->m * 16};
    const size_t add_block = (size_t)g->m * 16, add_size = rounded(g->n) / 16 * add_block;
    o.size = rounded(g->n) / 16 * o.block;
    o.c = buffer(o.size), o.residual = buffer(add_size);
    o.where = malloc(g->m * sizeof *o.where);
    assert_non_null(o.where);
    for (int i = 0; i < g->m; i++)
        o.where[i] = 16 * (scatter ? 2 * (uint32_t)(g->m - 1 - i) : (uint32_t)i);
    g->c = o.c, g->c_block = o.block;
    g->where = scatter ? o.where : NULL;
    g->add = add ? o.residual : NULL, g->add_block = add_block;
    g->relu6 = !add;
    return o;
}

static float output_at(const output *o, int pixel, int channel)
{
    return o->c[channel / 16 * o->block + o->where[pixel] + channel % 16];
}

static void release_output(output *o)
{
    check_guards(o->c, o->size);
    release(o->c), release(o->residual);
    free(o->where);
}

static void check_gemm(const wn_kernels *kernels, int m, int n, int k, bool scatter, bool add)
{
    const size_t in_block = (size_t)(m + 3) * 16;
    float *a = buffer(rounded(k) / 16 * in_block), *b = buffer((size_t)rounded(n) * k),
          *bias = buffer(rounded(n));
    wn_gemm g = {.a = a, .a_block = in_block, .b = b, .bias = bias, .m = m, .n = n, .k = k};
    output o = set_output(&g, scatter, add);
    kernels->gemm(&g);
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++)
            check_close(output_at(&o, i, j), plain_gemm(&g, i, j), k);
    release(a), release(b), release(bias);
    release_output(&o);
}

static void check_gemms(const wn_kernels *kernels)
{
    const int pixels[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 16, 17, 23, 25, 49, 64};
    const int channels[] = {8, 16, 24, 32, 40, 48, 56, 72, 96};
    const int inner[] = {8, 16, 24, 32, 40, 136};
    for (size_t m = 0; m < LENGTH(pixels); m++)
        for (size_t n = 0; n < LENGTH(channels); n++)
            for (size_t k = 0; k < LENGTH(inner); k++)
                check_gemm(kernels, pixels[m], channels[n], inner[k], (m + n + k) % 2, (n + k) % 3 == 0);
}

/* ---- products of bytes ---- */

static void *byte_buffer(size_t count)
{
    void *bytes = aligned_alloc(64, (count + 63) / 64 * 64);
    assert_non_null(bytes);
    return bytes;
}

/* Inputs of 0 to 127; `extreme`: nearly all 127. */
static uint8_t *byte_inputs(size_t count, bool extreme)
{
    uint8_t *bytes = byte_buffer(count);
    for (size_t i = 0; i < count; i++) {
        const double x = wn_random_range(&generator, 0, 1);
        bytes[i] = (uint8_t)(extreme ? (x < 0.05 ? 0 : 127) : x * 128);
    }
    return bytes;
}

/* Weights of one output channel that fit, in their panel; `extreme`: sums of 16 bits that are full. */
static void byte_column(int8_t *b, int channel, int count, bool extreme)
{
    float row[1024] = {0};
    int8_t bytes[1024];
    for (int k = 0; k < count; k++) {
        const int place = k / 4 * 2 + k % 2; /* among the 8 that meet in one sum */
        row[k] = (float)wn_random_range(&generator, -1, 1);
        if (extreme)
            row[k] = (channel % 2 ? -1.0f : 1.0f) * (place % 8 < 2 ? 127 : place % 8 == 2 ? 4 : 0);
    }
    wn_row_bytes(row, (size_t)count, extreme ? 1 : wn_row_scale(row, (size_t)count), bytes);
    assert_true(wn_row_fits(bytes, (size_t)count));
    for (int k = 0; k < count; k++)
        b[(size_t)(channel / 16) * count * 16 + (k / 4 * 16 + channel % 16) * 4 + k % 4] = bytes[k];
}

/* In integers, then rounded once by the product and once by the sum. */
static float plain_gemm8(const wn_gemm *g, int pixel, int channel)
{
    int sum = 0;
    for (int k = 0; k < g->k; k++)
        sum += g->a8[k / 16 * g->a_block + (size_t)pixel * 16 + k % 16] *
               g->b8[(size_t)(channel / 16) * g->k * 16 + (k / 4 * 16 + channel % 16) * 4 + k % 4];
    const float scaled = (float)sum * g->scale[channel];
    float value = scaled + g->bias[channel];
    if (g->relu6)
        value = rintf(fminf(fmaxf(value, 0), 6) * WN_GRID) / WN_GRID;
    return g->add ? value + g->add[channel / 16 * g->add_block + (size_t)pixel * 16 + channel % 16] : value;
}

static void check_gemm8(const wn_kernels *kernels, int m, int n, int k, bool extreme)
{
    const size_t in_block = (size_t)(m + 3) * 16;
    uint8_t *a = byte_inputs(rounded(k) / 16 * in_block, extreme);
    int8_t *b = byte_buffer((size_t)rounded(n) * k);
    memset(b, 0, (size_t)rounded(n) * k);
    for (int channel = 0; channel < n; channel++)
        byte_column(b, channel, k, extreme);
    float *scale = buffer(rounded(n)), *bias = buffer(rounded(n));
    wn_gemm g = {.a8 = a, .a_block = in_block, .b8 = b, .scale = scale, .bias = bias, .m = m, .n = n, .k = k};
    output o = set_output(&g, (m + n / 8) % 2, (m + k / 8) % 3 == 0);
    g.relu6 &= n % 3 != 0; /* neither: the last layer of a gate */
    kernels->gemm8(&g);
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            const float expected = plain_gemm8(&g, i, j), got = output_at(&o, i, j);
            if (got != expected)
                fail_msg("%s %d x %d x %d: %.9g instead of %.9g", wn_cpu_name(kernels->level), m, n, k, got,
                         expected);
        }
    free(a), free(b);
    release(scale), release(bias);
    release_output(&o);
}

static void check_quantise(const wn_kernels *kernels)
{
    enum { COUNT = 16 * 37 };
    float *in = buffer(COUNT);
    uint8_t out[COUNT + 1];
    out[COUNT] = 200;
    in[0] = NAN, in[1] = 1e30f, in[2] = -1e30f, in[3] = INFINITY;
    in[16] = 0.5f / 64, in[17] = 1.5f / 64, in[18] = 2.5f / 64; /* ties go to even */
    const float scale = 64.3f, zero = 40;
    kernels->quantise(in, out, COUNT, scale, zero);
    assert_true(out[0] <= 127); /* anything that is a byte of 7 bits */
    for (int i = 1; i < COUNT; i++) {
        const float scaled = in[i] * scale;
        assert_int_equal(out[i], (int)rintf(fminf(fmaxf(scaled + zero, 0), 127)));
    }
    assert_int_equal(out[COUNT], 200);
    release(in);
}

static void check_bytes(const wn_kernels *kernels)
{
    const int pixels[] = {1, 2, 5, 6, 7, 11, 12, 13, 16, 25}, channels[] = {8, 16, 24, 32, 40, 48, 72};
    const int inner[] = {8, 16, 24, 40, 960};
    for (size_t m = 0; m < LENGTH(pixels); m++)
        for (size_t n = 0; n < LENGTH(channels); n++)
            for (size_t k = 0; k < LENGTH(inner); k++)
                check_gemm8(kernels, pixels[m], channels[n], inner[k], (m + k) % 2);
    const int blocks[] = {63, 64, 65, 130}; /* around what passes by at a time where weights stay */
    for (size_t m = 0; m < LENGTH(blocks); m++)
        for (int n = 8; n <= 48; n += 8)
            for (int k = 8; k <= 40; k += 16)
                check_gemm8(kernels, blocks[m], n, k, (m + n / 8) % 2);
    check_quantise(kernels);
}

/* ---- products of bf16 numbers ---- */

/* Random bf16 numbers in [-1, 1]. */
static uint16_t *half_inputs(size_t count)
{
    uint16_t *halves = byte_buffer(count * sizeof *halves);
    for (size_t i = 0; i < count; i++)
        halves[i] = wn_bf16_from_float((float)wn_random_range(&generator, -1, 1));
    return halves;
}

static double plain_gemm16(const wn_gemm *g, int together, int pixel, int channel)
{
    double sum = 0;
    for (int k = 0; k < g->k; k++)
        sum += (double)wn_bf16_to_float(g->a16[k / 16 * g->a_block + (size_t)pixel * 16 + k % 16]) *
               wn_bf16_to_float(g->b16[(size_t)(channel / 16) * g->k * 16 +
                                       (k / together * 16 + channel % 16) * together + k % together]);
    sum = g->scale[channel] * sum + g->bias[channel];
    if (g->relu6)
        sum = clamp6(sum);
    return g->add ? sum + g->add[channel / 16 * g->add_block + (size_t)pixel * 16 + channel % 16] : sum;
}

static void check_gemm16(const wn_kernels *kernels, int m, int n, int k)
{
    const size_t in_block = (size_t)(m + 3) * 16;
    uint16_t *a = half_inputs(rounded(k) / 16 * in_block), *b = half_inputs((size_t)rounded(n) * k);
    float *scale = buffer(rounded(n)), *bias = buffer(rounded(n));
    wn_gemm g = {
        .a16 = a, .a_block = in_block, .b16 = b, .scale = scale, .bias = bias, .m = m, .n = n, .k = k};
    output o = set_output(&g, (m + n / 8) % 2, (m + k / 8) % 3 == 0);
    g.relu6 &= n % 3 != 0;
    kernels->gemm16(&g);
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++)
            check_close(output_at(&o, i, j), plain_gemm16(&g, kernels->together, i, j), k);
    free(a), free(b);
    release(scale), release(bias);
    release_output(&o);
}

static void check_narrow(const wn_kernels *kernels)
{
    enum { COUNT = 16 * 37 };
    float *in = buffer(COUNT);
    uint16_t out[COUNT + 1];
    out[COUNT] = 12345;
    in[0] = 1 + 0x1p-8f, in[1] = 1 + 0x3p-8f, in[2] = -1 - 0x1p-8f; /* ties go to even */
    in[3] = 0, in[4] = 6, in[5] = 1 + 0x1p-8f + 0x1p-20f, in[6] = 3e38f;
    kernels->narrow(in, out, COUNT);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(out[i], wn_bf16_from_float(in[i]));
    assert_true(wn_bf16_to_float(out[0]) == 1 && wn_bf16_to_float(out[1]) == 1 + 0x1p-6f);
    assert_int_equal(out[COUNT], 12345);
    release(in);
}

static void check_bf16(const wn_kernels *kernels)
{
    const int pixels[] = {1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 16, 25}, channels[] = {8, 16, 24, 32, 40, 48, 72};
    const int inner[] = {8, 16, 24, 40, 136, 960};
    if (!kernels->gemm16) {
        assert_true(!kernels->narrow && !kernels->together && !kernels->depthwise16[0][0]);
        return;
    }
    for (size_t m = 0; m < LENGTH(pixels); m++)
        for (size_t n = 0; n < LENGTH(channels); n++)
            for (size_t k = 0; k < LENGTH(inner); k++)
                check_gemm16(kernels, pixels[m], channels[n], inner[k]);
    check_narrow(kernels);
}

/* ---- depthwise ---- */

/* Rounded to bf16 as `plain`, floats of the same input, are. */
static void check_depthwise16(const wn_kernels *kernels, int kernel, int stride, wn_depthwise d,
                              const float *plain)
{
    const size_t size = (size_t)d.rows * d.m * 16;
    uint16_t *out = byte_buffer((size + 1) * sizeof *out);
    out[size] = 12345;
    d.out = out;
    kernels->depthwise16[kernel == 5][stride == 2](&d);
    for (size_t i = 0; i < size; i++)
        assert_int_equal(out[i], wn_bf16_from_float(plain[i]));
    assert_int_equal(out[size], 12345);
    free(out);
}

static void check_depthwise(const wn_kernels *kernels, int kernel, int stride, int rows, int m)
{
    const int in_rows = (rows - 1) * stride + kernel, in_width = (m - 1) * stride + kernel;
    const size_t in_size = (size_t)in_rows * in_width * 16, out_size = (size_t)rows * m * 16;
    float *in = buffer(in_size), *weight = buffer((size_t)kernel * kernel * 16), *bias = buffer(16);
    float *out = buffer(out_size);
    const float *row[64];
    for (int y = 0; y < in_rows; y++)
        row[y] = in + (size_t)(in_rows - 1 - y) * in_width * 16; /* any order, as in a ring */
    const wn_depthwise d = {.in = row, .weight = weight, .bias = bias, .out = out, .rows = rows, .m = m};
    kernels->depthwise[kernel == 5][stride == 2](&d);
    for (int y = 0; y < rows; y++)
        for (int x = 0; x < m; x++)
            for (int c = 0; c < 16; c++) {
                double sum = bias[c];
                for (int t = 0; t < kernel * kernel; t++)
                    sum += (double)weight[t * 16 + c] *
                           row[y * stride + t / kernel][(x * stride + t % kernel) * 16 + c];
                check_close(out[((size_t)y * m + x) * 16 + c], clamp6(sum), kernel * kernel);
            }
    check_guards(out, out_size);
    if (kernels->depthwise16[0][0])
        check_depthwise16(kernels, kernel, stride, d, out);
    release(in), release(weight), release(bias), release(out);
}

static void check_depthwises(const wn_kernels *kernels)
{
    for (int kernel = 3; kernel <= 5; kernel += 2)
        for (int stride = 1; stride <= 2; stride++)
            for (int rows = 1; rows <= 4; rows++)
                for (int m = 1; m <= 19; m++)
                    check_depthwise(kernels, kernel, stride, rows, m);
}

/* ---- stem and mean ---- */

static bool on_grid(float x)
{
    return x * WN_GRID == rintf(x * WN_GRID);
}

static void check_stem(const wn_kernels *kernels, int m)
{
    const size_t width = (size_t)(2 * m + 1) * 3;
    float *in = buffer(3 * width), *weight = buffer(27 * 16), *bias = buffer(16),
          *out = buffer((size_t)m * 16), *rounded_out = buffer((size_t)m * 16);
    const float *const row[3] = {in + width, in, in + 2 * width};
    kernels->stem(row, weight, bias, out, m);
    for (int x = 0; x < m; x++)
        for (int c = 0; c < 16; c++) {
            double sum = bias[c];
            for (int y = 0; y < 3; y++)
                for (int i = 0; i < 9; i++)
                    sum += (double)weight[(y * 9 + i) * 16 + c] * row[y][x * 6 + i];
            check_close(out[x * 16 + c], clamp6(sum), 27);
        }
    check_guards(out, (size_t)m * 16);
    kernels->stem8(row, weight, bias, rounded_out, m);
    for (int i = 0; i < m * 16; i++)
        assert_true(on_grid(rounded_out[i]) && fabsf(rounded_out[i] - out[i]) <= 0.5f / WN_GRID);
    check_guards(rounded_out, (size_t)m * 16);
    release(rounded_out), release(in), release(weight), release(bias), release(out);
}

static void check_mean(const wn_kernels *kernels, int m)
{
    float *in = buffer((size_t)m * 16), *out = buffer(16);
    kernels->mean(in, out, m);
    for (int c = 0; c < 16; c++) {
        double sum = 0;
        for (int i = 0; i < m; i++)
            sum += in[i * 16 + c];
        check_close(out[c], sum / m, 1);
    }
    check_guards(out, 16);
    release(in), release(out);
}

static void check_set(const wn_kernels *kernels)
{
    wn_random_seed(&generator, 5, 0);
    check_gemms(kernels);
    check_bytes(kernels);
    check_bf16(kernels);
    check_depthwises(kernels);
    for (int m = 1; m <= 40; m++) {
        check_stem(kernels, m);
        check_mean(kernels, m);
    }
}

/* ---- the instruction sets ---- */

static void check_level(wn_cpu level)
{
    if (level > wn_cpu_detected()) {
        print_message("not tested: %s, which this machine lacks\n", wn_cpu_name(level));
        skip();
    }
    const wn_kernels kernels = wn_kernels_at(level);
    if (kernels.level != level) {
        print_message("no kernels for %s on this kind of processor\n", wn_cpu_name(level));
        skip();
    }
    check_set(&kernels);
}

static void baseline(void **state)
{
    (void)state;
    check_level(WN_CPU_BASELINE);
}

static void avx2(void **state)
{
    (void)state;
    check_level(WN_CPU_AVX2);
}

static void avx512(void **state)
{
    (void)state;
    check_level(WN_CPU_AVX512);
}

static void avx512vnni(void **state)
{
    (void)state;
    check_level(WN_CPU_AVX512VNNI);
}

static void avx512bf16(void **state)
{
    (void)state;
    check_level(WN_CPU_AVX512BF16);
}

static void dotprod(void **state)
{
    (void)state;
    check_level(WN_CPU_NEON_DOTPROD);
}

static void neonbf16(void **state)
{
    (void)state;
    check_level(WN_CPU_NEON_BF16);
}

#if defined(__x86_64__) || defined(__i386__)
static void sixteen_wide(void **state)
{
    (void)state;
    wn_kernels kernels;
    wide_kernels(&kernels);
    check_set(&kernels);
}
#endif

int main(int argc, char **argv)
{
    if (argc > 1)
        cmocka_set_test_filter(argv[1]); /* where all would take too long: on an emulated processor */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(baseline),
        cmocka_unit_test(avx2),
        cmocka_unit_test(avx512),
        cmocka_unit_test(avx512vnni),
        cmocka_unit_test(avx512bf16),
        cmocka_unit_test(dotprod),
        cmocka_unit_test(neonbf16),
#if defined(__x86_64__) || defined(__i386__) /* elsewhere wide.c's own arithmetic may be fused */
        cmocka_unit_test(sixteen_wide),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
