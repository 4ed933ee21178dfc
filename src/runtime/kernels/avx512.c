/* SPDX-License-Identifier: Apache-2.0
 * AVX-512 F, BW, DQ, VL: compiled with -mavx512f and so on. */
#include <immintrin.h>

#define WIDTH            16
#define COLUMNS          32 /* 12x32 in 24 of 32 registers */
#define TILE_ROWS        12
#define DEPTHWISE_PIXELS 8
#define MINIMUM          _mm512_min_ps
#define MAXIMUM          _mm512_max_ps
#define LEVEL            WN_CPU_AVX512
#define FILL             wn_kernels_avx512
#include "fp32.h"
