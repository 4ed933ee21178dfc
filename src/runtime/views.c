/* SPDX-License-Identifier: Apache-2.0 */
#include "views.h"
#include "vector.h"

#include <math.h>

/* ---- looks ---- */

static void sum_cells(const uint8_t *rgb, int size, float *cell)
{
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) {
            float *to = cell + 3 * (y * WN_LOOK_SIDE / size * WN_LOOK_SIDE + x * WN_LOOK_SIDE / size);
            for (int c = 0; c < 3; c++)
                to[c] += *rgb++;
        }
}

void wn_look_at(const uint8_t *rgb, int size, wn_look *look)
{
    *look = (wn_look){.contrast = 0};
    sum_cells(rgb, size, look->cell);
    const float pixels = (float)size * (float)size;
    float mean[3] = {0}, squares = 0;
    for (int i = 0; i < WN_LOOK_SIZE; i++)
        mean[i % 3] += look->cell[i] / pixels;
    for (int i = 0; i < WN_LOOK_SIZE; i++) {
        look->cell[i] = look->cell[i] * (WN_LOOK_SIDE * WN_LOOK_SIDE) / pixels - mean[i % 3];
        squares += look->cell[i] * look->cell[i];
    }
    look->contrast = sqrtf(squares / WN_LOOK_SIZE);
}

static bool same_look(const wn_look *a, const wn_look *b)
{
    if (a->contrast < 0 || b->contrast < 0)
        return false;
    const float limit = WN_VIEW_LOOK * fmaxf(WN_VIEW_FLAT, fmaxf(a->contrast, b->contrast));
    float squares = 0;
    for (int i = 0; i < WN_LOOK_SIZE; i++)
        squares += (a->cell[i] - b->cell[i]) * (a->cell[i] - b->cell[i]);
    return squares < limit * limit * WN_LOOK_SIZE;
}

/* ---- features ---- */

typedef struct rows {
    const float *x; /* unit rows */
    int dim;
} rows;

/* The deepest feature that is kept. */
static rows deepest(const wn_samples *samples)
{
    int f = 0;
    while (f < WN_FEATURES - 1 && !samples->dim[f])
        f++;
    return (rows){samples->feature[f], samples->dim[f]};
}

static float cosine(const rows *r, int i, int j)
{
    return wn_dot(r->x + (size_t)i * (size_t)r->dim, r->x + (size_t)j * (size_t)r->dim, r->dim);
}

static bool is_normal(const wn_samples *samples, int i)
{
    return samples->label[i] != WN_ABNORMAL;
}

/* Mean of 1 - cosine over all pairs of different normals: the squared length of a sum of unit rows holds each
 * pair twice. */
static float spread(const wn_samples *samples, const rows *r, int first)
{
    double length = 0, count = 0;
    for (int i = first; i < samples->count; i++)
        count += is_normal(samples, i);
    for (int k = 0; k < r->dim; k++) {
        double sum = 0;
        for (int i = first; i < samples->count; i++)
            sum += is_normal(samples, i) ? r->x[(size_t)i * (size_t)r->dim + (size_t)k] : 0;
        length += sum * sum;
    }
    return count < 2 ? 0 : (float)(1 - (length - count) / (count * (count - 1)));
}

int wn_count_views(const wn_samples *samples, int first, const wn_look *look, int most, unsigned char *view)
{
    const rows r = deepest(samples);
    const float close = 1 - WN_VIEW_SPREAD * spread(samples, &r, first);
    int views = 0;
    for (int i = first; i < samples->count && views < most; i++) {
        bool own = true;
        for (int j = first; is_normal(samples, i) && j < i && own; j++)
            own = !is_normal(samples, j) || !view[j - first] ||
                  !(same_look(&look[i - first], &look[j - first]) || cosine(&r, i, j) > close);
        view[i - first] = own;
        views += own && is_normal(samples, i);
    }
    return views;
}
