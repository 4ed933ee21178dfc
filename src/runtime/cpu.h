/* SPDX-License-Identifier: Apache-2.0
 * Which instruction sets this machine has, and which of them may be used. */
#ifndef WN_CPU_H
#define WN_CPU_H

#include <stdbool.h>

/* Ordered: a higher level has everything of the lower ones of its architecture. */
typedef enum wn_cpu {
    WN_CPU_BASELINE,   /* plain vector code at the compiler's baseline: SSE2, NEON, WASM SIMD */
    WN_CPU_AVX2,       /* + FMA */
    WN_CPU_AVX512,     /* F, BW, DQ, VL */
    WN_CPU_AVX512VNNI, /* + VNNI */
    WN_CPU_AVX512BF16, /* + BF16 */
    WN_CPU_NEON_DOTPROD,
    WN_CPU_NEON_BF16, /* + dot products and matrix products of bf16 */
    WN_CPU_HIGHEST = WN_CPU_NEON_BF16
} wn_cpu;

/* The best level of this machine, lowered by wn_cpu_limit or by the environment variable WINNOW_CPU
 * (baseline, avx2, avx512, avx512vnni, avx512bf16, dotprod, neonbf16); an unknown name is ignored. */
wn_cpu wn_cpu_level(void);
wn_cpu wn_cpu_detected(void);
void wn_cpu_limit(wn_cpu highest);
const char *wn_cpu_name(wn_cpu level);

/* *level of a name; false where there is none of that name. */
bool wn_cpu_named(const char *name, wn_cpu *level);

#endif
