/* SPDX-License-Identifier: Apache-2.0
 * Kernels whose channels come in whole vectors. Included by fp32.h once with LANES = WIDTH, and once more
 * with 8 lanes where registers are wider than that. */
#define VEC  LANED(vec)
#define MASK LANED(mask)
typedef float VEC __attribute__((vector_size(LANES * sizeof(float)), aligned(4), may_alias));
typedef int MASK __attribute__((vector_size(LANES * sizeof(float)), aligned(4), may_alias));
#define AT(pointer) (*(VEC *)(pointer))
#define IN(pointer) (*(const VEC *)(pointer))

/* ---- gate ---- */

INLINE void LANED(gate_rows)(const bool gated, const int rows, const wn_gate *g, size_t row)
{
    const int n = g->channels;
    const size_t start = row * g->ldz;
    const float *dx = g->dx + row * g->lddx, *z = g->z + start;
    for (int c = 0; c < n; c += LANES) {
        VEC sum = IN(g->sum + c), along = IN(g->along + c);
        const VEC mean = IN(g->mean + c);
        UNROLL for (int r = 0; r < rows; r++)
        {
            const size_t at = r * g->ldz + c;
            const VEC value = IN(z + at);
            VEC dy = IN(dx + r * g->lddx + c);
            if (gated) {
                const VEC y = value * IN(g->scale + c) + IN(g->offset + c);
                dy = (VEC)((MASK)dy & (y > 0) & (y < 6));
            }
            if (g->add)
                dy += IN(g->add + start + at);
            AT(g->dy + start + at) = dy;
            sum += dy;
            along += dy * (value - mean);
        }
        AT(g->sum + c) = sum;
        AT(g->along + c) = along;
    }
}

static void LANED(gate_gradient)(const wn_gate *g)
{
    size_t row = 0;
    for (; g->scale && row + 4 <= g->rows; row += 4)
        LANED(gate_rows)(true, 4, g, row);
    for (; g->scale && row < g->rows; row++)
        LANED(gate_rows)(true, 1, g, row);
    for (; row + 4 <= g->rows; row += 4)
        LANED(gate_rows)(false, 4, g, row);
    for (; row < g->rows; row++)
        LANED(gate_rows)(false, 1, g, row);
}

/* ---- depthwise ---- */

/* `pixels` neighbours of an output row. An input value is loaded once and meets every output it belongs to.
 */
INLINE void LANED(depthwise_tile)(const int kernel, const int stride, const int pixels,
                                  const wn_depthwise_row *d, int x)
{
    const int n = d->channels;
    for (int c = 0; c < n; c += LANES) {
        VEC out[PIXELS];
        UNROLL for (int p = 0; p < pixels; p++) out[p] = (VEC){0};
        for (int ky = 0; ky < kernel; ky++) {
            const float *in = d->in[ky] + (size_t)x * stride * n + c;
            VEC w[5];
            UNROLL for (int kx = 0; kx < kernel; kx++) w[kx] = IN(d->weight + (ky * kernel + kx) * n + c);
            UNROLL for (int i = 0; i < (pixels - 1) * stride + kernel; i++)
            {
                const VEC value = IN(in + i * n);
                UNROLL for (int p = 0; p < pixels; p++)
                {
                    if (i >= p * stride && i < p * stride + kernel)
                        out[p] += value * w[i - p * stride];
                }
            }
        }
        float *y = d->y + (size_t)x * n + c;
        UNROLL for (int p = 0; p < pixels; p++) AT(y + p * n) = out[p];
        if (d->shift) {
            const VEC shift = IN(d->shift + c);
            VEC sum = IN(d->sum + c), square = IN(d->square + c);
            UNROLL for (int p = 0; p < pixels; p++)
            {
                const VEC away = out[p] - shift;
                sum += away;
                square += away * away;
            }
            AT(d->sum + c) = sum;
            AT(d->square + c) = square;
        }
    }
}

INLINE void LANED(depthwise_row)(const int kernel, const int stride, const wn_depthwise_row *d)
{
    int x = 0;
    for (; x + PIXELS <= d->out; x += PIXELS)
        LANED(depthwise_tile)(kernel, stride, PIXELS, d, x);
    for (; x < d->out; x++)
        LANED(depthwise_tile)(kernel, stride, 1, d, x);
}

static void LANED(depthwise)(const wn_depthwise_row *d)
{
    if (d->kernel == 3 && d->stride == 1)
        LANED(depthwise_row)(3, 1, d);
    else if (d->kernel == 3)
        LANED(depthwise_row)(3, 2, d);
    else if (d->stride == 1)
        LANED(depthwise_row)(5, 1, d);
    else
        LANED(depthwise_row)(5, 2, d);
}

/* One row of the kernel: its taps' gradients stay in registers along the output row. */
INLINE void LANED(dweight_row)(const int kernel, const wn_depthwise_dweight *d, int ky)
{
    const size_t n = d->channels, step = n * d->stride;
    for (size_t c = 0; c < n; c += LANES) {
        float *to = d->dweight + ky * kernel * n + c;
        const float *in = d->in[ky] + c, *dy = d->dy + c;
        VEC even[5], odd[5]; /* two sums, as one would wait for itself */
        UNROLL for (int kx = 0; kx < kernel; kx++)
        {
            even[kx] = IN(to + kx * n);
            odd[kx] = (VEC){0};
        }
        int x = 0;
        for (; x + 2 <= d->out; x += 2, in += 2 * step, dy += 2 * n) {
            const VEC a = IN(dy), b = IN(dy + n);
            UNROLL for (int kx = 0; kx < kernel; kx++)
            {
                even[kx] += a * IN(in + kx * n);
                odd[kx] += b * IN(in + step + kx * n);
            }
        }
        if (x < d->out)
            UNROLL for (int kx = 0; kx < kernel; kx++) even[kx] += IN(dy) * IN(in + kx * n);
        UNROLL for (int kx = 0; kx < kernel; kx++) AT(to + kx * n) = even[kx] + odd[kx];
    }
}

static void LANED(depthwise_dweight)(const wn_depthwise_dweight *d)
{
    for (int ky = 0; ky < d->kernel; ky++) {
        if (d->kernel == 3)
            LANED(dweight_row)(3, d, ky);
        else
            LANED(dweight_row)(5, d, ky);
    }
}

/* Input pixel ix meets tap kx where ix + before - kx is even, at output pixel half of that. */
INLINE void LANED(dx2_pixel)(const int kernel, const wn_depthwise_dx2 *d, int ix)
{
    const int n = d->channels, odd = (ix + d->before) % 2, ox = (ix + d->before - odd) / 2;
    for (int c = 0; c < n; c += LANES) {
        VEC sum = {0};
        for (int t = 0; t < d->taps; t++)
            for (int i = 0; i < kernel / 2 + 1 - odd; i++)
                sum += IN(d->weight[t] + (odd + 2 * i) * n + c) * IN(d->dy[t] + (ptrdiff_t)(ox - i) * n + c);
        AT(d->dx + (size_t)ix * n + c) = sum;
    }
}

static void LANED(depthwise_dx2)(const wn_depthwise_dx2 *d)
{
    for (int ix = 0; ix < d->in; ix++) {
        if (d->kernel == 3)
            LANED(dx2_pixel)(3, d, ix);
        else
            LANED(dx2_pixel)(5, d, ix);
    }
}

#undef VEC
#undef MASK
#undef AT
#undef IN
