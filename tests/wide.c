/* SPDX-License-Identifier: Apache-2.0
 * The kernels at 16 floats a register, built from whatever this machine has: the tiles of AVX-512, and the
 * products of bytes and of bf16 numbers, are tested where there is none. */
#define WIDTH            16
#define COLUMNS          32
#define TILE_ROWS        12
#define DEPTHWISE_PIXELS 8
#define MINIMUM(a, b)    choose((a) < (b), a, b)
#define MAXIMUM(a, b)    choose((a) > (b), a, b)
#define LEVEL            WN_CPU_BASELINE
#define FILL             wide_kernels

typedef float wide_vec __attribute__((vector_size(64), may_alias));
typedef int wide_mask __attribute__((vector_size(64), may_alias));

static inline __attribute__((always_inline)) wide_vec choose(wide_mask mask, wide_vec a, wide_vec b)
{
    return (wide_vec)((mask & (wide_mask)a) | (~mask & (wide_mask)b));
}

#include "wide.h"

#include <math.h>

typedef int wide_ints __attribute__((vector_size(64), may_alias));

#define HOLD(x)              ((void)0)
#define DOT(sum, x, w)       dot((sum), (x), (w))
#define TO_BYTES(q)          (q)[0]
#define TOGETHER             2
#define MULTIPLY2(sum, x, w) multiply2((sum), (x), (w))
#define NARROW_TO(to, x)     narrow_to((to), (wide_ints)(x))
#define STORE16(to, q)                                                                                       \
    for (int lane = 0; lane < 16; lane++)                                                                    \
    (to)[lane] = (uint8_t)rintf((q)[lane])

/* What the instruction vpdpbusd does. */
static inline __attribute__((always_inline)) wide_ints dot(wide_ints sum, wide_ints x, wide_ints w)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        sum += ((x << shift) >> 24) * ((w << shift) >> 24);
    return sum;
}

/* What the instruction vdpbf16ps does, but for numbers below 2^-126, which it takes for 0. */
static inline __attribute__((always_inline)) wide_vec multiply2(wide_vec sum, wide_ints x, wide_ints w)
{
    const wide_ints high = (wide_ints){0} - 65536;
    sum += (wide_vec)(x & high) * (wide_vec)(w & high);
    return sum + (wide_vec)(x << 16) * (wide_vec)(w << 16);
}

/* What vcvtneps2bf16 does, but for NaN. */
static inline __attribute__((always_inline)) void narrow_to(uint16_t *to, wide_ints x)
{
    x += 0x7fff + (x >> 16 & 1);
    for (int lane = 0; lane < 16; lane++)
        to[lane] = (uint16_t)(x[lane] >> 16);
}

#include "runtime/kernels/fp32.h"
