/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels.h"

wn_train_kernels wn_train_kernels_at(wn_cpu level)
{
    wn_train_kernels kernels;
    wn_train_kernels_baseline(&kernels);
#if defined(__x86_64__) || defined(__i386__)
    if (level >= WN_CPU_AVX2)
        wn_train_kernels_avx2(&kernels);
    if (level >= WN_CPU_AVX512)
        wn_train_kernels_avx512(&kernels);
#else
    (void)level;
#endif
    return kernels;
}
