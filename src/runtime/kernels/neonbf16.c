/* SPDX-License-Identifier: Apache-2.0
 * NEON with products of bf16 numbers too: for ARMv8.2 with dotprod and bf16, without flags of its own. One
 * BFMMLA does the work of two BFDOT. */
#include "dotprod.h"
#ifdef NEON_TARGETS

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("dotprod,bf16"))), apply_to = function)
#else
#pragma GCC target("arch=armv8.2-a+dotprod+bf16")
#endif

#define LEVEL                  WN_CPU_NEON_BF16
#define FILL                   wn_kernels_neonbf16
#define TOGETHER               4
#define MULTIPLY2X2(sum, x, w) ((vec)vbfmmlaq_f32((float32x4_t)(sum), (bfloat16x8_t)(x), (bfloat16x8_t)(w)))
#define NARROW_TO(to, x)       vst1_bf16((bfloat16_t *)(to), vcvt_bf16_f32((float32x4_t)(x)))

#include "fp32.h"

#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
