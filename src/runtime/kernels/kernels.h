/* SPDX-License-Identifier: Apache-2.0
 * The arithmetic of an inference plan: a struct of function pointers, filled by the portable version and
 * overwritten by each better instruction set.
 *
 * Layout of activations: blocks of 16 channels, [ceil(C/16)][pixels][16]. A pixel of a block is one cache
 * line: a whole AVX-512 register, two of AVX2, four of SSE2 or NEON. Every kernel walks lines, whatever the
 * channel count, and a matrix product finds its 16 next inner-dimension values in one line. In a last block
 * of 8 channels the upper half holds anything and is never used; C is a multiple of 8.
 */
#ifndef WN_KERNELS_H
#define WN_KERNELS_H

#include "runtime/cpu.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WN_BLOCK = 16 };

/* What the stem and the depthwise filters of an int8 plan take is a multiple of 1/WN_GRID; adding and taking
 * away WN_TO_GRID rounds a float to the nearest (|x| < 2^14). */
enum { WN_GRID = 256 };
#define WN_TO_GRID 0x1.8p15f

/* A 1x1 convolution: c = act(a . b + bias) [+ add] over m pixels. */
typedef struct wn_gemm {
    const float *a;        /* input, blocks of [m][16] */
    size_t a_block;        /* elements from one block of a to the next */
    const float *b;        /* weights, panels of [k][16]; a last panel of 8 columns is padded to 16 */
    const uint8_t *a8;     /* instead of a, for gemm8: bytes of 0 to 127 in the same layout */
    const int8_t *b8;      /* instead of b: panels of [k/4][16][4], of rows that fit (wn_row_fits) */
    const uint16_t *a16;   /* instead of a, for gemm16: bf16 in the same layout */
    const uint16_t *b16;   /* instead of b: panels of [k/together][16][together] */
    const float *scale;    /* [n rounded up to 16], gemm8 and gemm16: c = act(scale (a . b) + bias) [+ add];
                              gemm8's ReLU6 gives multiples of 1/WN_GRID */
    const float *bias;     /* [n rounded up to 16] */
    float *c;              /* output */
    size_t c_block;        /* floats from one block of c to the next */
    const uint32_t *where; /* pixel i goes to c + where[i]; NULL: to c + 16 i */
    const float *add;      /* residual, laid out as c is without `where`; NULL: none */
    size_t add_block;
    int m, n, k; /* pixels; output channels and input channels, multiples of 8 */
    bool relu6;
} wn_gemm;

/* A depthwise convolution of one block, followed by ReLU6: `rows` rows of `m` pixels, written one after the
 * other. in[y*stride + i] points to the input row that meets row i of the filter at output row y, at the
 * column that meets its column 0 at output column 0: the caller lays the zero padding around. */
typedef struct wn_depthwise {
    const float *const *in;
    const float *weight; /* [kernel*kernel][16] */
    const float *bias;   /* [16] */
    void *out;           /* [rows][m][16]: floats; bf16 of depthwise16 */
    int rows, m;
} wn_depthwise;

typedef struct wn_kernels {
    wn_cpu level;
    int gemm_columns; /* the output channels that one pass of gemm likes to work on: 16 or 32 */
    void (*gemm)(const wn_gemm *gemm);

    /* Products of bytes, and what makes the bytes: out = in * scale + zero to nearest, held to 0..127; count
     * is a multiple of 16. The same bits from every instruction set. */
    void (*gemm8)(const wn_gemm *gemm);
    void (*quantise)(const float *in, uint8_t *out, size_t count, float scale, float zero);

    /* Products of bf16 numbers with sums in float32, and what rounds to such numbers (count is a multiple of
     * 16). NULL, and 0, where there are no instructions for them. */
    int together; /* inner weights that stand together in a panel: 2 or 4 */
    void (*gemm16)(const wn_gemm *gemm);
    void (*narrow)(const float *in, uint16_t *out, size_t count);
    void (*depthwise16[2][2])(const wn_depthwise *depthwise);

    void (*depthwise[2][2])(const wn_depthwise *depthwise); /* [kernel 3, 5][stride 1, 2] */

    /* 3x3, stride 2, ReLU6, from interleaved RGB to one block: m pixels of one output row. in[3]: the three
     * padded input rows; weight [3][3][3][16] (row, column, colour), bias [16], out [m][16]. */
    void (*stem)(const float *const in[3], const float *weight, const float *bias, float *out, int m);
    void (*stem8)(const float *const in[3], const float *weight, const float *bias, float *out,
                  int m); /* to multiples of 1/WN_GRID */

    /* out[16] = mean over m pixels of one block. */
    void (*mean)(const float *in, float *out, int m);
} wn_kernels;

/* The best kernels at or below `level` of those in this build. */
wn_kernels wn_kernels_at(wn_cpu level);

/* Whether the compiler takes NEON's later instructions in functions that ask for them: Clang 16 (Apple's 15)
 * is the first of its kind. */
#if defined(__aarch64__) &&                                                                                  \
    (!defined(__clang__) ||                                                                                  \
     (defined(__apple_build_version__) ? __clang_major__ >= 15 : __clang_major__ >= 16))
#define NEON_TARGETS
#endif

/* One a translation unit: overwrites what it does better. */
void wn_kernels_baseline(wn_kernels *kernels);
void wn_kernels_avx2(wn_kernels *kernels);
void wn_kernels_avx512(wn_kernels *kernels);
void wn_kernels_avx512vnni(wn_kernels *kernels);
void wn_kernels_avx512bf16(wn_kernels *kernels);
void wn_kernels_dotprod(wn_kernels *kernels);
void wn_kernels_neonbf16(wn_kernels *kernels);

#endif
