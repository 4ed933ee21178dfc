/* SPDX-License-Identifier: Apache-2.0
 * AVX2 with FMA: compiled with -mavx2 -mfma. */
#define WIDTH  8
#define ROWS1  8 /* 16 registers: 6x16 and 4x24 are 12 accumulators */
#define ROWS2  6
#define ROWS3  4
#define PIXELS 4
#define LEVEL  WN_CPU_AVX2
#define FILL   wn_train_kernels_avx2
#include "fp32.h"
