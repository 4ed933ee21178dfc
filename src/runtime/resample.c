/* SPDX-License-Identifier: Apache-2.0
 * Two passes, each rounding to bytes. Columns first (the upright case): every input row is narrowed into a
 * ring that holds the rows of one output row, then the ring is summed. Rows first (the transposed case): the
 * input rows of one output row are summed, then that line is narrowed. Neither keeps a picture in between, so
 * scratch grows with the sides of the picture and not with its area; and a strip of columns at a time, so
 * that a huge picture needs little more.
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

/* Weights of one output, counted in the stored order -> weight[window], each repeated for `step` channels.
 * Returns the first input pixel of its window, which lies within [0, max(in, window / step)). */
static int fill_window(const wn_span *span, int output, int step, int window, int32_t *weight)
{
    const scaling s = scaling_of(span);
    const part p = part_of(&s, span->mirrored ? span->out - 1 - output : output);
    const int last = span->in > window / step ? span->in - window / step : 0;
    const int stored = span->mirrored ? span->in - p.first - p.count : p.first;
    const int first = stored < last ? stored : last;
    const double inverse = 1 / s.support;
    double sum = 0;
    for (int t = 0; t < p.count; t++)
        sum += triangle((t + p.first - p.centre + 0.5) * inverse);
    memset(weight, 0, (size_t)window * sizeof *weight);
    for (int t = 0; t < p.count; t++) {
        const double share = triangle((t + p.first - p.centre + 0.5) * inverse) / sum;
        const int at = stored - first + (span->mirrored ? p.count - 1 - t : t);
        for (int c = 0; c < step; c++)
            weight[at * step + c] = (int32_t)(0.5 + share * (1 << WN_WEIGHT_BITS));
    }
    return first;
}

/* ---- scratch ---- */

typedef struct arena {
    char *base; /* NULL: only measure */
    size_t used;
} arena;

enum { LINE = 64 };

static void *take(arena *a, size_t bytes)
{
    void *start = a->base ? a->base + a->used : NULL;
    a->used += (bytes + LINE - 1) / LINE * LINE;
    return start;
}

/* Weights grow with the picture and outputs with the network, so a huge picture is resized in strips of fewer
 * output columns, whose weights and rows fit into this many bytes. */
enum { STRIP = 256 << 10 };

/* The memory of a strip of up to `columns` output columns. */
typedef struct work {
    int columns, x_window, y_window;
    int32_t *first, *x_weight; /* of a strip's columns */
    int32_t *y_weight;         /* of one output row */
    const uint8_t **rows;      /* [y_window] */
    uint8_t *line;             /* what a strip needs of one input row, at least x_window samples */
    uint8_t *ring;             /* y_window narrowed rows */
} work;

/* Of a column: weights, what of a line they meet (windows of neighbours overlap), and its part of the ring.
 */
static size_t column_size(int x_window, int y_window, int step)
{
    return (size_t)x_window * (sizeof(int32_t) + 1) + (size_t)y_window * (size_t)step;
}

static work place(arena *a, int out_w, int x_taps, int y_taps, int step)
{
    work w = {.x_window = round_up(x_taps * step, wn_window_unit(step)), .y_window = y_taps};
    const size_t fit = STRIP / column_size(w.x_window, y_taps, step);
    w.columns = fit < 1 ? 1 : fit < (size_t)out_w ? (int)fit : out_w;
    const size_t samples = (size_t)w.columns * (size_t)w.x_window;
    w.first = take(a, (size_t)w.columns * sizeof *w.first);
    w.y_weight = take(a, (size_t)y_taps * sizeof *w.y_weight);
    w.rows = take(a, (size_t)y_taps * sizeof *w.rows);
    w.x_weight = take(a, samples * sizeof *w.x_weight);
    w.line = take(a, samples);
    w.ring = take(a, (size_t)y_taps * (size_t)w.columns * (size_t)step);
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
    const int y_taps = taps_bound(in_h, out_h);
    const size_t column = column_size(round_up(taps_bound(in_w, out_w), 24) * 4, y_taps, 4);
    const size_t all = (size_t)out_w * column, strip = column > STRIP ? column : STRIP;
    arena a = {0};
    take(&a, (size_t)out_w * sizeof(int32_t));
    take(&a, (size_t)y_taps * sizeof(int32_t));
    take(&a, (size_t)y_taps * sizeof(uint8_t *));
    take(&a, (all < strip ? all : strip) + 3 * LINE); /* what `place` rounds up */
    return a.used;
}

/* ---- passes ---- */

/* Output columns from `column` on, and the input pixels [begin, end) that they need. */
typedef struct strip {
    int column, begin, end;
    wn_axis x; /* from `begin` on */
} strip;

static strip strip_from(const wn_resize_job *job, const work *w, int column)
{
    const int left = job->x.out - column, out = left < w->columns ? left : w->columns;
    strip s = {.column = column,
               .begin = job->x.in,
               .x = {out, job->step, w->x_window, .first = w->first, .weight = w->x_weight}};
    for (int i = 0; i < out; i++) {
        const int first = fill_window(&job->x, column + i, job->step, w->x_window,
                                      w->x_weight + (ptrdiff_t)i * w->x_window);
        const int end = first + w->x_window / job->step;
        w->first[i] = first;
        s.begin = first < s.begin ? first : s.begin;
        s.end = end > s.end ? end : s.end;
    }
    s.end = s.end < job->x.in ? s.end : job->x.in;
    for (int i = 0; i < out; i++)
        w->first[i] -= s.begin;
    return s;
}

/* The row as the horizontal kernel wants it: composed, and at least one window long. */
static const uint8_t *prepare_row(const wn_resize_job *job, const work *w, const strip *s, int y)
{
    const uint8_t *row = job->in + job->stride * y + (ptrdiff_t)s->begin * job->step;
    const int width = s->end - s->begin;
    if (job->alpha && !wn_row_is_opaque(row, width))
        wn_compose_row(row, width, w->line);
    else if (width * job->step < w->x_window)
        memcpy(w->line, row, (size_t)(width * job->step));
    else
        return row;
    return w->line;
}

static void columns_first(const wn_resize_job *job, const work *w, const strip *s,
                          const wn_row_kernels *kernels)
{
    const int window = w->y_window;
    const size_t pitch = (size_t)s->x.out * (size_t)job->step;
    int next = 0; /* the first input row that is not in the ring */
    for (int i = 0; i < job->y.out; i++) {
        const int first = fill_window(&job->y, i, 1, window, w->y_weight);
        for (next = next < first ? first : next; next < first + window; next++)
            kernels->horizontal(&s->x, prepare_row(job, w, s, next), w->ring + next % window * pitch);
        for (int t = 0; t < window; t++)
            w->rows[t] = w->ring + (first + t) % window * pitch;
        kernels->vertical(w->rows, w->y_weight, window, (int)pitch, false,
                          job->out + job->out_stride * i + (ptrdiff_t)s->column * job->step);
    }
}

static void rows_first(const wn_resize_job *job, const work *w, const strip *s, const wn_row_kernels *kernels)
{
    const ptrdiff_t skip = (ptrdiff_t)s->begin * job->step;
    for (int i = 0; i < job->y.out; i++) {
        const int first = fill_window(&job->y, i, 1, w->y_window, w->y_weight);
        for (int t = 0; t < w->y_window; t++)
            w->rows[t] = job->in + job->stride * (first + t) + skip;
        kernels->vertical(w->rows, w->y_weight, w->y_window, (s->end - s->begin) * job->step, job->alpha,
                          w->line);
        kernels->horizontal(&s->x, w->line,
                            job->out + job->out_stride * i + (ptrdiff_t)s->column * job->step);
    }
}

void wn_resize_plane(const wn_resize_job *job, void *scratch)
{
    arena a = {scratch, 0};
    const work w = place(&a, job->x.out, count_taps(&job->x), count_taps(&job->y), job->step);
    const wn_row_kernels *kernels = job->kernels ? job->kernels : wn_row_kernels_best();
    /* What lies behind a short row has weight 0, but should not be uninitialised. */
    memset(w.line, 0, (size_t)w.x_window);
    for (int column = 0; column < job->x.out; column += w.columns) {
        const strip s = strip_from(job, &w, column);
        (job->columns_first ? columns_first : rows_first)(job, &w, &s, kernels);
    }
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
