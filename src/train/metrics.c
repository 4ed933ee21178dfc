/* SPDX-License-Identifier: Apache-2.0
 * All counts are exact integers; ratios are taken last. The ROC curve comes from one sweep over the scores of
 * both kinds from high to low, a step at each distinct score. */
#include "metrics.h"
#include "../runtime/beta.h"

#include <math.h>
#include <stdlib.h>

typedef struct labelled {
    float score;
    int normal;
} labelled;

static int descending(const void *a, const void *b)
{
    float x = ((const labelled *)a)->score, y = ((const labelled *)b)->score;
    return (x < y) - (x > y);
}

static int ascending(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void sweep(const labelled *sorted, size_t count, size_t normals, size_t abnormals, wn_roc *roc)
{
    size_t accepted[2] = {0, 0}; /* abnormal, normal */
    double twice_area = 0;
    roc->point[roc->count++] = (wn_roc_point){.threshold = INFINITY};
    for (size_t i = 0; i < count;) {
        size_t tied[2] = {0, 0};
        float threshold = sorted[i].score;
        for (; i < count && sorted[i].score == threshold; i++)
            tied[sorted[i].normal]++;
        twice_area += (double)tied[0] * (double)(2 * accepted[1] + tied[1]);
        accepted[0] += tied[0];
        accepted[1] += tied[1];
        wn_roc_point point = {threshold, (double)accepted[1] / normals, (double)accepted[0] / abnormals};
        roc->point[roc->count++] = point;
    }
    roc->auroc = twice_area / 2 / normals / abnormals;
    roc->fpr_at_95_tpr = 1;
    for (size_t i = 0; i < roc->count; i++)
        if (roc->point[i].tpr >= 0.95) {
            roc->fpr_at_95_tpr = roc->point[i].fpr;
            break;
        }
}

winnow_status wn_roc_create(const float *normal, size_t normals, const float *abnormal, size_t abnormals,
                            wn_roc *roc, winnow_error *error)
{
    *roc = (wn_roc){0};
    if (!normals || !abnormals)
        return wn_fail(error, WINNOW_ERROR_DATA, -1,
                       "a ROC curve needs scores of normals and of abnormals (there are %zu and %zu)",
                       normals, abnormals);
    size_t count = normals + abnormals;
    labelled *sorted = calloc(count, sizeof *sorted);
    roc->point = calloc(count + 1, sizeof *roc->point);
    if (!sorted || !roc->point) {
        free(sorted);
        wn_roc_free(roc);
        return wn_fail_memory(error);
    }
    for (size_t i = 0; i < count; i++)
        sorted[i] = i < normals ? (labelled){normal[i], 1} : (labelled){abnormal[i - normals], 0};
    qsort(sorted, count, sizeof *sorted, descending);
    sweep(sorted, count, normals, abnormals, roc);
    free(sorted);
    return WINNOW_OK;
}

void wn_roc_free(wn_roc *roc)
{
    free(roc->point);
    *roc = (wn_roc){0};
}

wn_interval wn_rate_interval(size_t hits, size_t count, double confidence)
{
    double tail = (1 - confidence) / 2;
    wn_interval interval = {0, 1};
    if (hits > 0)
        interval.low = wn_beta_quantile(hits, count - hits + 1, tail);
    if (hits < count)
        interval.high = wn_beta_quantile(hits + 1, count - hits, 1 - tail);
    return interval;
}

/* P(D+ >= d) of two samples of one distribution, without ties: the share of the lattice paths from (0, 0) to
 * (m, n) that touch a point (i, j) with i/m - j/n >= d. hit[j] is that share of the paths to (i, j), whose
 * last step raised i in i of i + j. Where there are too many points, the bound to which it tends from below.
 */
static double smirnov_tail(double d, size_t n, size_t m)
{
    const double most_points = 2e7;
    if (d <= 0)
        return 1;
    double *hit = (double)n * (double)m > most_points ? NULL : calloc(n + 1, sizeof *hit);
    if (!hit)
        return exp(-2 * d * d * (double)n * (double)m / (double)(n + m));
    for (size_t i = 1; i <= m; i++)
        for (size_t j = 0; j <= n; j++)
            if ((double)i / (double)m - (double)j / (double)n >= d)
                hit[j] = 1;
            else if (j)
                hit[j] = ((double)i * hit[j] + (double)j * hit[j - 1]) / (double)(i + j);
    const double tail = hit[n];
    free(hit);
    return tail;
}

double wn_smirnov_lean_low(float *p, size_t count, size_t sources, size_t calibrated, double *significance)
{
    const double rounding = 1e-6; /* of the p-values, which are float32 */
    double most = 0;
    qsort(p, count, sizeof *p, ascending);
    for (size_t i = 0; i < count; i++) {
        const double below = ((double)p[i] * ((double)calibrated + 1) - 1) / (double)calibrated;
        most = fmax(most, (double)(i + 1) / (double)count - below);
    }
    *significance = count ? smirnov_tail(most - rounding, calibrated, sources) : 1;
    return most;
}

double wn_explained_rate(int calibrated, wn_promise promise)
{
    const int rank = wn_calibration_rank(calibrated, promise);
    return fmax(promise.false_reject, rank > 0 ? wn_beta_quantile(rank, calibrated + 1.0 - rank, 0.975) : 1);
}
