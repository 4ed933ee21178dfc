/* SPDX-License-Identifier: Apache-2.0 */
#include "peak.h"

enum { RUNS = 200, STEPS = 10000 };

static const peak_chains *chains_at(wn_cpu level)
{
#if defined(__x86_64__) || defined(__i386__)
    static const peak_chains *const sets[] = {[WN_CPU_BASELINE] = &peak_baseline,
                                              [WN_CPU_AVX2] = &peak_avx2,
                                              [WN_CPU_AVX512] = &peak_avx512,
                                              [WN_CPU_AVX512VNNI] = &peak_avx512vnni,
                                              [WN_CPU_AVX512BF16] = &peak_avx512bf16};
    return sets[level];
#elif defined(__aarch64__)
    return level == WN_CPU_NEON_BF16      ? &peak_neonbf16
           : level == WN_CPU_NEON_DOTPROD ? &peak_dotprod
                                          : &peak_baseline;
#else
    (void)level;
    return &peak_baseline;
#endif
}

double peak_macs(wn_cpu level, wn_precision precision)
{
    const peak_chains *chains = chains_at(level);
    if (!chains->run[precision])
        precision = WN_PRECISION_FP32;
    double best = 0;
    for (int i = 0; i < RUNS; i++) {
        const double speed = chains->run[precision](STEPS);
        best = speed > best ? speed : best;
    }
    return best;
}
