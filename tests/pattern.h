/* SPDX-License-Identifier: Apache-2.0
 * Inputs that both sides of a golden test compute by formula (see tests/oracle/pattern.py). */
#ifndef TESTS_PATTERN_H
#define TESTS_PATTERN_H

#include <stddef.h>
#include <stdint.h>

/* Element i of sequence `seed`, in [-1, 1): an integer hash, exact in float32. */
static inline float pattern(size_t i, uint32_t seed)
{
    uint32_t x = (uint32_t)i + seed * 0x9E3779B9u;
    x = (x ^ x >> 16) * 0x7FEB352Du;
    x = (x ^ x >> 15) * 0x846CA68Bu;
    x ^= x >> 16;
    return (float)(x >> 8) * 0x1p-23f - 1;
}

static inline void fill_pattern(float *values, size_t count, uint32_t seed)
{
    for (size_t i = 0; i < count; i++)
        values[i] = pattern(i, seed);
}

#endif
