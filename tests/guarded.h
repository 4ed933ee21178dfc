/* SPDX-License-Identifier: Apache-2.0
 * What the tests of kernels share: random input, and outputs between guards that must survive. */
#ifndef GUARDED_H
#define GUARDED_H

#include "runtime/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))

enum { GUARD = 64 };

static wn_random generator;

/* `count` random floats in [-1, 1) between guards of a value that no kernel writes. Freed by release. */
static inline float *buffer(size_t count)
{
    const size_t total = (count + 2 * GUARD + 15) / 16 * 16;
    float *memory = aligned_alloc(64, total * sizeof *memory);
    assert_non_null(memory);
    for (size_t i = 0; i < total; i++)
        memory[i] = i >= GUARD && i < GUARD + count ? (float)wn_random_range(&generator, -1, 1) : 12345;
    return memory + GUARD;
}

static inline void release(float *buffer)
{
    free(buffer - GUARD);
}

static inline void check_guards(const float *buffer, size_t count)
{
    for (size_t i = 0; i < GUARD; i++) {
        assert_true(buffer[-1 - (ptrdiff_t)i] == 12345);
        assert_true(buffer[count + i] == 12345);
    }
}

static inline double clamp6(double x)
{
    return x < 0 ? 0 : x > 6 ? 6 : x;
}

#endif
