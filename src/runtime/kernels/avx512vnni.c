/* SPDX-License-Identifier: Apache-2.0
 * AVX-512 with VNNI: the same with one instruction for four products of bytes. */
#include "avx512.h"

#define LEVEL          WN_CPU_AVX512VNNI
#define FILL           wn_kernels_avx512vnni
#define DOT(sum, x, w) ((ivec)_mm512_dpbusd_epi32((__m512i)(sum), (__m512i)(x), (__m512i)(w)))

#include "fp32.h"
