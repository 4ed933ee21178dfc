/* SPDX-License-Identifier: Apache-2.0
 * NEON with dot products of bytes: for ARMv8.2 with dotprod, without flags of its own. */
#include "dotprod.h"
#ifdef NEON_TARGETS

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)
#else
#pragma GCC target("arch=armv8.2-a+dotprod")
#endif

#define LEVEL WN_CPU_NEON_DOTPROD
#define FILL  wn_kernels_dotprod

#include "fp32.h"

#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
