/* SPDX-License-Identifier: Apache-2.0
 * AVX-512 F, BW, DQ, VL: compiled with -mavx512f and so on. */
#define WIDTH  16
#define ROWS1  8 /* 32 registers: 8x48 is 24 accumulators */
#define ROWS2  8
#define ROWS3  8
#define PIXELS 4
#define LEVEL  WN_CPU_AVX512
#define FILL   wn_train_kernels_avx512
#include "fp32.h"
