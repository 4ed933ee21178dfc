/* SPDX-License-Identifier: Apache-2.0
 * Detection asks the compiler's run-time library, which reads cpuid and, through xgetbv, whether the
 * operating system saves the wide registers; on ARM the operating system, Linux or Apple's. */
#include "cpu.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#elif defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>
#endif

static const char *const names[] = {"baseline",   "avx2",    "avx512",  "avx512vnni",
                                    "avx512bf16", "dotprod", "neonbf16"};

static atomic_int limit = WN_CPU_HIGHEST;

#if defined(__aarch64__) && defined(__APPLE__)
static bool has(const char *feature)
{
    int value = 0;
    size_t size = sizeof value;
    return !sysctlbyname(feature, &value, &size, NULL, 0) && value;
}
#endif

wn_cpu wn_cpu_detected(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
        return WN_CPU_BASELINE;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl"))
        return WN_CPU_AVX2;
    if (!__builtin_cpu_supports("avx512vnni"))
        return WN_CPU_AVX512;
    return __builtin_cpu_supports("avx512bf16") ? WN_CPU_AVX512BF16 : WN_CPU_AVX512VNNI;
#elif defined(__aarch64__) && defined(__linux__)
    const unsigned long asimddp = 1ul << 20, bf16 = 1ul << 14; /* HWCAP_ASIMDDP, HWCAP2_BF16 */
    if (!(getauxval(AT_HWCAP) & asimddp))
        return WN_CPU_BASELINE;
    return getauxval(AT_HWCAP2) & bf16 ? WN_CPU_NEON_BF16 : WN_CPU_NEON_DOTPROD;
#elif defined(__aarch64__) && defined(__APPLE__)
    if (!has("hw.optional.arm.FEAT_DotProd"))
        return WN_CPU_BASELINE;
    return has("hw.optional.arm.FEAT_BF16") ? WN_CPU_NEON_BF16 : WN_CPU_NEON_DOTPROD;
#elif defined(__ARM_FEATURE_DOTPROD)
    return WN_CPU_NEON_DOTPROD; /* the compiler may already assume it */
#else
    return WN_CPU_BASELINE;
#endif
}

/* The levels of x86 are a chain; those of ARM, from WN_CPU_NEON_DOTPROD on, another. */
static wn_cpu lower(wn_cpu level, wn_cpu highest)
{
    if (level <= highest)
        return level;
    return level >= WN_CPU_NEON_DOTPROD && highest < WN_CPU_NEON_DOTPROD ? WN_CPU_BASELINE : highest;
}

bool wn_cpu_named(const char *name, wn_cpu *level)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(name, names[i])) {
            *level = (wn_cpu)i;
            return true;
        }
    return false;
}

static const char *wanted_level(void)
{
#ifdef __wasm__ /* a page has no environment, and wasi-libc ends the program where it finds none */
    return NULL;
#else
    return getenv("WINNOW_CPU");
#endif
}

wn_cpu wn_cpu_level(void)
{
    const wn_cpu level = lower(wn_cpu_detected(), (wn_cpu)atomic_load(&limit));
    const char *wanted = wanted_level();
    wn_cpu highest;
    return wanted && wn_cpu_named(wanted, &highest) ? lower(level, highest) : level;
}

void wn_cpu_limit(wn_cpu highest)
{
    atomic_store(&limit, (int)highest);
}

const char *wn_cpu_name(wn_cpu level)
{
    return (size_t)level < sizeof names / sizeof *names ? names[level] : "unknown";
}
