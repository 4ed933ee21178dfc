/* SPDX-License-Identifier: Apache-2.0
 * The sizes of NEON's tiles, and its dot products of bytes: for dotprod.c and neonbf16.c, which ask for the
 * instructions themselves, so that builds with one set of flags for all files (Package.swift) have them too.
 * On other processors both are empty. */
#include "kernels.h"

#ifdef NEON_TARGETS
#include <arm_neon.h>

#define WIDTH            4
#define COLUMNS          16 /* 6x16 in 24 of 32 registers */
#define TILE_ROWS        6
#define DEPTHWISE_PIXELS 4
#define MINIMUM          vminq_f32
#define MAXIMUM          vmaxq_f32

/* Activations of 7 bits are signed bytes too. */
#define DOT(sum, x, w) ((ivec)vdotq_s32((int32x4_t)(sum), (int8x16_t)(x), (int8x16_t)(w)))
#include "neon.h"
#endif
