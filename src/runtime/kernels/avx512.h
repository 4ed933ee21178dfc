/* SPDX-License-Identifier: Apache-2.0
 * The sizes of AVX-512's tiles, and 16 floats to 16 bytes: for avx512.c and avx512vnni.c. */
#include <immintrin.h>

#define WIDTH              16
#define COLUMNS            32 /* 12x32 in 24 of 32 registers */
#define TILE_ROWS          12
#define DEPTHWISE_PIXELS   8
#define MINIMUM            _mm512_min_ps
#define MAXIMUM            _mm512_max_ps
#define TO_BYTES(q)        _mm512_cvtepi32_epi8(_mm512_cvtps_epi32((q)[0]))
#define STORE16(to, bytes) _mm_storeu_si128((__m128i *)(to), bytes)
