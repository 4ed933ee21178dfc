/* SPDX-License-Identifier: Apache-2.0
 * Scoring a photo: gather what a part looks at, and one pass over the part's tables. */
#include "scorer.h"
#include "vector.h"

#include <stdlib.h>

void wn_scorer_free(wn_scorer *scorer)
{
    for (int p = 0; p < scorer->parts; p++)
        for (int t = 0; t < WN_PART_TABLES; t++)
            free(scorer->part[p].table[t].data);
    *scorer = (wn_scorer){0};
}

int wn_scorer_scratch(const wn_scorer *scorer)
{
    int most = 0;
    for (int p = 0; p < scorer->parts; p++)
        most = scorer->part[p].dim > most ? scorer->part[p].dim : most;
    return most;
}

/* ---- raw scores, one a kind ---- */

/* The largest product with a row. */
static float highest(const wn_table *table, const float *x)
{
    float best = wn_dot(table->data, x, table->cols);
    for (int i = 1; i < table->rows; i++)
        best = fmaxf(best, wn_dot(table->data + (size_t)i * table->cols, x, table->cols));
    return best;
}

float wn_nearest_cosines(const wn_table *table, const float *x, int nearest)
{
    float best[WN_NEIGHBOURS]; /* descending */
    int found = 0;
    for (int i = 0; i < table->rows; i++) {
        float cosine = wn_dot(table->data + (size_t)i * table->cols, x, table->cols);
        if (found == nearest && cosine <= best[found - 1])
            continue;
        int at = found < nearest ? found++ : found - 1;
        for (; at > 0 && best[at - 1] < cosine; at--)
            best[at] = best[at - 1];
        best[at] = cosine;
    }
    float sum = 0;
    for (int i = 0; i < found; i++)
        sum += best[i];
    return found ? sum / found : 0;
}

/* Nearness to normals, minus that to look-alikes where there are any. */
static float knn(const wn_table *normals, const wn_table *learned, const wn_table *level, const float *x)
{
    float score = wn_nearest_cosines(normals, x, WN_NEIGHBOURS);
    if (learned->rows)
        score -= fmaxf(wn_nearest_cosines(learned, x, WN_LEARNED_NEIGHBOURS), level->data[0]);
    return score;
}

/* |W x - o|^2 / dim, W lower triangular (dim, dim), o = W mean. */
static float distance(const wn_table *whitening, const wn_table *offset, const float *x)
{
    float sum = 0;
    for (int i = 0; i < whitening->rows; i++) {
        float y = wn_dot(whitening->data + (size_t)i * whitening->cols, x, i + 1) - offset->data[i];
        sum += y * y;
    }
    return sum / whitening->rows;
}

static float raw_score(const wn_part *part, const float *x)
{
    const wn_table *table = part->table + 1;
    switch (part->spec.kind) {
    case WN_COSINE:
    case WN_DISCRIMINANT:
    case WN_LOGISTIC:
    case WN_PROTOTYPES:
        return highest(table, x);
    case WN_KNN:
        return knn(table, table + 1, table + 2, x);
    case WN_KNN_DIFFERENCE:
        return wn_nearest_cosines(table, x, WN_NEIGHBOURS) - wn_nearest_cosines(table + 1, x, WN_NEIGHBOURS);
    case WN_MAHALANOBIS:
        return -distance(table, table + 1, x);
    case WN_RELATIVE:
        return distance(table + 2, table + 3, x) - distance(table, table + 1, x);
    case WN_ARCFACE:
        return highest(table + 1, x) - highest(table, x);
    default:
        return 0;
    }
}

/* ---- x ---- */

void wn_part_input(const wn_part *part, const int dim[WN_FEATURES], const float *const feature[WN_FEATURES],
                   float *x)
{
    int at = 0;
    for (int f = 0; f < WN_FEATURES; f++)
        if (part->spec.features >> f & 1) {
            memcpy(x + at, feature[f], (size_t)dim[f] * sizeof *x);
            at += dim[f];
        }
    wn_normalise(x, at); /* features that were kept at half precision are of length 1 to 3 digits only */
    const wn_table *origin = part->table;
    if (origin->rows) {
        for (int i = 0; i < at; i++)
            x[i] -= origin->data[i];
        wn_normalise(x, at);
    }
}

float wn_part_score(const wn_part *part, const int dim[WN_FEATURES], const float *const feature[WN_FEATURES],
                    float *scratch)
{
    wn_part_input(part, dim, feature, scratch);
    return raw_score(part, scratch);
}

float wn_standard_score(const wn_scorer *scorer, const float *raw)
{
    float sum = 0;
    for (int p = 0; p < scorer->parts; p++)
        sum += (raw[p] - scorer->part[p].centre) / scorer->part[p].spread;
    return sum / scorer->parts;
}

float wn_scorer_score(const wn_scorer *scorer, const float *const feature[WN_FEATURES], float *scratch)
{
    float raw[WN_MAX_PARTS];
    for (int p = 0; p < scorer->parts; p++)
        raw[p] = wn_part_score(&scorer->part[p], scorer->dim, feature, scratch);
    return wn_standard_score(scorer, raw);
}
