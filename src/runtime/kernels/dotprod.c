/* SPDX-License-Identifier: Apache-2.0
 * NEON with dot products of bytes: compiled with -march=armv8.2-a+dotprod. */
#include "dotprod.h"

#define LEVEL WN_CPU_NEON_DOTPROD
#define FILL  wn_kernels_dotprod

#include "fp32.h"
