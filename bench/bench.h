/* SPDX-License-Identifier: Apache-2.0
 * What the benches share. */
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>
#include <stdlib.h>
#include <time.h>

static inline double bench_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Seconds of one run of `job`: the best of `repeats` times `calls` of them, which is what the code can do,
 * not what the machine's other work lets it. */
static inline double bench_best(void (*run)(const void *job), const void *job, long calls, int repeats)
{
    double best = 1e9;
    for (int i = 0; i < repeats; i++) {
        const double start = bench_now();
        for (long k = 0; k < calls; k++)
            run(job);
        const double seconds = (bench_now() - start) / (double)calls;
        best = seconds < best ? seconds : best;
    }
    return best;
}

/* Random numbers in [-0.5, 0.5), aligned for every kernel. */
static inline float *bench_floats(size_t count)
{
    float *floats = aligned_alloc(64, (count * sizeof *floats + 63) / 64 * 64);
    if (!floats)
        abort();
    for (size_t i = 0; i < count; i++)
        floats[i] = (float)rand() / (float)RAND_MAX - 0.5f;
    return floats;
}

#endif
