/* SPDX-License-Identifier: Apache-2.0
 * Times every kernel of training, of every instruction set of this machine, at the shapes of MobileNetV2 at
 * 128x128 (filters of 5x5: of EfficientNet-Lite0) and a batch of 32, beside the measured peak of that set.
 * One run is a pass over a layer of the whole batch, in the blocks that the engine takes: what waits for
 * another pass comes from memory and goes there, stored in 32 or 16 bits; what does not stays in the caches.
 * Each figure is the best of several passes, on one thread.
 *
 *     bench_train_kernels [INSTRUCTION SET]
 */
#include "../cli/peak.h"
#include "bench.h"
#include "runtime/half.h"
#include "train/fast.h"

#include <stdio.h>
#include <string.h>

enum { BATCH = 32, REPEATS = 15, TENSOR = BATCH * 64 * 64 * 96, CACHED = 1 << 20 };

/* A block of a network: an expansion, a depthwise layer and a projection. */
typedef struct shape {
    int grid, narrow, wide, stride, kernel;
} shape;

typedef struct job {
    const wn_train_kernels *kernels;
    shape s;
    wn_layer expand, project;
    wn_stored z, dy; /* wide tensors of the batch */
} job;

/* What is in the caches: blocks, weights, and a few numbers a channel. */
static float *from, *to, *weights, *norm, *sums;

static size_t pixels(const job *j)
{
    return (size_t)BATCH * j->s.grid * j->s.grid;
}

static int rows_left(const job *j, size_t row, int rows)
{
    return pixels(j) - row < (size_t)rows ? (int)(pixels(j) - row) : rows;
}

/* ---- forward ---- */

/* z of a 1x1 layer, and its sums. */
static void product(const job *j, const wn_layer *layer, wn_stored z)
{
    const wn_blocking block = wn_block_forward(layer);
    wn_product p = {.n = layer->cout,
                    .k = layer->cin,
                    .a = from,
                    .b = weights,
                    .lda = block.ldx,
                    .ldc = layer->cout,
                    .shift = norm,
                    .sum = sums,
                    .square = sums + 2 * layer->cout};
    for (size_t row = 0; row < pixels(j); row += block.rows) {
        p.m = rows_left(j, row, block.rows);
        p.c = wn_stored_from(z, row * layer->cout);
        j->kernels->product(&p);
    }
}

static void run_expand(const void *context)
{
    const job *j = context;
    product(j, &j->expand, j->z);
}

static void run_project(const void *context)
{
    const job *j = context;
    product(j, &j->project, (wn_stored){j->dy.at});
}

/* The multiplication alone: as many products of 24 pixels by 16 columns, all in the first-level cache. */
static void run_tile(const void *context)
{
    enum { M = 24, N = 16 };
    const job *j = context;
    const wn_product p = {.m = M,
                          .n = N,
                          .k = j->s.narrow,
                          .a = from,
                          .b = weights,
                          .lda = wn_stride(j->s.narrow),
                          .ldc = N,
                          .c = {to}};
    for (size_t i = 0; i < pixels(j) * j->s.wide / (M * N); i++)
        j->kernels->product(&p);
}

static void run_activate(const void *context)
{
    const job *j = context;
    const wn_blocking block = wn_block_forward(&j->project);
    for (size_t row = 0; row < pixels(j); row += block.rows)
        j->kernels->activate((wn_rows){rows_left(j, row, block.rows), j->s.wide},
                             wn_stored_from(j->z, row * j->s.wide), j->s.wide, norm, norm, to, block.ldx);
}

/* Of a projection's output and of the residual: floats. */
static void run_affine(const void *context)
{
    const job *j = context;
    const wn_blocking block = wn_block_forward(&j->expand);
    const float *x = j->z.at, *add = j->dy.at;
    float *y = (float *)j->dy.at + pixels(j) * j->s.narrow;
    for (size_t row = 0; row < pixels(j); row += block.rows) {
        const size_t at = row * j->s.narrow;
        j->kernels->affine((wn_rows){rows_left(j, row, block.rows), j->s.narrow}, x + at, norm, norm,
                           add + at, y + at);
    }
}

/* Rows of a depthwise layer's output, whose input's rows are in the caches. */
static void run_depthwise(const void *context)
{
    const job *j = context;
    const int out = j->s.grid / j->s.stride;
    const float *const taps[] = {from, from, from, from, from};
    wn_depthwise_row d = {.kernel = j->s.kernel,
                          .stride = j->s.stride,
                          .channels = j->s.wide,
                          .out = out,
                          .in = taps,
                          .weight = weights,
                          .shift = norm,
                          .sum = sums,
                          .square = sums + 2 * j->s.wide};
    for (int row = 0; row < BATCH * out; row++) {
        d.y = wn_stored_from(j->z, (size_t)row * out * j->s.wide);
        j->kernels->depthwise(&d);
    }
}

/* ---- backward ---- */

static void run_depthwise_dweight(const void *context)
{
    const job *j = context;
    const int out = j->s.grid / j->s.stride;
    const float *const taps[] = {from, from, from, from, from};
    const wn_depthwise_dweight d = {j->s.kernel, j->s.stride, j->s.wide, out, taps, to, sums};
    for (int row = 0; row < BATCH * out; row++)
        j->kernels->depthwise_dweight(&d);
}

/* Behind a kernel that makes dx of the wide values from `at` on. */
static wn_gate gate_of(const job *j, size_t at)
{
    return (wn_gate){.ldz = j->s.wide,
                     .z = wn_stored_from(j->z, at),
                     .dy = wn_stored_from(j->dy, at),
                     .scale = norm,
                     .offset = norm,
                     .mean = norm,
                     .sum = sums,
                     .along = sums + j->s.wide};
}

/* Of stride 1: the forward's kernel, turned. */
static void run_depthwise_dx(const void *context)
{
    const job *j = context;
    const float *const taps[] = {from, from, from, from, from};
    wn_depthwise_row d = {.kernel = j->s.kernel,
                          .stride = 1,
                          .channels = j->s.wide,
                          .out = j->s.grid,
                          .in = taps,
                          .weight = weights};
    for (int row = 0; row < BATCH * j->s.grid; row++) {
        const wn_gate gate = gate_of(j, (size_t)row * j->s.grid * j->s.wide);
        d.gate = &gate;
        j->kernels->depthwise(&d);
    }
}

/* Every other row of the input meets one row of the kernel less: one of 3 or two of 5. */
static void run_depthwise_dx2(const void *context)
{
    const job *j = context;
    const float *dy = from + j->s.kernel / 2 * j->s.wide;
    wn_depthwise_dx2 d = {.kernel = j->s.kernel,
                          .channels = j->s.wide,
                          .in = j->s.grid,
                          .before = j->s.kernel / 2,
                          .dy = {dy, dy, dy},
                          .weight = {weights, weights, weights}};
    for (int row = 0; row < BATCH * j->s.grid; row++) {
        const wn_gate gate = gate_of(j, (size_t)row * j->s.grid * j->s.wide);
        d.taps = j->s.kernel / 2 + row % 2;
        d.gate = &gate;
        j->kernels->depthwise_dx2(&d);
    }
}

/* `at`, the block's first value, and its channels: a slice of the wide side. */
typedef void slice_kernel(const job *j, const wn_blocking *block, size_t at, wn_rows size);

static void each_slice(const job *j, const wn_layer *layer, slice_kernel *kernel)
{
    const wn_blocking block = wn_block_backward(layer);
    for (size_t row = 0; row < pixels(j); row += block.rows)
        for (int c = 0; c < j->s.wide; c += block.slice) {
            const int count = j->s.wide - c < block.slice ? j->s.wide - c : block.slice;
            kernel(j, &block, row * j->s.wide + c, (wn_rows){rows_left(j, row, block.rows), count});
        }
}

static void norm_gradient(const job *j, const wn_blocking *block, size_t at, wn_rows size)
{
    j->kernels->norm_gradient(size, wn_stored_from(j->dy, at), wn_stored_from(j->z, at), norm, j->s.wide, to,
                              block->ldd);
}

static void outer(const job *j, const wn_blocking *block, size_t at, wn_rows size)
{
    (void)at;
    const wn_outer o = {.m = (int)size.rows,
                        .p = size.channels,
                        .q = j->s.narrow,
                        .a = from,
                        .b = weights,
                        .lda = block->ldd,
                        .ldb = block->ldx,
                        .ldc = j->s.narrow,
                        .c = sums};
    j->kernels->outer(&o);
}

/* A projection's dx, which ends in the gate. */
static void project_dx(const job *j, const wn_blocking *block, size_t at, wn_rows size)
{
    const wn_gate gate = gate_of(j, at);
    const wn_product p = {.m = (int)size.rows,
                          .n = size.channels,
                          .k = j->s.narrow,
                          .a = from,
                          .b = weights,
                          .lda = block->ldd,
                          .gate = &gate};
    j->kernels->product(&p);
}

static void run_norm_gradient(const void *context)
{
    const job *j = context;
    each_slice(j, &j->expand, norm_gradient);
}

static void run_outer(const void *context)
{
    const job *j = context;
    each_slice(j, &j->expand, outer);
}

static void run_project_dx(const void *context)
{
    const job *j = context;
    each_slice(j, &j->project, project_dx);
}

/* Where a projection's dx, narrow, is added to what flows along the residual: floats. */
static void run_gate_gradient(const void *context)
{
    const job *j = context;
    const wn_gate gate = {.rows = pixels(j),
                          .channels = j->s.narrow,
                          .dx = j->z.at,
                          .lddx = j->s.narrow,
                          .ldz = j->s.narrow,
                          .z = {(float *)j->z.at + pixels(j) * j->s.narrow},
                          .dy = {j->dy.at},
                          .add = j->dy.at,
                          .mean = norm,
                          .sum = sums,
                          .along = sums + j->s.wide};
    j->kernels->gate_gradient(&gate);
}

/* ---- all of them ---- */

/* What a kernel does a wide value: multiply-adds (0: `narrow` of them), else the values that it moves. */
enum unit { NARROW, TAPS, MOVED, MOVED_NARROW };
static const struct {
    const char *name;
    void (*run)(const void *job);
    enum unit unit;
    int values; /* moved */
    int stride; /* 0: any */
    bool bf16;
} table[] = {
    {"product, expansion", run_expand, NARROW, 0, 0, true},
    {"product, projection", run_project, NARROW, 0, 0, false},
    {"product, all in L1", run_tile, NARROW, 0, 0, false},
    {"outer", run_outer, NARROW, 0, 0, false},
    {"depthwise", run_depthwise, TAPS, 0, 0, true},
    {"depthwise dweight", run_depthwise_dweight, TAPS, 0, 0, false},
    {"depthwise dx", run_depthwise_dx, TAPS, 0, 1, true},
    {"depthwise dx2", run_depthwise_dx2, TAPS, 0, 2, true},
    {"product, dx", run_project_dx, NARROW, 0, 0, true},
    {"activate", run_activate, MOVED, 1, 0, true},
    {"affine", run_affine, MOVED_NARROW, 3, 0, false},
    {"norm gradient", run_norm_gradient, MOVED, 2, 0, true},
    {"gate gradient", run_gate_gradient, MOVED_NARROW, 4, 0, false},
};

/* Random numbers in both tensors, stored as they say. */
static void fill(const job *j, const float *numbers)
{
    for (size_t i = 0; i < pixels(j) * j->s.wide; i++) {
        const float x = numbers[i % CACHED];
        if (j->z.bf16) {
            ((uint16_t *)j->z.at)[i] = ((uint16_t *)j->dy.at)[i] = wn_bf16_from_float(x);
        } else {
            ((float *)j->z.at)[i] = ((float *)j->dy.at)[i] = x;
        }
    }
}

static void report(const job *j, size_t kernel, double peak)
{
    const double seconds = bench_best(table[kernel].run, j, 1, REPEATS);
    const double wide = (double)pixels(j) * j->s.wide, narrow = (double)pixels(j) * j->s.narrow;
    const double macs = table[kernel].unit == NARROW ? wide * j->s.narrow
                        : table[kernel].unit == TAPS
                            ? wide * j->s.kernel * j->s.kernel / (j->s.stride * j->s.stride)
                            : 0;
    printf("%-10s %-20s %2dx%-2d %3d>%-4d k%d s%d %s %9.3f ms", wn_cpu_name(j->kernels->level),
           table[kernel].name, j->s.grid, j->s.grid, j->s.narrow, j->s.wide, j->s.kernel, j->s.stride,
           j->z.bf16 ? "bf16" : "fp32", seconds * 1e3);
    if (macs > 0)
        printf(" %8.1f GMAC/s %5.1f %%\n", macs / seconds * 1e-9, 100 * macs / seconds / peak);
    else
        printf(" %8.1f GB/s\n", (table[kernel].unit == MOVED ? wide : narrow) * table[kernel].values *
                                    (double)wn_stored_size(j->z.bf16) / seconds * 1e-9);
}

static void bench_level(const wn_train_kernels *kernels, float *z, float *dy)
{
    static const shape shapes[] = {{64, 16, 96, 2, 3},  {32, 24, 144, 1, 3}, {16, 32, 192, 1, 3},
                                   {8, 64, 384, 1, 3},  {8, 96, 576, 2, 3},  {4, 160, 960, 1, 3},
                                   {32, 24, 144, 2, 5}, {16, 40, 240, 1, 5}, {8, 112, 672, 1, 5},
                                   {4, 192, 1152, 1, 5}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int bf16 = 0; bf16 <= 1; bf16++) {
            const shape s = shapes[i];
            const double peak = peak_macs(kernels->level, WN_PRECISION_FP32); /* of this moment */
            printf("%-10s peak %58.1f GMAC/s\n", wn_cpu_name(kernels->level), peak * 1e-9);
            const job j = {.kernels = kernels,
                           .s = s,
                           .expand = {.kind = WN_EXPAND, .cin = s.narrow, .cout = s.wide},
                           .project = {.kind = WN_PROJECT, .cin = s.wide, .cout = s.narrow},
                           .z = {z, bf16},
                           .dy = {dy, bf16}};
            for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
                if ((bf16 && !table[k].bf16) || (table[k].stride && table[k].stride != s.stride) ||
                    (s.kernel == 5 && table[k].unit != TAPS)) /* the others are of blocks of 3x3 */
                    continue;
                fill(&j, from);
                report(&j, k, peak);
            }
        }
}

int main(int count, char **arguments)
{
    float *z = bench_floats(TENSOR), *dy = bench_floats(TENSOR);
    from = bench_floats(CACHED), to = bench_floats(CACHED), weights = bench_floats(CACHED);
    norm = bench_floats(CACHED), sums = bench_floats(CACHED);
    for (wn_cpu level = WN_CPU_BASELINE; level <= wn_cpu_detected(); level++) {
        const wn_train_kernels kernels = wn_train_kernels_at(level);
        if (kernels.level == level && (count <= 1 || !strcmp(arguments[1], wn_cpu_name(level))))
            bench_level(&kernels, z, dy);
    }
    free(z), free(dy), free(from), free(to), free(weights), free(norm), free(sums);
    return 0;
}
