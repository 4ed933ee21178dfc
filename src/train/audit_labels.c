/* SPDX-License-Identifier: Apache-2.0
 * Which photos were put into the wrong folder: those that a regression of their folder against the others,
 * fitted without them, takes for the others'. Nearness alone does not find them: a handful that were mistaken
 * together are near to each other. */
#include "audit.h"

#include "../runtime/logistic.h"
#include "../runtime/vector.h"

#include <math.h>
#include <stdlib.h>

enum {
    FOLDS = 5,
    BLOCK = 5,       /* photos in a row that share a fold: a burst */
    MOST_ROWS = 1500 /* of each side that a regression is fitted to: an even share of more */
};

typedef struct labelled {
    const float *feature;
    const int *label;
    const wn_audit_photo *photo;
    size_t count;
    int dim;
    int *fold; /* [count]; -1: cannot be read */
    float scale;
    float *doubt;
    winnow_status *status; /* [labels * FOLDS] */
} labelled;

/* Blocks of photos are dealt to the folds, label by label, and what looks the same follows the first of it.
 */
static void deal(labelled *l, int labels)
{
    for (int k = 0; k < labels; k++) {
        int at = 0;
        for (size_t i = 0; i < l->count; i++)
            if (l->label[i] == k)
                l->fold[i] = l->photo[i].readable ? at++ / BLOCK % FOLDS : -1;
    }
    for (size_t i = 0; i < l->count; i++)
        for (size_t j = i + 1; j < l->count && l->fold[i] >= 0; j++)
            if (l->fold[j] >= 0 && wn_audit_same(&l->photo[i], &l->photo[j]))
                l->fold[j] = l->fold[i];
}

/* Mean over the features of their standard deviation; what the penalty is relative to. */
static float mean_deviation(const labelled *l)
{
    double sum = 0;
    for (int j = 0; j < l->dim; j++) {
        double mean = 0, square = 0;
        size_t rows = 0;
        for (size_t i = 0; i < l->count; i++)
            if (l->fold[i] >= 0) {
                const double x = (double)l->feature[i * (size_t)l->dim + (size_t)j];
                mean += x;
                square += x * x;
                rows++;
            }
        mean /= rows ? (double)rows : 1;
        sum += sqrt(fmax(0, square / (rows ? (double)rows : 1) - mean * mean));
    }
    return (float)(sum / l->dim);
}

/* Whether row i is fitted to where a fold is left out. */
static bool takes_part(const labelled *l, size_t i, int fold)
{
    return l->fold[i] >= 0 && l->fold[i] != fold;
}

/* Gathers x (*, dim), sign and weight, both sides weighing the same. Returns the rows; 0 where a side has
 * none. */
static int gather(const labelled *l, int label, int fold, float *x, float *sign, float *weight)
{
    size_t side[2] = {0, 0}, seen[2] = {0, 0}, taken[2] = {0, 0};
    int rows = 0;
    for (size_t i = 0; i < l->count; i++)
        if (takes_part(l, i, fold))
            side[l->label[i] == label]++;
    for (size_t i = 0; i < l->count; i++) {
        const int own = l->label[i] == label;
        if (!takes_part(l, i, fold))
            continue;
        const size_t most = side[own] < MOST_ROWS ? side[own] : MOST_ROWS;
        if (++seen[own] * most / side[own] == taken[own])
            continue; /* not the next of an even share */
        taken[own]++;
        for (int j = 0; j < l->dim; j++)
            x[(size_t)rows * (size_t)l->dim + (size_t)j] =
                l->feature[i * (size_t)l->dim + (size_t)j] / l->scale;
        sign[rows++] = own ? 1 : -1;
    }
    for (int r = 0; r < rows; r++)
        weight[r] = (float)rows / (2 * (float)taken[sign[r] > 0]);
    return taken[0] && taken[1] ? rows : 0;
}

static void judge_fold(void *context, int index, int worker)
{
    (void)worker;
    labelled *l = context;
    const double strength = 0.01; /* the scorer's (src/runtime/scorer_fit.c) */
    const int label = index / FOLDS, fold = index % FOLDS;
    const size_t dim = (size_t)l->dim, most = l->count < 2 * MOST_ROWS ? l->count : 2 * MOST_ROWS;
    float *x = malloc(((dim + 2) * most + dim + 1) * sizeof *x);
    if (!x) {
        l->status[index] = WINNOW_ERROR_MEMORY;
        return;
    }
    float *sign = x + dim * most, *weight = sign + most, *w = weight + most;
    wn_logistic fit = {0};
    winnow_error error;
    const int rows = gather(l, label, fold, x, sign, weight);
    if (rows)
        l->status[index] = wn_logistic_fit(x, sign, weight, rows, l->dim, strength, &fit, w, &error);
    for (size_t i = 0; rows && !l->status[index] && i < l->count; i++)
        if (l->label[i] == label && l->fold[i] == fold)
            l->doubt[i] = 1 / (1 + expf(wn_dot(w, l->feature + i * dim, l->dim) / l->scale + fit.w[l->dim]));
    wn_logistic_free(&fit);
    free(x);
}

winnow_status wn_audit_doubt(const float *feature, const int *label, int labels, const wn_audit_photo *photo,
                             size_t count, int dim, wn_pool *pool, float *doubt, winnow_error *error)
{
    const int tasks = labels * FOLDS;
    labelled l = {feature, label, photo,
                  count,   dim,   malloc((count + 1) * sizeof *l.fold),
                  0,       doubt, calloc((size_t)tasks + 1, sizeof *l.status)};
    winnow_status status = l.fold && l.status ? WINNOW_OK : wn_fail_memory(error);
    for (size_t i = 0; i < count; i++)
        doubt[i] = 0;
    if (!status) {
        deal(&l, labels);
        l.scale = mean_deviation(&l);
        if (l.scale > 1e-12f)
            wn_pool_run(pool, tasks, judge_fold, &l);
    }
    for (int t = 0; t < tasks && !status; t++)
        if (l.status[t])
            status = wn_fail(error, l.status[t], -1, "the photos' labels could not be compared");
    free(l.fold);
    free(l.status);
    return status;
}
