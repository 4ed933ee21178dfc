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
/* Of each four bytes two stand in 16 bits each: the even ones, then the odd ones. */
typedef short words __attribute__((vector_size(16), may_alias));
#define DOT(sum, x, w)                                                                                       \
    ((sum) + DOT16((x)&0x00ff00ff, (ivec)((words)(w) << 8 >> 8)) +                                           \
     DOT16((ivec)((words)(x) >> 8), (ivec)((words)(w) >> 8)))

#if defined(__SSE2__)
#define DOT16(x, w)         ((ivec)_mm_madd_epi16((__m128i)(x), (__m128i)(w)))
#define TO_WORDS(low, high) _mm_packs_epi32(_mm_cvtps_epi32(low), _mm_cvtps_epi32(high))
#define TO_BYTES(q)         _mm_packus_epi16(TO_WORDS((q)[0], (q)[1]), TO_WORDS((q)[2], (q)[3]))
#define STORE16(to, bytes)  _mm_storeu_si128((__m128i *)(to), bytes)
#elif defined(__wasm_simd128__)
#define DOT16(x, w)         ((ivec)wasm_i32x4_dot_i16x8((v128_t)(x), (v128_t)(w)))
#define TO_INT(q)           wasm_i32x4_trunc_sat_f32x4(wasm_f32x4_nearest((v128_t)(q)))
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
