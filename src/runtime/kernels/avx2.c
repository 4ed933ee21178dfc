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
#include "fp32.h"
