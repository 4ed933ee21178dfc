/* SPDX-License-Identifier: Apache-2.0
 * Kernels whose channels come in whole vectors. Included by fp32.h once with LANES = WIDTH, and once more
 * with 8 lanes where registers are wider than that. */
#define VEC  LANED(vec)
#define MASK LANED(mask)
#define HALF LANED(half)
#define BITS LANED(bits)
typedef float VEC __attribute__((vector_size(LANES * sizeof(float)), aligned(4), may_alias));
typedef int MASK __attribute__((vector_size(LANES * sizeof(float)), aligned(4), may_alias));
typedef uint32_t BITS __attribute__((vector_size(LANES * sizeof(float)), aligned(4), may_alias));
typedef uint16_t HALF __attribute__((vector_size(LANES * sizeof(uint16_t)), aligned(2), may_alias));
#define AT(pointer) (*(VEC *)(pointer))
#define IN(pointer) (*(const VEC *)(pointer))

/* ---- values in 16 bits ---- */

/* x as it will be read again. */
INLINE VEC LANED(as_stored)(const bool bf16, VEC x)
{
    const BITS bits = (BITS)x;
    return bf16 ? (VEC)((bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000) : x;
}

/* The upper halves, of what as_stored returned. */
INLINE HALF LANED(halves)(VEC x)
{
    const BITS bits = (BITS)x >> 16;
#if LANES == 8 && defined(__AVX2__) /* two instructions for the compiler's five */
    return (HALF)_mm_packus_epi32(_mm256_castsi256_si128((__m256i)bits),
                                  _mm256_extracti128_si256((__m256i)bits, 1));
#else
    return __builtin_convertvector(bits, HALF);
#endif
}

/* As floats again. */
INLINE VEC LANED(widened)(HALF halves)
{
#if LANES == 8 && defined(__AVX2__) /* one for its four */
    return (VEC)((BITS)_mm256_cvtepu16_epi32((__m128i)halves) << 16);
#else
    return (VEC)(__builtin_convertvector(halves, BITS) << 16);
#endif
}

INLINE VEC LANED(read)(const bool bf16, const void *values, size_t index)
{
    if (!bf16)
        return IN((const float *)values + index);
    return LANED(widened)(*(const HALF *)((const uint16_t *)values + index));
}

/* Past the caches, where there is an instruction for it. */
INLINE void LANED(stream)(float *to, VEC x)
{
#if LANES == 8 && defined(__AVX2__)
    _mm256_stream_ps(to, (__m256)x);
#elif LANES == 16 && defined(__AVX512F__)
    _mm512_stream_ps(to, (__m512)x);
#else
    AT(to) = x;
#endif
}

/* x: as as_stored returned it. */
INLINE void LANED(write)(const bool bf16, const bool streamed, void *values, size_t index, VEC x)
{
    if (bf16)
        *(HALF *)((uint16_t *)values + index) = LANED(halves)(x);
    else if (streamed)
        LANED(stream)((float *)values + index, x);
    else
        AT((float *)values + index) = x;
}

/* ---- gate ---- */

/* Channels [c, c + LANES) of pixels [row, row + valid): their dx, every `step`-th of the registers given,
 * through the gate. How z and dy are stored is known to the compiler. */
INLINE void LANED(gate_tile)(const bool gated, const bool bf16_z, const bool bf16_dy, const bool streamed,
                             const int rows, int valid, const wn_gate *g, size_t row, int c, const VEC *dx,
                             const int step)
{
    const size_t ld = g->ldz;
    const wn_stored z = wn_stored_from((wn_stored){g->z.at, .bf16 = bf16_z}, row * ld + c),
                    to = wn_stored_from((wn_stored){g->dy.at, .bf16 = bf16_dy}, row * ld + c);
    const float *scale = g->scale, *offset = g->offset, *add = g->add;
    VEC sum = IN(g->sum + c), along = IN(g->along + c);
    const VEC mean = IN(g->mean + c);
    UNROLL
    for (int r = 0; r < rows; r++) {
        if (r < valid) {
            const VEC value = LANED(read)(bf16_z, z.at, r * ld);
            VEC dy = dx[r * step];
            if (gated) {
                const VEC y = value * IN(scale + c) + IN(offset + c);
                dy = (VEC)((MASK)dy & (y > 0) & (y < 6));
            } else if (offset) {
                dy += IN(offset + c);
            }
            if (!gated && add)
                dy += IN(add + (row + r) * ld + c);
            dy = LANED(as_stored)(bf16_dy, dy);
            LANED(write)(bf16_dy, streamed, to.at, r * ld, dy);
            sum += dy;
            along += dy * (value - mean);
        }
    }
    AT(g->sum + c) = sum;
    AT(g->along + c) = along;
}

/* The same of a ReLU6, whatever the storage. */
INLINE void LANED(gate_relu6)(const int rows, int valid, const wn_gate *g, size_t row, int c, const VEC *dx,
                              const int step)
{
    if (g->dy.streamed)
        LANED(gate_tile)(true, false, false, true, rows, valid, g, row, c, dx, step);
    else if (!g->z.bf16)
        LANED(gate_tile)(true, false, false, false, rows, valid, g, row, c, dx, step);
    else if (g->dy.bf16)
        LANED(gate_tile)(true, true, true, false, rows, valid, g, row, c, dx, step);
    else
        LANED(gate_tile)(true, true, false, false, rows, valid, g, row, c, dx, step);
}

INLINE void LANED(gate_rows)(const bool gated, const int rows, const wn_gate *g, size_t row)
{
    const float *from = g->dx + row * g->lddx;
    for (int c = 0; c < g->channels; c += LANES) {
        VEC dx[4];
        UNROLL
        for (int r = 0; r < rows; r++)
            dx[r] = IN(from + r * g->lddx + c);
        if (gated)
            LANED(gate_relu6)(rows, rows, g, row, c, dx, 1);
        else
            LANED(gate_tile)(false, false, false, false, rows, rows, g, row, c, dx, 1);
    }
}

INLINE void LANED(gate_all)(const bool gated, const wn_gate *g)
{
    size_t row = 0;
    for (; row + 4 <= g->rows; row += 4)
        LANED(gate_rows)(gated, 4, g, row);
    for (; row < g->rows; row++)
        LANED(gate_rows)(gated, 1, g, row);
}

static void LANED(gate_gradient)(const wn_gate *g)
{
    if (g->scale)
        LANED(gate_all)(true, g);
    else
        LANED(gate_all)(false, g);
}

/* ---- depthwise ---- */

/* Neighbours from value `at` on; they become what is stored. */
INLINE void LANED(write_pixels)(const bool bf16, const bool streamed, const int pixels,
                                const wn_depthwise_row *d, size_t at, VEC *out)
{
    void *const y = d->y.at;
    const size_t n = d->channels;
    UNROLL
    for (int p = 0; p < pixels; p++) {
        out[p] = LANED(as_stored)(bf16, out[p]);
        LANED(write)(bf16, streamed, y, at + p * n, out[p]);
    }
}

/* `pixels` neighbours of an output row. An input value is loaded once and meets every output it belongs to.
 */
INLINE void LANED(depthwise_tile)(const int kernel, const int stride, const bool gated, const int pixels,
                                  const wn_depthwise_row *d, int x)
{
    const int n = d->channels;
    for (int c = 0; c < n; c += LANES) {
        VEC out[PIXELS];
        UNROLL
        for (int p = 0; p < pixels; p++)
            out[p] = (VEC){0};
        for (int ky = 0; ky < kernel; ky++) {
            const float *in = d->in[ky] + (size_t)x * stride * n + c;
            VEC w[5];
            UNROLL
            for (int kx = 0; kx < kernel; kx++)
                w[kx] = IN(d->weight + (ky * kernel + kx) * n + c);
            UNROLL
            for (int i = 0; i < (pixels - 1) * stride + kernel; i++) {
                const VEC value = IN(in + i * n);
                UNROLL
                for (int p = 0; p < pixels; p++) {
                    if (i >= p * stride && i < p * stride + kernel)
                        out[p] += value * w[i - p * stride];
                }
            }
        }
        if (gated) {
            LANED(gate_relu6)(pixels, pixels, d->gate, x, c, out, 1);
            continue;
        }
        if (d->y.bf16)
            LANED(write_pixels)(true, false, pixels, d, (size_t)x * n + c, out);
        else if (d->y.streamed)
            LANED(write_pixels)(false, true, pixels, d, (size_t)x * n + c, out);
        else
            LANED(write_pixels)(false, false, pixels, d, (size_t)x * n + c, out);
        if (d->shift) {
            const VEC shift = IN(d->shift + c);
            VEC sum = IN(d->sum + c), square = IN(d->square + c);
            UNROLL
            for (int p = 0; p < pixels; p++) {
                const VEC away = out[p] - shift;
                sum += away;
                square += away * away;
            }
            AT(d->sum + c) = sum;
            AT(d->square + c) = square;
        }
    }
}

INLINE void LANED(depthwise_row)(const int kernel, const int stride, const bool gated,
                                 const wn_depthwise_row *d)
{
    int x = 0;
    for (; x + PIXELS <= d->out; x += PIXELS)
        LANED(depthwise_tile)(kernel, stride, gated, PIXELS, d, x);
    for (; x < d->out; x++)
        LANED(depthwise_tile)(kernel, stride, gated, 1, d, x);
}

/* Each a function of its own, or the compiler runs out of registers for all. */
#define INSTANCE(kernel, stride, gated)                                                                      \
    static NOINLINE void LANED(depthwise_##kernel##_##stride##_##gated)(const wn_depthwise_row *d)           \
    {                                                                                                        \
        LANED(depthwise_row)(kernel, stride, gated, d);                                                      \
    }
INSTANCE(3, 1, 0)
INSTANCE(3, 2, 0)
INSTANCE(5, 1, 0)
INSTANCE(5, 2, 0)
INSTANCE(3, 1, 1)
INSTANCE(5, 1, 1)
#undef INSTANCE

static void LANED(depthwise)(const wn_depthwise_row *d)
{
    if (d->gate && d->kernel == 3)
        LANED(depthwise_3_1_1)(d);
    else if (d->gate)
        LANED(depthwise_5_1_1)(d);
    else if (d->kernel == 3 && d->stride == 1)
        LANED(depthwise_3_1_0)(d);
    else if (d->kernel == 3)
        LANED(depthwise_3_2_0)(d);
    else if (d->stride == 1)
        LANED(depthwise_5_1_0)(d);
    else
        LANED(depthwise_5_2_0)(d);
}

/* One row of the kernel: its taps' gradients stay in registers along the output row. An input value is loaded
 * once and meets every tap of the pixels of a step; two sums a tap, as one would wait for itself. */
INLINE void LANED(dweight_row)(const int kernel, const int stride, const wn_depthwise_dweight *d, int ky)
{
    enum { STEP = 4 };
    const size_t n = d->channels;
    for (size_t c = 0; c < n; c += LANES) {
        float *to = d->dweight + ky * kernel * n + c;
        const float *in = d->in[ky] + c, *dy = d->dy + c;
        VEC even[5], odd[5];
        UNROLL
        for (int kx = 0; kx < kernel; kx++) {
            even[kx] = IN(to + kx * n);
            odd[kx] = (VEC){0};
        }
        int x = 0;
        for (; x + STEP <= d->out; x += STEP, in += STEP * stride * n, dy += STEP * n) {
            VEC g[STEP];
            UNROLL
            for (int p = 0; p < STEP; p++)
                g[p] = IN(dy + p * n);
            UNROLL
            for (int i = 0; i < (STEP - 1) * stride + kernel; i++) {
                const VEC value = IN(in + i * n);
                UNROLL
                for (int p = 0; p < STEP; p++) {
                    const int kx = i - p * stride;
                    if (kx >= 0 && kx < kernel) {
                        if (p % 2)
                            odd[kx] += value * g[p];
                        else
                            even[kx] += value * g[p];
                    }
                }
            }
        }
        for (; x < d->out; x++, in += stride * n, dy += n) {
            UNROLL
            for (int kx = 0; kx < kernel; kx++)
                even[kx] += IN(dy) * IN(in + kx * n);
        }
        UNROLL
        for (int kx = 0; kx < kernel; kx++)
            AT(to + kx * n) = even[kx] + odd[kx];
    }
}

static void LANED(depthwise_dweight)(const wn_depthwise_dweight *d)
{
    for (int ky = 0; ky < d->kernel; ky++) {
        if (d->kernel == 3 && d->stride == 1)
            LANED(dweight_row)(3, 1, d, ky);
        else if (d->kernel == 3)
            LANED(dweight_row)(3, 2, d, ky);
        else if (d->stride == 1)
            LANED(dweight_row)(5, 1, d, ky);
        else
            LANED(dweight_row)(5, 2, d, ky);
    }
}

/* Input pixel ix meets tap kx where ix + before - kx is even, at output pixel half of that. `pairs` times two
 * input pixels from ix on, the first of which meets taps 0, 2 .., and the second taps 1, 3 .. */
INLINE void LANED(dx2_pairs)(const int kernel, const int pairs, const wn_depthwise_dx2 *d, int ix)
{
    enum { REACH = 2, PAIRS = 4 };
    const int n = d->channels, half = kernel / 2;
    const ptrdiff_t ox = (ix + d->before) / 2;
    for (int c = 0; c < n; c += LANES) {
        VEC dx[2 * PAIRS];
        UNROLL
        for (int p = 0; p < 2 * pairs; p++)
            dx[p] = (VEC){0};
        for (int t = 0; t < d->taps; t++) {
            const float *weight = d->weight[t] + c, *from = d->dy[t] + (ox - half) * n + c;
            VEC dy[PAIRS + REACH];
            UNROLL
            for (int i = 0; i < pairs + half; i++)
                dy[i] = IN(from + i * n);
            UNROLL
            for (int i = 0; i <= half; i++) {
                const VEC w = IN(weight + 2 * i * n);
                UNROLL
                for (int p = 0; p < pairs; p++)
                    dx[2 * p] += w * dy[p + half - i];
            }
            UNROLL
            for (int i = 0; i < half; i++) {
                const VEC w = IN(weight + (2 * i + 1) * n);
                UNROLL
                for (int p = 0; p < pairs; p++)
                    dx[2 * p + 1] += w * dy[p + half - i];
            }
        }
        if (pairs > 1 || (ix >= 0 && ix + 2 <= d->in)) /* else half of the pair is outside */
            LANED(gate_relu6)(2 * pairs, 2 * pairs, d->gate, ix, c, dx, 1);
        else
            LANED(gate_relu6)(1, 1, d->gate, ix < 0 ? 0 : ix, c, &dx[ix < 0], 1);
    }
}

INLINE void LANED(dx2_row)(const int kernel, const wn_depthwise_dx2 *d)
{
    int ix = -(d->before % 2); /* a pair may begin before the row, or end behind it */
    if (ix < 0) {
        LANED(dx2_pairs)(kernel, 1, d, ix);
        ix += 2;
    }
    for (; ix + 8 <= d->in; ix += 8)
        LANED(dx2_pairs)(kernel, 4, d, ix);
    for (; ix < d->in; ix += 2)
        LANED(dx2_pairs)(kernel, 1, d, ix);
}

static void LANED(depthwise_dx2)(const wn_depthwise_dx2 *d)
{
    if (d->kernel == 3)
        LANED(dx2_row)(3, d);
    else
        LANED(dx2_row)(5, d);
}

#undef VEC
#undef MASK
#undef HALF
#undef BITS
#undef AT
#undef IN
