/* SPDX-License-Identifier: Apache-2.0
 * A photo weighs 1/sqrt(photos of its class in its source), so that one big folder does not decide alone.
 * Features are moved to their mean and scaled to a unit mean deviation, so that the strength of the penalty
 * means the same for all; both are undone in the weights. */
#include "class_fit.h"

#include "../runtime/cross.h"
#include "../runtime/vector.h"
#include "softmax.h"

#include <stdlib.h>

static const double strength = 0.01;

/* What one fit needs; sized for all rows. */
typedef struct workspace {
    const wn_samples *samples;
    wn_feature feature;
    int classes, dim;
    float *x;                  /* (count, dim) */
    float *weight, *mean;      /* [count], [dim] */
    int *label, *cell;         /* [count]; [groups * classes] photos */
    int place[WN_MAX_CLASSES]; /* where a class stands among those that are there; -1: absent */
    float *fitted;             /* (classes, dim + 1) */
    float *head;               /* (classes, dim + 1): of all classes, in terms of the features */
} workspace;

static void release(workspace *work)
{
    free(work->x);
    free(work->weight);
    free(work->mean);
    free(work->label);
    free(work->cell);
    free(work->fitted);
    free(work->head);
}

static bool prepare(workspace *work, const wn_gate_file *gate)
{
    const wn_samples *samples = &gate->memory;
    const size_t count = (size_t)samples->count + 1;
    *work = (workspace){.samples = samples,
                        .feature = gate->class_feature,
                        .classes = gate->class_count,
                        .dim = samples->dim[gate->class_feature]};
    const size_t dim = (size_t)work->dim, classes = (size_t)work->classes;
    work->x = malloc(count * dim * sizeof *work->x);
    work->weight = malloc(count * sizeof *work->weight);
    work->mean = malloc(dim * sizeof *work->mean);
    work->label = malloc(count * sizeof *work->label);
    work->cell = malloc(((size_t)gate->groups + 1) * classes * sizeof *work->cell);
    work->fitted = malloc(classes * (dim + 1) * sizeof *work->fitted);
    work->head = malloc(classes * (dim + 1) * sizeof *work->head);
    return work->x && work->weight && work->mean && work->label && work->cell && work->fitted && work->head;
}

static const float *row_of(const workspace *work, int row)
{
    return work->samples->feature[work->feature] + (size_t)row * (size_t)work->dim;
}

/* Mean of the rows, to work->mean; returns the mean over the columns of their standard deviation. */
static double centre(workspace *work, const int *rows, int count)
{
    double sum = 0;
    for (int j = 0; j < work->dim; j++) {
        double mean = 0, square = 0;
        for (int i = 0; i < count; i++) {
            const double x = row_of(work, rows[i])[j];
            mean += x;
            square += x * x;
        }
        mean /= count;
        work->mean[j] = (float)mean;
        sum += sqrt(fmax(0, square / count - mean * mean));
    }
    return sum / work->dim;
}

/* Weights, and labels among the classes that are there; returns how many are. */
static int weigh(workspace *work, const int *rows, int count, int groups)
{
    const wn_samples *samples = work->samples;
    int present = 0;
    double total = 0;
    memset(work->cell, 0, (size_t)groups * (size_t)work->classes * sizeof *work->cell);
    memset(work->place, -1, sizeof work->place);
    for (int i = 0; i < count; i++) {
        const int class = samples->label[rows[i]] - 1;
        work->cell[samples->group[rows[i]] * work->classes + class]++;
        work->place[class] = 0;
    }
    for (int c = 0; c < work->classes; c++)
        if (!work->place[c])
            work->place[c] = present++;
    for (int i = 0; i < count; i++) {
        const int class = samples->label[rows[i]] - 1;
        const int cell = work->cell[samples->group[rows[i]] * work->classes + class];
        work->label[i] = work->place[class];
        work->weight[i] = (float)(1 / sqrt(cell));
        total += (double)work->weight[i];
    }
    for (int i = 0; i < count; i++)
        work->weight[i] = (float)((double)work->weight[i] * count / total);
    return present;
}

/* Fits to the rows, all normal: work->head, with -infinity as the intercept of classes that are absent. */
static winnow_status fit(workspace *work, const int *rows, int count, int groups, winnow_error *error)
{
    const size_t dim = (size_t)work->dim;
    const double scale = centre(work, rows, count);
    if (!(scale > 1e-12))
        return wn_fail(error, WINNOW_ERROR_DATA, -1, "the photos' features do not vary");
    const int present = weigh(work, rows, count, groups);
    for (int i = 0; i < count; i++)
        for (size_t j = 0; j < dim; j++)
            work->x[(size_t)i * dim + j] =
                (float)((double)(row_of(work, rows[i])[j] - work->mean[j]) / scale);
    winnow_status status = wn_softmax_fit(work->x, work->label, work->weight, count, work->dim, present,
                                          strength, work->fitted, error);
    for (int c = 0; c < work->classes && !status; c++) {
        float *head = work->head + (size_t)c * (dim + 1);
        memset(head, 0, dim * sizeof *head);
        head[dim] = -INFINITY;
        if (work->place[c] < 0)
            continue;
        const float *fitted = work->fitted + (size_t)work->place[c] * (dim + 1);
        for (size_t j = 0; j < dim; j++)
            head[j] = (float)((double)fitted[j] / scale);
        head[dim] = fitted[dim] - wn_dot(head, work->mean, work->dim);
    }
    return status;
}

static void judge(const workspace *work, int row, float *logit)
{
    for (int c = 0; c < work->classes; c++) {
        const float *head = work->head + (size_t)c * ((size_t)work->dim + 1);
        logit[c] = wn_dot(head, row_of(work, row), work->dim) + head[work->dim];
    }
}

/* Fits to the normals that `out` does not name, and judges those that it does; known[row] is set where the
 * photo's class is one of those that were fitted. */
static winnow_status fit_and_judge(workspace *work, const bool *out, int *rows, int groups, float *logit,
                                   bool *known, winnow_error *error)
{
    const wn_samples *samples = work->samples;
    int kept = 0;
    for (int i = 0; i < samples->count; i++)
        if (samples->label[i] != WN_ABNORMAL && !out[i])
            rows[kept++] = i;
    winnow_status status = kept ? fit(work, rows, kept, groups, error)
                                : wn_fail(error, WINNOW_ERROR_DATA, -1, "there are no photos of any class");
    for (int i = 0; i < samples->count && !status; i++)
        if (out[i]) {
            judge(work, i, logit + (size_t)i * (size_t)work->classes);
            known[i] = samples->label[i] == WN_ABNORMAL || work->place[samples->label[i] - 1] >= 0;
        }
    return status;
}

static winnow_status judge_all(workspace *work, int held_out, int *rows, bool *out, int groups, float *logit,
                               bool *known, winnow_error *error)
{
    const wn_samples *samples = work->samples;
    wn_folds folds = {0};
    winnow_status status = held_out < 0 ? wn_folds_create(samples, &folds, error) : WINNOW_OK;
    for (int fold = 0; fold < folds.normals && !status; fold++) {
        for (int i = 0; i < samples->count; i++)
            out[i] = samples->label[i] != WN_ABNORMAL && folds.fold[i] == fold;
        status = fit_and_judge(work, out, rows, groups, logit, known, error);
    }
    wn_folds_free(&folds);
    /* Last the diagnosis that the gate gets: of all normals, or of those that were not held out. */
    for (int i = 0; i < samples->count; i++)
        out[i] = samples->label[i] == WN_ABNORMAL || (held_out >= 0 && i >= held_out);
    return status ? status : fit_and_judge(work, out, rows, groups, logit, known, error);
}

static winnow_status keep_head(const workspace *work, double temperature, wn_gate_file *gate,
                               winnow_error *error)
{
    const size_t dim = (size_t)work->dim, classes = (size_t)work->classes;
    gate->class_weight = (wn_table){work->classes, work->dim, malloc(classes * dim * sizeof(float))};
    gate->class_bias = (wn_table){work->classes, 0, malloc(classes * sizeof(float))};
    if (!gate->class_weight.data || !gate->class_bias.data)
        return wn_fail_memory(error);
    for (size_t c = 0; c < classes; c++) {
        const float *head = work->head + c * (dim + 1);
        if (work->place[c] < 0)
            return wn_fail(error, WINNOW_ERROR_DATA, -1, "the class '%s' has no photos to train on",
                           gate->class_name[c]);
        for (size_t j = 0; j < dim; j++)
            gate->class_weight.data[c * dim + j] = (float)((double)head[j] / temperature);
        gate->class_bias.data[c] = (float)((double)head[dim] / temperature);
    }
    return WINNOW_OK;
}

static void conclude(const workspace *work, const float *logit, const bool *known, int *label,
                     wn_class_fit_result *result)
{
    const wn_samples *samples = work->samples;
    for (int i = 0; i < samples->count; i++)
        label[i] = known[i] && samples->label[i] != WN_ABNORMAL ? samples->label[i] - 1 : -1;
    result->temperature = wn_softmax_temperature(logit, label, samples->count, work->classes);
    for (int i = 0; i < samples->count; i++)
        result->answer[i] = known[i]
                                ? wn_softmax_best(logit + (size_t)i * (size_t)work->classes, work->classes,
                                                  result->temperature, &result->probability[i])
                                : -1;
    result->count = samples->count;
}

winnow_status wn_class_fit(wn_gate_file *gate, int held_out, wn_class_fit_result *result, winnow_error *error)
{
    const size_t count = (size_t)gate->memory.count + 1;
    workspace work;
    *result = (wn_class_fit_result){.answer = malloc(count * sizeof *result->answer),
                                    .probability = calloc(count, sizeof *result->probability)};
    int *rows = malloc(count * sizeof *rows);
    float *logit = calloc(count * (size_t)gate->class_count, sizeof *logit);
    bool *out = malloc(count * sizeof *out), *known = calloc(count, sizeof *known);
    const bool ready = prepare(&work, gate);
    winnow_status status = ready && result->answer && result->probability && rows && logit && out && known
                               ? judge_all(&work, held_out, rows, out, gate->groups, logit, known, error)
                               : wn_fail_memory(error);
    if (!status) {
        conclude(&work, logit, known, rows, result);
        status = keep_head(&work, result->temperature, gate, error);
    }
    release(&work);
    free(rows);
    free(logit);
    free(out);
    free(known);
    return status;
}

void wn_class_fit_result_free(wn_class_fit_result *result)
{
    free(result->answer);
    free(result->probability);
    *result = (wn_class_fit_result){0};
}
