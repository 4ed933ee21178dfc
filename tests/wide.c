/* SPDX-License-Identifier: Apache-2.0
 * The kernels at 16 floats a register, built from whatever this machine has: the tiles of AVX-512, and the
 * products of bytes, are tested where there is none. */
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

#define HOLD(x)        ((void)0)
#define DOT(sum, x, w) dot((sum), (x), (w))
#define TO_BYTES(q)    (q)[0]
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

#include "runtime/kernels/fp32.h"
