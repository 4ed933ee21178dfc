/* SPDX-License-Identifier: Apache-2.0
 * What the compiler may use without asking: SSE2, NEON. */
#define WIDTH 4
#if defined(__aarch64__)
#define ROWS1 8 /* 32 registers */
#define ROWS2 8
#define ROWS3 8
#else
#define ROWS1 8 /* 16 registers */
#define ROWS2 5
#define ROWS3 3
#endif
#define PIXELS 4
#define LEVEL  WN_CPU_BASELINE
#define FILL   wn_train_kernels_baseline
#include "fp32.h"
