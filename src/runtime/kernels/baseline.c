/* SPDX-License-Identifier: Apache-2.0
 * What the compiler may use without asking: SSE2, NEON, WASM SIMD. */
#define WIDTH 4
#if defined(__aarch64__)
#include <arm_neon.h>
#define COLUMNS 16 /* 32 registers: 6x16 in 24 accumulators */
#define MINIMUM vminq_f32
#define MAXIMUM vmaxq_f32
#elif defined(__SSE2__)
#include <emmintrin.h>
#define COLUMNS 8 /* 16 registers: 6x8 in 12 accumulators */
#define MINIMUM _mm_min_ps
#define MAXIMUM _mm_max_ps
#elif defined(__wasm_simd128__)
#include <wasm_simd128.h>
#define COLUMNS       8
#define MINIMUM(a, b) ((vec)wasm_f32x4_pmin((v128_t)(a), (v128_t)(b)))
#define MAXIMUM(a, b) ((vec)wasm_f32x4_pmax((v128_t)(a), (v128_t)(b)))
#ifdef __wasm_relaxed_simd__ /* one instruction, with one rounding, where the processor has it */
#define MULTIPLY_ADD(a, b, c) ((vec)__builtin_wasm_relaxed_madd_f32x4(a, b, c))
#endif
/* The compiler adds offsets to addresses by an instruction each; a load can do that itself. */
#define FROM(instruction, from, offset)                                                                      \
    ({                                                                                                       \
        v128_t loaded_;                                                                                      \
        __asm__ volatile("local.get %1\n\t" instruction " %2\n\tlocal.set %0"                                \
                         : "=r"(loaded_)                                                                     \
                         : "r"(from), "i"(sizeof(float) * (offset))                                          \
                         : "memory");                                                                        \
        (vec) loaded_;                                                                                       \
    })
#define LOAD_AT(from, offset)  FROM("v128.load", from, offset)
#define SPLAT_AT(from, offset) FROM("v128.load32_splat", from, offset)
#elif defined(__wasm__) /* without SIMD the compiler takes the vectors apart */
#define COLUMNS       8
#define MINIMUM(a, b) __builtin_elementwise_min(a, b)
#define MAXIMUM(a, b) __builtin_elementwise_max(a, b)
#else
#error "no vector instructions known for this processor: define MINIMUM and MAXIMUM of four floats here"
#endif
#ifdef __wasm__
/* Browsers' compilers move all loads of a stretch of code to its front: what is loaded in one step of a loop
 * must fit into the 16 registers of x86 beside the sums, and a step may not be unrolled. */
#define TILE_ROWS      4
#define GEMM_STEPS     ONE_BY_ONE
#define STEM_STEPS     ONE_BY_ONE
#define DEPTHWISE_PAIR 1
#define STREAMED
#else
#define TILE_ROWS 6
#endif
#define DEPTHWISE_PIXELS 4
#define LEVEL            WN_CPU_BASELINE
#define FILL             wn_kernels_baseline
#include "bytes.h"

#include "fp32.h"
