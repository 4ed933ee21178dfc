/* SPDX-License-Identifier: Apache-2.0
 * What the benches share. */
#ifndef BENCH_H
#define BENCH_H

#include <time.h>

static inline double bench_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#endif
