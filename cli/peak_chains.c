/* SPDX-License-Identifier: Apache-2.0
 * The fastest that this instruction set multiplies and adds: independent chains in registers, no memory.
 * Compiled once a set, with its WIDTH and its NAME. */
#include "peak.h"

#include <time.h>

typedef float vec __attribute__((vector_size(WIDTH * sizeof(float))));

enum {
    CHAINS = 12 /* two units of latency 4 or 5 need 8 or 10; 12 chains and 2 operands fit 16 registers */
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#ifdef __wasm_relaxed_simd__ /* which the compiler does not find by itself */
#define MULTIPLY_ADD(x, a, b) ((vec)__builtin_wasm_relaxed_madd_f32x4(x, a, b))
#else
#define MULTIPLY_ADD(x, a, b) ((x) * (a) + (b))
#endif

double NAME(long steps)
{
    static volatile float one = 1; /* what the compiler does not know, it cannot fold */
    const vec a = (vec){0} + one * 0.9999999f, b = (vec){0} + one * 1e-7f;
    vec sum[CHAINS];
    for (int i = 0; i < CHAINS; i++)
        sum[i] = a + one * (float)i;
    const double start = now();
    for (long k = 0; k < steps; k++)
        _Pragma("GCC unroll 12") for (int i = 0; i < CHAINS; i++) sum[i] = MULTIPLY_ADD(sum[i], a, b);
    const double seconds = now() - start;
    vec total = sum[0];
    for (int i = 1; i < CHAINS; i++)
        total += sum[i];
    volatile float keep = total[0];
    (void)keep;
    return (double)steps * CHAINS * WIDTH / seconds;
}
