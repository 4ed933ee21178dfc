/* SPDX-License-Identifier: Apache-2.0
 * AVX-512 F, BW, DQ, VL: compiled with -mavx512f and so on. */
#include "avx512.h"

#define LEVEL WN_CPU_AVX512
#define FILL  wn_kernels_avx512

#define PAIRS(x, w) ((pairs)_mm512_maddubs_epi16((__m512i)(x), (__m512i)(w)))
#define WIDEN(p)    ((ivec)_mm512_madd_epi16((__m512i)(p), _mm512_set1_epi16(1)))

#include "fp32.h"
