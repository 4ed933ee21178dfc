/* SPDX-License-Identifier: Apache-2.0
 * Two passes, each rounding to bytes. Columns first (the upright case): every input row is narrowed into a
 * ring that holds the rows of one output row, then the ring is summed. Rows first (the transposed case): the
 * input rows of one output row are summed at full width, then that line is narrowed. Neither keeps a picture
 * in between, so scratch grows with the sides of the picture and not with its area.
 *
 * The triangle: output pixel i is centred at c = begin + (i + 1/2) * scale with scale = (end - begin) / out;
 * input pixel p weighs max(0, 1 - |p + 1/2 - c| / max(scale, 1)), and the weights of one output are scaled to
 * sum to 1. Doubles are computed in Pillow's order, so that the integer weights are Pillow's. */
#include "resample.h"

#include "resample_rows.h"

#include <math.h>
#include <string.h>

/* Doubles decide integers here: no fused operations, also where the build cannot say so (a Swift package). */
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

/* ---- weights ---- */

/* The input pixels [first, first + count) that have a part in output i of an axis that is not mirrored. */
typedef struct part {
    int first, count;
    double centre;
} part;

typedef struct scaling {
    double begin, scale, support; /* support: half the width of the triangle */
    int in;
} scaling;

static scaling scaling_of(const wn_span *span)
{
    const double begin = span->mirrored ? span->in - span->end : span->begin;
    const double end = span->mirrored ? span->in - span->begin : span->end;
    const double scale = (end - begin) / span->out;
    return (scaling){begin, scale, scale > 1 ? scale : 1, span->in};
}

static part part_of(const scaling *s, int i)
{
    const double centre = s->begin + (i + 0.5) * s->scale;
    int first = (int)(centre - s->support + 0.5), end = (int)(centre + s->support + 0.5);
    first = first < 0 ? 0 : first;
    end = end > s->in ? s->in : end;
    return (part){first, end - first, centre};
}

static double triangle(double x)
{
    x = fabs(x);
    return x < 1 ? 1 - x : 0;
}

/* The most input pixels that any output needs. */
static int count_taps(const wn_span *span)
{
    const scaling s = scaling_of(span);
    int most = 1;
    for (int i = 0; i < span->out; i++) {
        const int count = part_of(&s, i).count;
        most = count > most ? count : most;
    }
    return most;
}

static int round_up(int value, int unit)
{
    return (value + unit - 1) / unit * unit;
}

/* Fills axis->first and axis->weight in the stored order. Every window lies within [0, max(in, window)). */
static void fill_axis(const wn_span *span, wn_axis *axis)
{
    const scaling s = scaling_of(span);
    const int window = axis->window / axis->step;
    const int last = span->in > window ? span->in - window : 0;
    memset(axis->weight, 0, (size_t)axis->out * (size_t)axis->window * sizeof *axis->weight);
    for (int i = 0; i < axis->out; i++) {
        const part p = part_of(&s, i);
        const int to = span->mirrored ? axis->out - 1 - i : i;
        const int stored = span->mirrored ? span->in - p.first - p.count : p.first;
        const int first = stored < last ? stored : last;
        const double inverse = 1 / s.support;
        double sum = 0;
        for (int t = 0; t < p.count; t++)
            sum += triangle((t + p.first - p.centre + 0.5) * inverse);
        int32_t *weight = axis->weight + (ptrdiff_t)to * axis->window;
        axis->first[to] = first;
        for (int t = 0; t < p.count; t++) {
            const double share = triangle((t + p.first - p.centre + 0.5) * inverse) / sum;
            const int at = stored - first + (span->mirrored ? p.count - 1 - t : t);
            for (int c = 0; c < axis->step; c++)
                weight[at * axis->step + c] = (int32_t)(0.5 + share * (1 << WN_WEIGHT_BITS));
        }
    }
}

/* ---- scratch ---- */

typedef struct arena {
    char *base; /* NULL: only measure */
    size_t used;
} arena;

static void *take(arena *a, size_t bytes)
{
    void *start = a->base ? a->base + a->used : NULL;
    a->used += (bytes + 63) / 64 * 64;
    return start;
}

typedef struct work {
    wn_axis x, y;
    const uint8_t **rows; /* [y.window] */
    uint8_t *line;        /* one input row, at least x.window samples long */
    uint8_t *ring;        /* [y.window] narrowed rows of `pitch` bytes */
    size_t pitch;
} work;

static void place_axis(arena *a, wn_axis *axis, int out, int step, int window)
{
    *axis = (wn_axis){.out = out, .step = step, .window = window};
    axis->first = take(a, (size_t)out * sizeof *axis->first);
    axis->weight = take(a, (size_t)out * (size_t)window * sizeof *axis->weight);
}

static work place(arena *a, int in_w, int out_w, int x_taps, int out_h, int y_taps, int step)
{
    work w;
    place_axis(a, &w.x, out_w, step, round_up(x_taps * step, wn_window_unit(step)));
    place_axis(a, &w.y, out_h, 1, y_taps);
    const int line = in_w * step > w.x.window ? in_w * step : w.x.window;
    w.pitch = (size_t)out_w * (size_t)step;
    w.rows = take(a, (size_t)y_taps * sizeof *w.rows);
    w.line = take(a, (size_t)line);
    w.ring = take(a, (size_t)y_taps * w.pitch);
    return w;
}

/* No output needs more: the triangle is two supports wide, and its ends may each touch one pixel more. */
static int taps_bound(int in, int out)
{
    const int bound = in > out ? 2 * ((in + out - 1) / out) + 1 : 3;
    return bound < in ? bound : in;
}

size_t wn_resize_scratch(int in_w, int in_h, int out_w, int out_h)
{
    arena a = {0};
    place(&a, in_w, out_w, round_up(taps_bound(in_w, out_w), 24), out_h, taps_bound(in_h, out_h), 4);
    return a.used;
}

/* ---- passes ---- */

/* The row as the horizontal kernel wants it: composed, and at least one window long. */
static const uint8_t *prepare_row(const wn_resize_job *job, const work *w, const uint8_t *row)
{
    const int width = job->x.in;
    if (job->alpha && !wn_row_is_opaque(row, width))
        wn_compose_row(row, width, w->line);
    else if (width * job->step < w->x.window)
        memcpy(w->line, row, (size_t)(width * job->step));
    else
        return row;
    return w->line;
}

static void columns_first(const wn_resize_job *job, const work *w, const wn_row_kernels *kernels)
{
    const int window = w->y.window;
    int next = 0; /* the first input row that is not in the ring */
    for (int i = 0; i < w->y.out; i++) {
        const int first = w->y.first[i];
        for (next = next < first ? first : next; next < first + window; next++) {
            const uint8_t *row = prepare_row(job, w, job->in + job->stride * next);
            kernels->horizontal(&w->x, row, w->ring + (size_t)(next % window) * w->pitch);
        }
        for (int t = 0; t < window; t++)
            w->rows[t] = w->ring + (size_t)((first + t) % window) * w->pitch;
        kernels->vertical(w->rows, w->y.weight + (ptrdiff_t)i * window, window, (int)w->pitch, false,
                          job->out + job->out_stride * i);
    }
}

static void rows_first(const wn_resize_job *job, const work *w, const wn_row_kernels *kernels)
{
    /* Only the columns that some window looks at. */
    const int window = w->x.window / job->step;
    int begin = job->x.in, end = 0;
    for (int i = 0; i < w->x.out; i++) {
        begin = w->x.first[i] < begin ? w->x.first[i] : begin;
        end = w->x.first[i] + window > end ? w->x.first[i] + window : end;
    }
    end = end < job->x.in ? end : job->x.in;
    const ptrdiff_t skip = (ptrdiff_t)begin * job->step;
    for (int i = 0; i < w->y.out; i++) {
        for (int t = 0; t < w->y.window; t++)
            w->rows[t] = job->in + job->stride * (w->y.first[i] + t) + skip;
        kernels->vertical(w->rows, w->y.weight + (ptrdiff_t)i * w->y.window, w->y.window,
                          (end - begin) * job->step, job->alpha, w->line + skip);
        kernels->horizontal(&w->x, w->line, job->out + job->out_stride * i);
    }
}

void wn_resize_plane(const wn_resize_job *job, void *scratch)
{
    arena a = {scratch, 0};
    work w =
        place(&a, job->x.in, job->x.out, count_taps(&job->x), job->y.out, count_taps(&job->y), job->step);
    const wn_row_kernels kernels = wn_row_kernels_best();
    fill_axis(&job->x, &w.x);
    fill_axis(&job->y, &w.y);
    /* What lies behind a short row has weight 0, but should not be uninitialised. */
    memset(w.line, 0, (size_t)w.x.window);
    if (job->columns_first)
        columns_first(job, &w, &kernels);
    else
        rows_first(job, &w, &kernels);
}

void wn_resize_rgb(const uint8_t *in, ptrdiff_t in_stride, int in_w, int in_h, double x, double y, double w,
                   double h, uint8_t *out, ptrdiff_t out_stride, int out_w, int out_h, void *scratch)
{
    const wn_resize_job job = {
        .in = in,
        .stride = in_stride,
        .step = 3,
        .columns_first = true,
        .x = {in_w, x, x + w, out_w, false},
        .y = {in_h, y, y + h, out_h, false},
        .out = out,
        .out_stride = out_stride,
    };
    wn_resize_plane(&job, scratch);
}
