/* SPDX-License-Identifier: Apache-2.0
 * Times every kernel of every instruction set of this machine at the shapes of MobileNetV2 at 128x128, beside
 * the measured peak of that set. Each figure is the best of several short runs. */
#include "../cli/peak.h"
#include "bench.h"
#include "runtime/kernels/kernels.h"

#include <stdio.h>
#include <string.h>

enum { REPEATS = 500, FLOATS = 1 << 20 };

static float *input, *weights, *output, *bias; /* the first two also serve as bytes */

/* One kernel call and the multiply-adds that it does. */
typedef struct job {
    const wn_kernels *kernels;
    wn_gemm gemm;
    bool bytes;
    int kernel, stride; /* of a depthwise; 0: none */
    wn_depthwise depthwise;
    int stem;
    const float *rows[128];
    double macs;
} job;

static void run(const void *context)
{
    const job *j = context;
    if (j->kernel)
        j->kernels->depthwise[j->kernel == 5][j->stride == 2](&j->depthwise);
    else if (j->stem)
        j->kernels->stem(j->rows, weights, bias, output, j->stem);
    else if (j->bytes)
        j->kernels->gemm8(&j->gemm);
    else
        j->kernels->gemm(&j->gemm);
}

static void report(const char *name, const job *j, double peak)
{
    const long calls = 1 + (long)(1e6 / j->macs); /* some tens of microseconds */
    const double best = bench_best(run, j, calls, REPEATS);
    printf("%-10s %-26s %10.2f us %8.1f GMAC/s %5.1f %%\n", wn_cpu_name(j->kernels->level), name, best * 1e6,
           j->macs / best * 1e-9, 100 * j->macs / best / peak);
}

static void gemms(const wn_kernels *kernels, double peak)
{
    const struct {
        const char *name;
        int m, n, k;
    } shapes[] = {
        {"gemm 256x96x16", 256, 96, 16},   {"gemm 128x144x24", 128, 144, 24},
        {"gemm 128x24x144", 128, 24, 144}, {"gemm 256x192x32", 256, 192, 32},
        {"gemm 64x384x64", 64, 384, 64},   {"gemm 64x64x384", 64, 64, 384},
        {"gemm 64x576x96", 64, 576, 96},   {"gemm 64x96x576", 64, 96, 576},
        {"gemm 16x960x160", 16, 960, 160}, {"gemm 16x160x960", 16, 160, 960},
        {"gemm 16x320x960", 16, 320, 960}, {"gemm 16x1280x320", 16, 1280, 320},
        {"gemm 1x512x1280", 1, 512, 1280}, {"gemm 16x512x1280", 16, 512, 1280},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const int m = shapes[i].m, n = shapes[i].n, k = shapes[i].k;
        job j = {
            .kernels = kernels,
            .gemm = {.a = input,
                     .a8 = (const uint8_t *)input,
                     .b8 = (const int8_t *)weights,
                     .scale = bias,
                     .a_block = (size_t)(m | 1) * WN_BLOCK,
                     .b = weights,
                     .bias = bias,
                     .c = output,
                     .c_block = (size_t)m * WN_BLOCK,
                     .m = m,
                     .n = n,
                     .k = k,
                     .relu6 = true},
            .macs = (double)m * n * k,
        };
        report(shapes[i].name, &j, peak);
        j.bytes = true;
        if (kernels->gemm8) {
            char name[64];
            snprintf(name, sizeof name, "%s int8", shapes[i].name);
            report(name, &j, peak);
        }
    }
}

static void depthwises(const wn_kernels *kernels, double peak)
{
    for (int kernel = 3; kernel <= 5; kernel += 2)
        for (int stride = 1; stride <= 2; stride++)
            for (int side = 4; side <= 32; side *= 2) {
                const int rows = side < 8 ? side : 4, width = (side - 1) * stride + kernel;
                job j = {.kernels = kernels, .kernel = kernel, .stride = stride};
                for (int y = 0; y < (rows - 1) * stride + kernel; y++)
                    j.rows[y] = input + (size_t)y * width * WN_BLOCK;
                j.depthwise = (wn_depthwise){
                    .in = j.rows, .weight = weights, .bias = bias, .out = output, .rows = rows, .m = side};
                j.macs = (double)rows * side * kernel * kernel * WN_BLOCK;
                char name[64];
                snprintf(name, sizeof name, "depthwise %dx%d s%d %dx%d", kernel, kernel, stride, rows, side);
                report(name, &j, peak);
            }
}

static void stems(const wn_kernels *kernels, double peak)
{
    job j = {.kernels = kernels, .stem = 64, .macs = 64.0 * 27 * WN_BLOCK};
    for (int y = 0; y < 3; y++)
        j.rows[y] = input + (size_t)y * 130 * 3;
    report("stem 64", &j, peak);
}

int main(int count, char **arguments)
{
    input = bench_floats(FLOATS), weights = bench_floats(FLOATS);
    output = bench_floats(FLOATS), bias = bench_floats(FLOATS);
    const wn_cpu highest = wn_cpu_detected();
    for (wn_cpu level = WN_CPU_BASELINE; level <= highest; level++) {
        const wn_kernels kernels = wn_kernels_at(level);
        if (kernels.level != level || (count > 1 && strcmp(arguments[1], wn_cpu_name(level))))
            continue;
        const double peak = peak_macs(level, WN_PRECISION_FP32);
        printf("%-10s peak %50.1f GMAC/s\n", wn_cpu_name(level), peak * 1e-9);
        gemms(&kernels, peak);
        depthwises(&kernels, peak);
        stems(&kernels, peak);
    }
    free(input), free(weights), free(output), free(bias);
    return 0;
}
