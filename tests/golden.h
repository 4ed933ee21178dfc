/* SPDX-License-Identifier: Apache-2.0
 * Golden tensors, and what is expected of a result beside them. */
#ifndef TESTS_GOLDEN_H
#define TESTS_GOLDEN_H

#include "runtime/safetensors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static inline wn_safetensors *golden_open(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", GOLDEN, name);
    wn_safetensors *file = NULL;
    winnow_error error;
    if (wn_safetensors_read(path, &file, &error))
        fail_msg("%s", error.message);
    return file;
}

/* A golden tensor of `count` elements, to be freed. */
static inline float *golden_floats(const wn_safetensors *file, const char *name, size_t count)
{
    float *values = malloc((count ? count : 1) * sizeof *values);
    winnow_error error;
    assert_non_null(values);
    if (wn_safetensors_floats(file, name, count, values, &error))
        fail_msg("%s", error.message);
    return values;
}

/* The largest difference, over the largest golden value, is at most `limit`. */
static inline void assert_golden(const wn_safetensors *file, const char *name, size_t count,
                                 const float *values, double limit)
{
    float *golden = golden_floats(file, name, count);
    double away = 0, largest = 1e-30;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(values[i]))
            fail_msg("%s[%zu] is not finite", name, i);
        away = fmax(away, fabs((double)values[i] - golden[i]));
        largest = fmax(largest, fabs(golden[i]));
    }
    if (!(away <= limit * largest))
        fail_msg("%s is off by %g of its largest value", name, away / largest);
    free(golden);
}

#endif
