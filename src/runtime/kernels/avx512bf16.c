/* SPDX-License-Identifier: Apache-2.0
 * AVX-512 with VNNI and BF16: the same with one instruction for two products of bf16 numbers. */
#include "avx512.h"

#define LEVEL                WN_CPU_AVX512BF16
#define FILL                 wn_kernels_avx512bf16
#define DOT(sum, x, w)       ((ivec)_mm512_dpbusd_epi32((__m512i)(sum), (__m512i)(x), (__m512i)(w)))
#define TOGETHER             2
#define NARROW_TO(to, x)     _mm256_storeu_si256((__m256i *)(to), (__m256i)_mm512_cvtneps_pbh(x))
#define MULTIPLY2(sum, x, w) ((vec)_mm512_dpbf16_ps((__m512)(sum), (__m512bh)(x), (__m512bh)(w)))

#include "fp32.h"
