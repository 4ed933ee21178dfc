/* SPDX-License-Identifier: Apache-2.0
 * The inner loops, defined by resample_rows_template.h once for the compiler's baseline and once for AVX2,
 * whose 32-bit multiplication SSE2 lacks. */
#include "resample_rows.h"

#include "cpu.h"
#include "pixel.h"

#include <string.h>

#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>
#endif

typedef uint8_t u8x8 __attribute__((vector_size(8)));
typedef int16_t i16x8 __attribute__((vector_size(16)));
typedef int32_t i32x4 __attribute__((vector_size(16)));
typedef int32_t i32x8 __attribute__((vector_size(32)));

#define LOW(v)  ((i32x4){(v)[0], (v)[1], (v)[2], (v)[3]})
#define HIGH(v) ((i32x4){(v)[4], (v)[5], (v)[6], (v)[7]})

bool wn_row_is_opaque(const uint8_t *row, int pixels)
{
    /* Whole pixels at a time, which vectorises; the alpha of `all` is that of every pixel. */
    uint32_t all = UINT32_MAX;
    for (int i = 0; i < pixels; i++) {
        uint32_t pixel;
        memcpy(&pixel, row + (ptrdiff_t)i * 4, sizeof pixel);
        all &= pixel;
    }
    return ((const uint8_t *)&all)[3] == 255;
}

void wn_compose_row(const uint8_t *in, int pixels, uint8_t *out)
{
    for (int i = 0; i < pixels; i++) {
        const uint8_t alpha = in[i * 4 + 3];
        for (int c = 0; c < 3; c++)
            out[i * 4 + c] = wn_over_grey(in[i * 4 + c], alpha);
        out[i * 4 + 3] = 255;
    }
}

enum { HALF = 1 << (WN_WEIGHT_BITS - 1) };

/* A sum of weighted bytes, with a half added for rounding, to a byte. */
static inline uint8_t to_byte(int32_t sum)
{
    sum >>= WN_WEIGHT_BITS;
    return (uint8_t)(sum > 255 ? 255 : sum);
}

#define TARGET
#define NAME(name) name##_baseline
#define WIDEN(from)                                                                                          \
    __builtin_convertvector(__builtin_convertvector(*(const u8x8_anywhere *)(from), i16x8), i32x8)
typedef uint8_t u8x8_anywhere __attribute__((vector_size(8), aligned(1), may_alias));
#include "resample_rows_template.h"

#if defined(__x86_64__) || defined(__i386__)
#undef TARGET
#undef NAME
#undef WIDEN
#define TARGET      __attribute__((target("avx2")))
#define NAME(name)  name##_avx2
#define WIDEN(from) (i32x8) _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(from)))
#include "resample_rows_template.h"
#endif

const wn_row_kernels *wn_row_kernels_best(void)
{
    static const wn_row_kernels baseline = {horizontal_baseline, vertical_baseline};
#if defined(__x86_64__) || defined(__i386__)
    static const wn_row_kernels avx2 = {horizontal_avx2, vertical_avx2};
    const wn_cpu level = wn_cpu_level();
    if (level >= WN_CPU_AVX2 && level < WN_CPU_NEON_DOTPROD)
        return &avx2;
#endif
    return &baseline;
}
