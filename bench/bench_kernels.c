/* SPDX-License-Identifier: Apache-2.0
 * Times every kernel of every instruction set of this machine at the shapes of MobileNetV2 at 128x128:
 * products beside the measured peak of that set and precision, what moves numbers by the bytes that it reads
 * and writes. Each figure is the best of several short runs. */
#include "../cli/peak.h"
#include "bench.h"
#include "runtime/kernels/kernels.h"
#include "runtime/preprocess.h"
#include "runtime/resample_rows.h"

#include <stdio.h>
#include <string.h>

enum { REPEATS = 500, FLOATS = 1 << 20, ROWS = 128, FRAME_W = 640, FRAME_H = 480, SIDE = 128 };

static float *input, *weights, *output, *bias; /* the first two also serve as bytes */
static void *scratch;                          /* of preprocessing */

/* One kernel call, and the multiply-adds that it does or, where that is 0, the bytes that it moves. */
typedef struct job {
    void (*call)(const struct job *job);
    const wn_kernels *kernels;
    wn_gemm gemm;
    int kernel, stride, m;
    wn_depthwise depthwise;
    const float *rows[ROWS];
    wn_row_kernels row_kernels;
    wn_axis axis;
    const uint8_t *bytes_in[ROWS];
    winnow_image image;
    double macs, bytes;
} job;

static void run(const void *context)
{
    const job *j = context;
    j->call(j);
}

static void report(const char *name, const job *j, double peak)
{
    const double work = j->macs > 0 ? j->macs : j->bytes;
    const long calls = 1 + (long)(1e6 / work); /* some tens of microseconds */
    const double best = bench_best(run, j, calls, work > 1e7 ? REPEATS / 10 : REPEATS);
    printf("%-10s %-26s %10.2f us", wn_cpu_name(j->kernels->level), name, best * 1e6);
    if (j->macs > 0)
        printf(" %8.1f GMAC/s %5.1f %%\n", j->macs / best * 1e-9, 100 * j->macs / best / peak);
    else
        printf(" %8.1f GB/s\n", j->bytes / best * 1e-9);
}

/* ---- products ---- */

static void call_gemm(const job *j)
{
    j->kernels->gemm(&j->gemm);
}

static void call_gemm8(const job *j)
{
    j->kernels->gemm8(&j->gemm);
}

static void call_gemm16(const job *j)
{
    j->kernels->gemm16(&j->gemm);
}

static void gemms(const wn_kernels *kernels, const double *peak)
{
    const struct {
        void (*call)(const job *job);
        const char *suffix;
        bool there;
    } kinds[] = {[WN_PRECISION_FP32] = {call_gemm, "", true},
                 [WN_PRECISION_BF16] = {call_gemm16, " bf16", kernels->gemm16},
                 [WN_PRECISION_INT8] = {call_gemm8, " int8", kernels->gemm8}};
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
                     .a16 = (const uint16_t *)input,
                     .b16 = (const uint16_t *)weights,
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
        for (int kind = 0; kind <= WN_PRECISION_INT8; kind++) {
            char name[64];
            snprintf(name, sizeof name, "%s%s", shapes[i].name, kinds[kind].suffix);
            j.call = kinds[kind].call;
            if (kinds[kind].there)
                report(name, &j, peak[kind]);
        }
    }
}

/* ---- filters ---- */

static void call_depthwise(const job *j)
{
    j->kernels->depthwise[j->kernel == 5][j->stride == 2](&j->depthwise);
}

static void call_depthwise16(const job *j)
{
    j->kernels->depthwise16[j->kernel == 5][j->stride == 2](&j->depthwise);
}

static void call_stem(const job *j)
{
    j->kernels->stem(j->rows, weights, bias, output, j->m);
}

static void call_stem8(const job *j)
{
    j->kernels->stem8(j->rows, weights, bias, output, j->m);
}

static void depthwises(const wn_kernels *kernels, double peak)
{
    for (int kernel = 3; kernel <= 5; kernel += 2)
        for (int stride = 1; stride <= 2; stride++)
            for (int side = 4; side <= 32; side *= 2) {
                const int rows = side < 8 ? side : 4, width = (side - 1) * stride + kernel;
                job j = {.call = call_depthwise, .kernels = kernels, .kernel = kernel, .stride = stride};
                for (int y = 0; y < (rows - 1) * stride + kernel; y++)
                    j.rows[y] = input + (size_t)y * width * WN_BLOCK;
                j.depthwise = (wn_depthwise){
                    .in = j.rows, .weight = weights, .bias = bias, .out = output, .rows = rows, .m = side};
                j.macs = (double)rows * side * kernel * kernel * WN_BLOCK;
                char name[64];
                snprintf(name, sizeof name, "depthwise %dx%d s%d %dx%d", kernel, kernel, stride, rows, side);
                report(name, &j, peak);
                if (!kernels->depthwise16[kernel == 5][stride == 2])
                    continue;
                j.call = call_depthwise16;
                strcat(name, " bf16");
                report(name, &j, peak);
            }
}

static void stems(const wn_kernels *kernels, double peak)
{
    job j = {.call = call_stem, .kernels = kernels, .m = 64, .macs = 64.0 * 27 * WN_BLOCK};
    for (int y = 0; y < 3; y++)
        j.rows[y] = input + (size_t)y * 130 * 3;
    report("stem 64", &j, peak);
    j.call = call_stem8;
    report("stem 64, for int8", &j, peak);
}

/* ---- what moves numbers: their count is m blocks ---- */

static void call_mean(const job *j)
{
    j->kernels->mean(input, output, j->m);
}

static void call_quantise(const job *j)
{
    j->kernels->quantise(input, (uint8_t *)output, (size_t)j->m * WN_BLOCK, 127, 64);
}

static void call_narrow(const job *j)
{
    j->kernels->narrow(input, (uint16_t *)output, (size_t)j->m * WN_BLOCK);
}

static void moves(const wn_kernels *kernels)
{
    const struct {
        void (*call)(const job *job);
        const char *name;
        bool there;
        int bytes; /* of each number */
    } kinds[] = {{call_mean, "mean", true, 4},
                 {call_quantise, "quantise", kernels->quantise, 4 + 1},
                 {call_narrow, "narrow", kernels->narrow, 4 + 2}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        for (int m = 16; m <= 1024 && kinds[i].there; m *= 8) {
            job j = {.call = kinds[i].call,
                     .kernels = kernels,
                     .m = m,
                     .bytes = (double)kinds[i].bytes * m * WN_BLOCK};
            char name[64];
            snprintf(name, sizeof name, "%s %d", kinds[i].name, m);
            report(name, &j, 0);
        }
}

/* ---- pictures ---- */

static void call_horizontal(const job *j)
{
    j->row_kernels.horizontal(&j->axis, (const uint8_t *)input, (uint8_t *)output);
}

static void call_vertical(const job *j)
{
    j->row_kernels.vertical(j->bytes_in, j->axis.weight, j->axis.window, j->m, j->axis.step == 4,
                            (uint8_t *)output);
}

static void call_compose(const job *j)
{
    wn_compose_row((const uint8_t *)input, j->m, (uint8_t *)output);
}

static void call_preprocess(const job *j)
{
    static const wn_preprocess preprocess = {.size = SIDE, .mean = {0}, .std = {1, 1, 1}};
    wn_preprocess_bytes(&preprocess, &j->image, (uint8_t *)output, scratch,
                        wn_preprocess_scratch(&preprocess, FRAME_W, FRAME_H), NULL);
}

/* A row of 640 pixels to 128, and ten of them to one. */
static void rows(const wn_kernels *kernels)
{
    static int32_t first[SIDE], weight[SIDE * 64];
    for (int i = 0; i < SIDE * 64; i++)
        weight[i] = (1 << WN_WEIGHT_BITS) / 64;
    for (int step = 1; step <= 4; step++) {
        const int unit = wn_window_unit(step), window = (10 * step + unit - 1) / unit * unit;
        for (int i = 0; i < SIDE; i++)
            first[i] = i * (FRAME_W - window) / SIDE;
        job j = {.call = call_horizontal,
                 .kernels = kernels,
                 .row_kernels = *wn_row_kernels_best(),
                 .axis = {.out = SIDE, .step = step, .window = window, .first = first, .weight = weight},
                 .bytes = FRAME_W * step + SIDE * step};
        char name[64];
        snprintf(name, sizeof name, "row of %d, step %d", FRAME_W, step);
        report(name, &j, 0);
        j.call = call_vertical;
        j.axis.window = 10;
        j.m = FRAME_W * step;
        j.bytes = 11.0 * j.m;
        for (int y = 0; y < 10; y++)
            j.bytes_in[y] = (const uint8_t *)input + (size_t)y * j.m;
        snprintf(name, sizeof name, "10 rows of %d%s", j.m, step == 4 ? ", alpha" : "");
        report(name, &j, 0);
    }
    const job j = {.call = call_compose, .kernels = kernels, .m = FRAME_W, .bytes = 8.0 * FRAME_W};
    report("compose 640", &j, 0);
}

/* The same with an alpha of 255, as cameras have it; behind what is written. */
static void opaque(job j, const char *name)
{
    char longer[80];
    uint8_t *bytes = (uint8_t *)output + 4 * SIDE * SIDE;
    for (int i = 0; i < FRAME_W * FRAME_H; i++)
        bytes[4 * i + 3] = 255;
    j.image.plane[0] = bytes;
    snprintf(longer, sizeof longer, "%s, opaque", name);
    report(longer, &j, 0);
}

/* A frame of every pixel format to the network's square; the bytes are the frame's. */
static void frames(const wn_kernels *kernels)
{
    static const struct {
        const char *name;
        double bytes; /* of each pixel */
    } formats[] = {[WINNOW_RGB] = {"RGB", 3},    [WINNOW_BGR] = {"BGR", 3},   [WINNOW_RGBA] = {"RGBA", 4},
                   [WINNOW_BGRA] = {"BGRA", 4},  [WINNOW_GRAY] = {"GRAY", 1}, [WINNOW_NV12] = {"NV12", 1.5},
                   [WINNOW_I420] = {"I420", 1.5}};
    const uint8_t *bytes = (const uint8_t *)input;
    const int pixels = FRAME_W * FRAME_H;
    for (int format = WINNOW_RGB; format <= WINNOW_I420; format++) {
        const int step = formats[format].bytes < 2 ? 1 : (int)formats[format].bytes;
        const int chroma = format == WINNOW_NV12 ? FRAME_W : FRAME_W / 2;
        const job j = {.call = call_preprocess,
                       .kernels = kernels,
                       .image = {.plane = {bytes, bytes + pixels, bytes + pixels + pixels / 4},
                                 .stride = {FRAME_W * step, chroma, chroma},
                                 .width = FRAME_W,
                                 .height = FRAME_H,
                                 .format = (winnow_pixel_format)format},
                       .bytes = formats[format].bytes * pixels};
        char name[64];
        snprintf(name, sizeof name, "frame %dx%d %s", FRAME_W, FRAME_H, formats[format].name);
        report(name, &j, 0);
        if (step == 4)
            opaque(j, name);
    }
}

static void *aligned(size_t bytes)
{
    return bench_floats(bytes / sizeof(float) + 1);
}

int main(int count, char **arguments)
{
    input = bench_floats(FLOATS), weights = bench_floats(FLOATS);
    output = bench_floats(FLOATS), bias = bench_floats(FLOATS);
    scratch = aligned(wn_preprocess_scratch(&(wn_preprocess){.size = SIDE}, FRAME_W, FRAME_H));
    const wn_cpu highest = wn_cpu_detected();
    for (wn_cpu level = WN_CPU_BASELINE; level <= highest; level++) {
        const wn_kernels kernels = wn_kernels_at(level);
        if (kernels.level != level || (count > 1 && strcmp(arguments[1], wn_cpu_name(level))))
            continue;
        double peak[WN_PRECISION_INT8 + 1];
        for (int precision = 0; precision <= WN_PRECISION_INT8; precision++)
            peak[precision] = peak_macs(level, (wn_precision)precision);
        printf("%-10s peak %48.1f GMAC/s, int8 %.1f", wn_cpu_name(level), peak[WN_PRECISION_FP32] * 1e-9,
               peak[WN_PRECISION_INT8] * 1e-9);
        printf(kernels.gemm16 ? ", bf16 %.1f\n" : "\n", peak[WN_PRECISION_BF16] * 1e-9);
        wn_cpu_limit(level); /* for what chooses by itself */
        gemms(&kernels, peak);
        depthwises(&kernels, peak[WN_PRECISION_FP32]);
        stems(&kernels, peak[WN_PRECISION_FP32]);
        moves(&kernels);
        rows(&kernels);
        frames(&kernels);
    }
    free(input), free(weights), free(output), free(bias), free(scratch);
    return 0;
}
