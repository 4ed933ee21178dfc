/* SPDX-License-Identifier: Apache-2.0
 * How many multiply-adds a second one thread of this machine can do at the most. */
#ifndef CLI_PEAK_H
#define CLI_PEAK_H

#include "../src/runtime/cpu.h"
#include "../src/runtime/plan.h"

/* Measured, the best of some short runs (20 ms in all), with the instructions of the kernels at `level` for
 * products of that precision; those of float32 where it has none for bf16. */
double peak_macs(wn_cpu level, wn_precision precision);

/* One short run of `steps` steps, by precision (NULL: no such instructions); one a translation unit. */
typedef struct peak_chains {
    double (*run[WN_PRECISION_INT8 + 1])(long steps);
} peak_chains;

extern const peak_chains peak_baseline, peak_avx2, peak_avx512, peak_avx512vnni, peak_avx512bf16,
    peak_dotprod, peak_neonbf16;

#endif
