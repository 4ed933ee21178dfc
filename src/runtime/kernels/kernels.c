/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels.h"

/* WN_BASELINE_ALONE: for builds that compile every file with the same flags (Package.swift), which x86's
 * need. */

wn_kernels wn_kernels_at(wn_cpu level)
{
    wn_kernels kernels;
    wn_kernels_baseline(&kernels);
#if !defined(WN_BASELINE_ALONE) && (defined(__x86_64__) || defined(__i386__))
    if (level >= WN_CPU_AVX2)
        wn_kernels_avx2(&kernels);
    if (level >= WN_CPU_AVX512)
        wn_kernels_avx512(&kernels);
    if (level >= WN_CPU_AVX512VNNI)
        wn_kernels_avx512vnni(&kernels);
    if (level >= WN_CPU_AVX512BF16)
        wn_kernels_avx512bf16(&kernels);
#elif defined(NEON_TARGETS)
    if (level >= WN_CPU_NEON_DOTPROD)
        wn_kernels_dotprod(&kernels);
    if (level >= WN_CPU_NEON_BF16)
        wn_kernels_neonbf16(&kernels);
#else
    (void)level;
#endif
    return kernels;
}
