/* SPDX-License-Identifier: Apache-2.0
 * How many float32 multiply-adds a second one thread of this machine can do at the most. */
#ifndef CLI_PEAK_H
#define CLI_PEAK_H

#include "../src/runtime/cpu.h"

/* Measured, the best of some short runs (20 ms in all), with the float32 kernels' instructions at `level`. */
double peak_fp32(wn_cpu level);

/* One short run of `steps` steps; one a translation unit. */
double peak_chains_baseline(long steps);
double peak_chains_avx2(long steps);
double peak_chains_avx512(long steps);

#endif
