/* SPDX-License-Identifier: Apache-2.0 */
#include "peak.h"

enum { RUNS = 200, STEPS = 10000 };

double peak_fp32(wn_cpu level)
{
    double (*chains)(long steps) = peak_chains_baseline;
#if defined(__x86_64__) || defined(__i386__)
    if (level >= WN_CPU_AVX2)
        chains = peak_chains_avx2;
    if (level >= WN_CPU_AVX512)
        chains = peak_chains_avx512;
#else
    (void)level;
#endif
    double best = 0;
    for (int i = 0; i < RUNS; i++) {
        const double speed = chains(STEPS);
        best = speed > best ? speed : best;
    }
    return best;
}
