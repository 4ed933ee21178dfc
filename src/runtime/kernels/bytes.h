/* SPDX-License-Identifier: Apache-2.0
 * What int8.h asks for, from the instructions that baseline.c may use. */
#if defined(__aarch64__)
#include "neon.h"
#define PAIRS(x, w) (pairs) pairs_of((int8x16_t)(x), (int8x16_t)(w))
#define WIDEN(p)    ((ivec)vpaddlq_s16((int16x8_t)(p)))

static inline int16x8_t pairs_of(int8x16_t x, int8x16_t w)
{
    return vpaddq_s16(vmull_s8(vget_low_s8(x), vget_low_s8(w)), vmull_high_s8(x, w));
}

#else
#if defined(__wasm_relaxed_simd__)
typedef signed char chars __attribute__((vector_size(16), may_alias));
#define DOT(sum, x, w)                                                                                       \
    ((ivec)__builtin_wasm_relaxed_dot_i8x16_i7x16_add_s_i32x4((chars)(w), (chars)(x), (ivec)(sum)))
#define PAIRS(x, w) ((pairs)__builtin_wasm_relaxed_dot_i8x16_i7x16_s_i16x8((chars)(w), (chars)(x)))
#define WIDEN(p)    ((ivec)wasm_i32x4_extadd_pairwise_i16x8((v128_t)(p)))
#ifndef GEMM8
#define GEMM8 (dots_are_one_instruction() ? gemm8_dots : gemm8_pairs)
#endif

/* Both products are exact for inputs of 7 bits. What a browser makes of 8 bits, which is left to it, tells
 * what it makes DOT of. One instruction adds -4 * 127 (NEON's sdot) or 4 * 255 * 127 (AVX-VNNI's vpdpbusd).
 * Other x86 saturates between two instructions, at 2 * 32767; PAIRS takes one of them, and is twice as fast
 * there. Where V8 of 2023 has compiled a function but not optimised it yet, DOT is wrong on x86, at 4 *
 * 32767: so what is not known to be right is not used. */
static inline bool dots_are_one_instruction(void)
{
    typedef int ints __attribute__((vector_size(16), may_alias));
    const v128_t x = wasm_i8x16_splat(-1), w = wasm_i8x16_splat(127);
    const int sum =
        ((ints)__builtin_wasm_relaxed_dot_i8x16_i7x16_add_s_i32x4((chars)w, (chars)x, (ints){0}))[0];
    return sum == -4 * 127 || sum == 4 * 255 * 127;
}
#else
/* Of each four bytes two stand in 16 bits each: the even ones, then the odd ones. */
typedef short words __attribute__((vector_size(16), may_alias));
#define DOT(sum, x, w)                                                                                       \
    ((sum) + DOT16((x)&0x00ff00ff, (ivec)((words)(w) << 8 >> 8)) +                                           \
     DOT16((ivec)((words)(x) >> 8), (ivec)((words)(w) >> 8)))
#endif

#if defined(__SSE2__)
#define DOT16(x, w)         ((ivec)_mm_madd_epi16((__m128i)(x), (__m128i)(w)))
#define TO_WORDS(low, high) _mm_packs_epi32(_mm_cvtps_epi32(low), _mm_cvtps_epi32(high))
#define TO_BYTES(q)         _mm_packus_epi16(TO_WORDS((q)[0], (q)[1]), TO_WORDS((q)[2], (q)[3]))
#define STORE16(to, bytes)  _mm_storeu_si128((__m128i *)(to), bytes)
#elif defined(__wasm_simd128__)
#define DOT16(x, w)         ((ivec)wasm_i32x4_dot_i16x8((v128_t)(x), (v128_t)(w)))
/* 1.5 * 2^23 + q has q, to nearest, in its lowest bits: two instructions, where a conversion takes seven. */
#define TO_INT(q)           wasm_v128_and((v128_t)((q) + 0x1.8p23f), wasm_i32x4_splat(127))
#define TO_WORDS(low, high) wasm_i16x8_narrow_i32x4(TO_INT(low), TO_INT(high))
#define TO_BYTES(q)         wasm_u8x16_narrow_i16x8(TO_WORDS((q)[0], (q)[1]), TO_WORDS((q)[2], (q)[3]))
#define STORE16(to, bytes)  wasm_v128_store(to, bytes)
#else
#define DOT16(x, w) (((x) << 16 >> 16) * ((w) << 16 >> 16) + ((x) >> 16) * ((w) >> 16))
#define TO_BYTES(q) q
#define STORE16(to, q)                                                                                       \
    for (int byte = 0; byte < 16; byte++)                                                                    \
    (to)[byte] = (uint8_t)__builtin_rintf((q)[byte / 4][byte % 4])
#endif
#endif
