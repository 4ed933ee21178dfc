/* SPDX-License-Identifier: Apache-2.0
 * The fastest that this instruction set multiplies and adds: independent chains in registers, no memory.
 * Compiled once a set, with its WIDTH (floats in a register) and its NAME.
 *
 * BYTES_ADD(sum, x, w) adds BYTES_MACS products of bytes with the kernels' instructions; those that make sums
 * of 16 bits (PAIRS) widen them once for four steps, as src/runtime/kernels/int8.h does. HALVES_ADD adds
 * HALVES_MACS products of bf16 numbers. */
#include "peak.h"

#include <time.h>

typedef float vec __attribute__((vector_size(WIDTH * sizeof(float)), may_alias));
typedef int ivec __attribute__((vector_size(WIDTH * sizeof(int)), may_alias));

/* A register whose value the compiler does not know: else it would compute a product once. */
#if defined(__SSE2__)
#define HOLD(x) __asm__ volatile("" : "+v"(x))
#elif defined(__aarch64__)
#define HOLD(x) __asm__ volatile("" : "+w"(x))
#elif defined(__wasm_simd128__)
#define HOLD(x) __asm__ volatile("" : "+r"(x))
#else /* the vectors are taken apart */
#define HOLD(x) ((void)0)
#endif

#if defined(__AVX512VNNI__)
#include <immintrin.h>
#define BYTES_MACS           64
#define BYTES_ADD(sum, x, w) ((ivec)_mm512_dpbusd_epi32((__m512i)(sum), (__m512i)(x), (__m512i)(w)))
#elif defined(__AVX512BW__)
#include <immintrin.h>
#define PAIRS_BYTES     64
#define PAIRS(x, w)     _mm512_maddubs_epi16((__m512i)(x), (__m512i)(w))
#define ADD_PAIRS(a, b) _mm512_add_epi16(a, b)
#define WIDEN(p)        ((ivec)_mm512_madd_epi16(p, _mm512_set1_epi16(1)))
#elif defined(__AVX2__)
#include <immintrin.h>
#define PAIRS_BYTES     32
#define PAIRS(x, w)     _mm256_maddubs_epi16((__m256i)(x), (__m256i)(w))
#define ADD_PAIRS(a, b) _mm256_add_epi16(a, b)
#define WIDEN(p)        ((ivec)_mm256_madd_epi16(p, _mm256_set1_epi16(1)))
#elif defined(__SSE2__)
#include <emmintrin.h>
#define BYTES_MACS           8
#define BYTES_ADD(sum, x, w) ((sum) + (ivec)_mm_madd_epi16((__m128i)(x), (__m128i)(w)))
#elif defined(__ARM_FEATURE_DOTPROD)
#include <arm_neon.h>
#define BYTES_MACS           16
#define BYTES_ADD(sum, x, w) ((ivec)vdotq_s32((int32x4_t)(sum), (int8x16_t)(x), (int8x16_t)(w)))
#elif defined(__aarch64__)
#include <arm_neon.h>
#define PAIRS_BYTES 16
#define PAIRS(x, w)                                                                                          \
    vmlal_high_s8(vmull_s8(vget_low_s8((int8x16_t)(x)), vget_low_s8((int8x16_t)(w))), (int8x16_t)(x),        \
                  (int8x16_t)(w))
#define ADD_PAIRS(a, b) vaddq_s16(a, b)
#define WIDEN(p)        ((ivec)vpaddlq_s16(p))
#elif defined(__wasm_relaxed_simd__)
#include <wasm_simd128.h>
typedef signed char chars __attribute__((vector_size(16)));
#define BYTES_MACS 16
#define BYTES_ADD(sum, x, w)                                                                                 \
    ((ivec)__builtin_wasm_relaxed_dot_i8x16_i7x16_add_s_i32x4((chars)(w), (chars)(x), (sum)))
#elif defined(__wasm_simd128__)
#include <wasm_simd128.h>
#define BYTES_MACS           8
#define BYTES_ADD(sum, x, w) ((sum) + (ivec)wasm_i32x4_dot_i16x8((v128_t)(x), (v128_t)(w)))
#else
typedef unsigned uvec __attribute__((vector_size(WIDTH * sizeof(int))));
#define BYTES_MACS           WIDTH
#define BYTES_ADD(sum, x, w) ((ivec)((uvec)(sum) * (uvec)(x) + (uvec)(w)))
#endif

#if defined(__AVX512BF16__)
#define HALVES_MACS           32
#define HALVES_ADD(sum, x, w) ((vec)_mm512_dpbf16_ps((__m512)(sum), (__m512bh)(x), (__m512bh)(w)))
#elif defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC)
#define HALVES_MACS           16
#define HALVES_ADD(sum, x, w) ((vec)vbfmmlaq_f32((float32x4_t)(sum), (bfloat16x8_t)(x), (bfloat16x8_t)(w)))
#endif

enum {
    CHAINS = 12, /* two units of latency 4 or 5 need 8 or 10; 12 chains and 2 operands fit 16 registers */
#ifdef PAIRS
    BYTE_CHAINS = 8, /* sums of 16 bits need registers too, and take so long that these overlap enough */
#else
    BYTE_CHAINS = CHAINS,
#endif
};

#ifdef PAIRS
#define BYTES_MACS (4 * PAIRS_BYTES)
#define BYTES_ADD  add_pairs

static inline __attribute__((always_inline)) ivec add_pairs(ivec sum, ivec x, ivec w)
{
    __auto_type part = PAIRS(x, w);
    for (int i = 1; i < 4; i++) {
        HOLD(x);
        part = ADD_PAIRS(part, PAIRS(x, w));
    }
    return sum + WIDEN(part);
}
#endif

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#ifdef __wasm_relaxed_simd__ /* which the compiler does not find by itself */
#define MULTIPLY_ADD(x, a, b) ((vec)__builtin_wasm_relaxed_madd_f32x4(x, a, b))
#else
#define MULTIPLY_ADD(x, a, b) ((x) * (a) + (b))
#endif

static volatile float one = 1; /* what the compiler does not know, it cannot fold */

/* So that the sums are wanted. */
static void keep(const vec *sum, int count)
{
    vec total = sum[0];
    for (int i = 1; i < count; i++)
        total += sum[i];
    volatile float kept = total[0];
    (void)kept;
}

static double fp32(long steps)
{
    const vec a = (vec){0} + one * 0.9999999f, b = (vec){0} + one * 1e-7f;
    vec sum[CHAINS];
    for (int i = 0; i < CHAINS; i++)
        sum[i] = a + one * (float)i;
    const double start = now();
    for (long k = 0; k < steps; k++)
        _Pragma("GCC unroll 12") for (int i = 0; i < CHAINS; i++) sum[i] = MULTIPLY_ADD(sum[i], a, b);
    const double seconds = now() - start;
    keep(sum, CHAINS);
    return (double)steps * CHAINS * WIDTH / seconds;
}

static double int8(long steps)
{
    ivec x = (ivec){0} + (int)one * 0x01010101, sum[BYTE_CHAINS] = {{0}};
    const ivec w = x;
    const double start = now();
    for (long k = 0; k < steps; k++)
        _Pragma("GCC unroll 12") for (int i = 0; i < BYTE_CHAINS; i++)
        {
            HOLD(x);
            sum[i] = BYTES_ADD(sum[i], x, w);
        }
    const double seconds = now() - start;
    keep((const vec *)sum, BYTE_CHAINS);
    return (double)steps * BYTE_CHAINS * BYTES_MACS / seconds;
}

#ifdef HALVES_ADD
static double bf16(long steps)
{
    const ivec x = (ivec){0} + (int)one * 0x3f803f80;
    vec sum[CHAINS] = {{0}};
    const double start = now();
    for (long k = 0; k < steps; k++)
        _Pragma("GCC unroll 12") for (int i = 0; i < CHAINS; i++) sum[i] = HALVES_ADD(sum[i], x, x);
    const double seconds = now() - start;
    keep(sum, CHAINS);
    return (double)steps * CHAINS * HALVES_MACS / seconds;
}
#else
#define bf16 NULL
#endif

const peak_chains NAME = {
    .run = {[WN_PRECISION_FP32] = fp32, [WN_PRECISION_BF16] = bf16, [WN_PRECISION_INT8] = int8}};
