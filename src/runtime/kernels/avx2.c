/* SPDX-License-Identifier: Apache-2.0
 * AVX2 with FMA: compiled with -mavx2 -mfma. */
#include <immintrin.h>

#define WIDTH            8
#define COLUMNS          16 /* 6x16 in 12 of 16 registers */
#define TILE_ROWS        6
#define DEPTHWISE_PIXELS 4
#define MINIMUM          _mm256_min_ps
#define MAXIMUM          _mm256_max_ps
#define LEVEL            WN_CPU_AVX2
#define FILL             wn_kernels_avx2

#define PAIRS(x, w)        ((pairs)_mm256_maddubs_epi16((__m256i)(x), (__m256i)(w)))
#define WIDEN(p)           ((ivec)_mm256_madd_epi16((__m256i)(p), _mm256_set1_epi16(1)))
#define TO_BYTES(q)        to_bytes(q)
#define STORE16(to, bytes) _mm_storeu_si128((__m128i *)(to), bytes)

static inline __m128i to_bytes(const __m256 q[2])
{
    const __m256i pairs = _mm256_packs_epi32(_mm256_cvtps_epi32(q[0]), _mm256_cvtps_epi32(q[1]));
    const __m256i words = _mm256_permute4x64_epi64(pairs, 0xd8);
    return _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
}

#include "fp32.h"
