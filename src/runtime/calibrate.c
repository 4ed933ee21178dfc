/* SPDX-License-Identifier: Apache-2.0
 * Every calibration score carries a weight, and so does the photo that is to be judged, whose score counts as
 * the lowest: 1/(n+1) each, or, over groups, 1/((G+1) n_g) and 1/(G+1). p(s) is the judged photo's weight
 * plus the weight of the scores <= s, and a photo is rejected when p <= a. */
#include "calibrate.h"
#include "beta.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct weighted {
    float score;
    double p; /* first the weight, then the p-value at this score */
} weighted;

static int ascending(const void *a, const void *b)
{
    float x = ((const weighted *)a)->score, y = ((const weighted *)b)->score;
    return (x > y) - (x < y);
}

/* 0.05 * 20 must count as 1. */
static int floor_safely(double value)
{
    return (int)floor(value + 1e-9);
}

int wn_calibration_rank(int n, wn_promise promise)
{
    double a = promise.false_reject;
    int rank = floor_safely(a * (n + 1.0));
    if (promise.confidence > 0)
        while (rank > 0 && wn_beta_cdf(rank, n + 1.0 - rank, a) < promise.confidence)
            rank--;
    return rank;
}

int wn_calibration_needed(wn_promise promise)
{
    int n = (int)fmin(1e9, ceil(1 / promise.false_reject - 1 - 1e-9));
    if (promise.confidence > 0)
        n = (int)fmin(1e9, ceil(log1p(-promise.confidence) / log1p(-promise.false_reject) - 1e-9));
    return n;
}

int wn_calibration_groups_needed(wn_promise promise)
{
    return wn_calibration_needed((wn_promise){promise.false_reject, 0});
}

static winnow_status refuse(int count, wn_promise promise, winnow_error *error)
{
    int needed = wn_calibration_needed(promise);
    if (promise.confidence > 0)
        return wn_fail(
            error, WINNOW_ERROR_DATA, -1,
            "%d normal photos cannot carry a false-reject rate of %g%% at %g%% confidence: it takes "
            "%d; add %d, or ask for a higher rate",
            count, promise.false_reject * 100, promise.confidence * 100, needed, needed - count);
    char instead[64] = "";
    if (count > 1) /* a promise is below 50% */
        snprintf(instead, sizeof instead, ", or ask for %.3g%% or more", 100 / (count + 1.0));
    return wn_fail(error, WINNOW_ERROR_DATA, -1,
                   "%d normal photos cannot carry a false-reject rate of %g%%: it takes %d; add %d%s", count,
                   promise.false_reject * 100, needed, needed - count, instead);
}

/* Sizes of the groups, by id; *groups is how many have any photo. NULL on out of memory. */
static int *group_sizes(const int *group, int count, int *groups)
{
    int ids = 1;
    for (int i = 0; i < count && group; i++)
        ids = group[i] >= ids ? group[i] + 1 : ids;
    int *size = calloc((size_t)ids, sizeof *size);
    *groups = 0;
    for (int i = 0; i < count && size; i++) {
        int id = group ? group[i] : 0;
        *groups += size[id]++ == 0;
    }
    return size;
}

/* What equals a calibration score must not fall below it because another build, batch or runtime rounds
 * otherwise. Lower steps only raise p-values, so the promise stands. */
static float just_below(float score)
{
    return score - WN_CALIBRATION_ROUNDING * (1 + fabsf(score));
}

/* Sorts, sums weights to p-values (equal scores share the highest), lowers each step by the rounding. */
static void accumulate(weighted *sorted, int count, double own)
{
    qsort(sorted, (size_t)count, sizeof *sorted, ascending);
    double p = own;
    for (int i = 0; i < count; i++) {
        sorted[i].p = p += sorted[i].p;
        sorted[i].score = just_below(sorted[i].score);
    }
    for (int i = count - 2; i >= 0; i--)
        if (sorted[i].score == sorted[i + 1].score)
            sorted[i].p = sorted[i + 1].p;
}

/* The lowest score whose p-value is above `rate`: what lies below it is rejected. The lowest of all where
 * even that is, because a photo below every calibration score still has p = own > rate. */
static float threshold_at(const weighted *sorted, int count, double rate)
{
    for (int i = 0; i < count; i++)
        if (sorted[i].p > rate * (1 + 1e-9))
            return sorted[i].score;
    return sorted[count - 1].score;
}

/* Keeps at most WN_CALIBRATION_KNOTS steps. A dropped step hands its p-value down to the kept one below it,
 * so p-values only grow and stay valid. */
static winnow_status keep_knots(const weighted *sorted, int count, wn_calibration *out, winnow_error *error)
{
    int knots = count < WN_CALIBRATION_KNOTS ? count : WN_CALIBRATION_KNOTS;
    out->score = calloc((size_t)knots, sizeof *out->score);
    out->p = calloc((size_t)knots, sizeof *out->p);
    if (!out->score || !out->p) {
        wn_calibration_free(out);
        return wn_fail_memory(error);
    }
    for (int j = 0; j < knots; j++) {
        int first = (int)((int64_t)j * count / knots), next = (int)((int64_t)(j + 1) * count / knots);
        out->score[j] = sorted[first].score;
        out->p[j] = (float)fmin(1, sorted[next - 1].p);
    }
    out->knots = knots;
    return WINNOW_OK;
}

winnow_status wn_calibrate(const float *score, const int *group, int count, wn_promise promise,
                           wn_calibration *calibration, winnow_error *error)
{
    *calibration = (wn_calibration){.promise = promise, .count = count};
    if (!(promise.false_reject > 0 && promise.false_reject < 0.5) || !(promise.confidence >= 0) ||
        promise.confidence >= 1)
        return wn_fail(error, WINNOW_ERROR_ARGUMENT, -1,
                       "a false-reject rate must lie between 0 and 50%%, a confidence between 0 and 100%%");
    int rank = wn_calibration_rank(count, promise);
    if (rank < 1)
        return refuse(count, promise, error);
    weighted *sorted = calloc((size_t)count, sizeof *sorted);
    int *size = group_sizes(group, count, &calibration->groups);
    winnow_status status = WINNOW_OK;
    if (!sorted || !size)
        status = wn_fail_memory(error);
    int groups = calibration->groups;
    calibration->over_groups = promise.confidence <= 0 && groups >= wn_calibration_groups_needed(promise);
    double own = 1 / (1.0 + (calibration->over_groups ? groups : count));
    for (int i = 0; i < count && !status; i++) {
        if (!isfinite(score[i]))
            status = wn_fail(error, WINNOW_ERROR_DATA, -1, "calibration score %d is not a finite number", i);
        sorted[i] = (weighted){score[i], calibration->over_groups ? own / size[group[i]] : own};
    }
    if (!status) {
        accumulate(sorted, count, own);
        double rate = calibration->over_groups ? promise.false_reject : rank / (count + 1.0);
        calibration->threshold = threshold_at(sorted, count, rate);
        calibration->unsure = threshold_at(sorted, count, promise.false_reject / WN_UNSURE_DIVISOR);
        if (calibration->unsure > calibration->threshold)
            calibration->unsure = calibration->threshold;
        calibration->least_p = (float)own;
        status = keep_knots(sorted, count, calibration, error);
    }
    free(sorted);
    free(size);
    return status;
}

void wn_calibration_free(wn_calibration *calibration)
{
    free(calibration->score);
    free(calibration->p);
    calibration->score = calibration->p = NULL;
    calibration->knots = 0;
}

float wn_calibration_p_value(const wn_calibration *calibration, float score)
{
    int low = 0, high = calibration->knots; /* how many knots are <= score */
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (calibration->score[middle] <= score)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? calibration->p[low - 1] : calibration->least_p;
}

winnow_verdict wn_calibration_verdict(const wn_calibration *calibration, float score)
{
    if (score >= calibration->threshold)
        return WINNOW_NORMAL;
    return score >= calibration->unsure ? WINNOW_UNSURE : WINNOW_ABNORMAL;
}

/* The score of the middle calibration photo. */
static float median_score(const wn_calibration *calibration)
{
    int knot = 0;
    while (knot + 1 < calibration->knots && calibration->p[knot] < 0.5f)
        knot++;
    return calibration->score[knot];
}

wn_gauge_scale wn_calibration_gauge_scale(const wn_calibration *calibration)
{
    const float threshold = calibration->threshold;
    const float least = WN_CALIBRATION_ROUNDING * (1 + fabsf(threshold));
    return (wn_gauge_scale){.p_value = wn_calibration_p_value(calibration, threshold),
                            .spread = fmaxf(median_score(calibration) - threshold, least)};
}

/* Below the threshold p-values soon have no finer steps: with 19 photos none is under 0.05. The score has. */
float wn_calibration_gauge(const wn_calibration *calibration, float score, float p)
{
    const float threshold = calibration->threshold;
    const wn_gauge_scale scale = wn_calibration_gauge_scale(calibration);
    const float by_p = p / (p + scale.p_value);
    if (score >= threshold)
        return fmaxf(by_p, 0.5f);
    return fminf(fminf(by_p, 0.5f), 0.5f * expf((score - threshold) / scale.spread));
}
