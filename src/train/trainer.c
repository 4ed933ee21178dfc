/* SPDX-License-Identifier: Apache-2.0
 * A training can be killed at any moment: everything that the next step depends on is in the checkpoint, the
 * order of the photos follows from seed and epoch, and the log is rewritten from the checkpoint on resume. So
 * a resumed training gives the same numbers, and the same files, as an unbroken one. */
#include "trainer.h"

#include "../runtime/file.h"
#include "metrics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char log_header[] =
    "epoch,learning_rate,loss,normal_similarity,abnormal_similarity,auroc,fpr_at_95_tpr\n";

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* ---- validation ---- */

static double norm(const float *vector, int size)
{
    double sum = 0;
    for (int i = 0; i < size; i++)
        sum += (double)vector[i] * vector[i];
    return sqrt(sum);
}

winnow_status wn_validation_similarities(const wn_validation *validation, float *similarity,
                                         float *mean_embedding, winnow_error *error)
{
    const int size = validation->size;
    const size_t count = validation->normals + validation->abnormals;
    double *mean = calloc((size_t)size, sizeof *mean);
    if (!mean)
        return wn_fail_memory(error);
    for (size_t n = 0; n < validation->normals; n++) {
        const float *embedding = validation->embedding + n * (size_t)size;
        double scale = 1 / fmax(norm(embedding, size), 1e-12) / (double)validation->normals;
        for (int i = 0; i < size; i++)
            mean[i] += scale * embedding[i];
    }
    double mean_norm = 0;
    for (int i = 0; i < size; i++)
        mean_norm += mean[i] * mean[i];
    mean_norm = fmax(sqrt(mean_norm), 1e-12);
    for (size_t n = 0; n < count; n++) {
        const float *embedding = validation->embedding + n * (size_t)size;
        double dot = 0;
        for (int i = 0; i < size; i++)
            dot += mean[i] * embedding[i];
        similarity[n] = (float)(dot / mean_norm / fmax(norm(embedding, size), 1e-12));
    }
    for (int i = 0; mean_embedding && i < size; i++)
        mean_embedding[i] = (float)mean[i];
    free(mean);
    return WINNOW_OK;
}

static double average(const float *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += values[i];
    return count ? sum / (double)count : 0;
}

static winnow_status validate(wn_engine *engine, wn_epoch_report *report, winnow_error *error)
{
    wn_validation validation;
    winnow_status status = engine->validate(engine, &validation, error);
    if (status)
        return status;
    const size_t normals = validation.normals, abnormals = validation.abnormals;
    float *similarity = malloc((normals + abnormals) * sizeof *similarity);
    if (!similarity)
        return wn_fail_memory(error);
    status = wn_validation_similarities(&validation, similarity, NULL, error);
    wn_roc roc;
    if (!status)
        status = wn_roc_create(similarity, normals, similarity + normals, abnormals, &roc, error);
    if (!status) {
        report->normal_similarity = average(similarity, normals);
        report->abnormal_similarity = average(similarity + normals, abnormals);
        report->auroc = roc.auroc;
        report->fpr_at_95_tpr = roc.fpr_at_95_tpr;
        wn_roc_free(&roc);
    }
    free(similarity);
    return status;
}

/* ---- the run ---- */

typedef struct trainer {
    wn_engine *engine;
    const wn_trainer_options *options;
    wn_state *state;
    wn_progress progress;
    double busy, reported_busy; /* seconds spent in steps: in all, and at the last report */
    long images, reported_images;
} trainer;

static bool stop_requested(const trainer *t)
{
    return t->options->stop && *t->options->stop;
}

static winnow_status append_log(trainer *t, const wn_epoch_report *report, winnow_error *error)
{
    char line[256];
    int length = snprintf(line, sizeof line, "%d,%.9g,%.9g,%.9g,%.9g,%.9g,%.9g\n", report->epoch,
                          report->rate, report->loss, report->normal_similarity, report->abnormal_similarity,
                          report->auroc, report->fpr_at_95_tpr);
    size_t old = strlen(t->progress.log);
    char *log = realloc(t->progress.log, old + (size_t)length + 1);
    if (!log)
        return wn_fail_memory(error);
    memcpy(log + old, line, (size_t)length + 1);
    t->progress.log = log;
    return WINNOW_OK;
}

static winnow_status write_log(const trainer *t, winnow_error *error)
{
    if (!t->options->log_path)
        return WINNOW_OK;
    return wn_write_file_atomic(t->options->log_path, t->progress.log, strlen(t->progress.log), error);
}

static winnow_status write_files(trainer *t, winnow_error *error)
{
    winnow_status status = WINNOW_OK;
    if (t->options->checkpoint_path)
        status = wn_checkpoint_write(t->options->checkpoint_path, t->state, &t->progress, error);
    return status ? status : write_log(t, error);
}

/* Validates after `epoch` completed epochs, remembers the best, logs, saves, tells. */
static winnow_status end_epoch(trainer *t, double loss, double rate, winnow_error *error)
{
    wn_epoch_report report = {.epoch = t->progress.epoch, .loss = loss, .rate = rate};
    winnow_status status = validate(t->engine, &report, error);
    if (status)
        return status;
    wn_progress *progress = &t->progress;
    report.best = !progress->best_epoch || report.auroc > progress->best_auroc ||
                  (report.auroc == progress->best_auroc && report.fpr_at_95_tpr <= progress->best_fpr);
    if (report.best) {
        t->engine->keep_best(t->engine);
        progress->best_epoch = report.epoch;
        progress->best_auroc = report.auroc;
        progress->best_fpr = report.fpr_at_95_tpr;
    }
    report.images_per_second =
        (double)(t->images - t->reported_images) / fmax(t->busy - t->reported_busy, 1e-9);
    t->reported_images = t->images;
    t->reported_busy = t->busy;
    status = append_log(t, &report, error);
    if (!status)
        status = write_files(t, error);
    if (!status && t->options->report)
        t->options->report(t->options->context, &report);
    return status;
}

static winnow_status diverged(const trainer *t, const char *what, winnow_error *error)
{
    return wn_fail(error, WINNOW_ERROR_DATA, -1,
                   "%s became infinite in epoch %d: train with a lower --learning-rate", what,
                   t->progress.epoch + 1);
}

/* ReLU6 makes 0 of what is no number, so that weights can be lost behind a finite loss. */
static winnow_status check_state(const trainer *t, winnow_error *error)
{
    for (size_t i = 0; i < t->state->count; i++) {
        const wn_state_array *array = &t->state->array[i];
        for (size_t j = 0; j < array->count; j++)
            if (!isfinite(array->data[j]))
                return diverged(t, array->name, error);
    }
    return WINNOW_OK;
}

/* The rest of the epoch from progress.step on. Returns early, with progress.step < engine->steps, when asked
 * to stop. */
static winnow_status run_epoch(trainer *t, double *rate, winnow_error *error)
{
    wn_progress *progress = &t->progress;
    const int steps = t->engine->steps;
    const long total = (long)t->options->epochs * steps;
    winnow_status status = t->engine->begin_epoch(t->engine, progress->epoch, progress->step, error);
    while (!status && progress->step < steps && !stop_requested(t)) {
        double start = seconds_now(), loss = 0;
        *rate =
            wn_schedule_rate(&t->options->schedule, (long)progress->epoch * steps + progress->step, total);
        status = t->engine->step(t->engine, *rate, &loss, error);
        if (status)
            break;
        if (!isfinite(loss))
            return diverged(t, "the loss", error);
        t->busy += seconds_now() - start;
        t->images += t->options->batch;
        progress->loss_sum += loss;
        progress->step++;
        if (t->options->progress)
            t->options->progress(t->options->context, progress->epoch + 1, progress->step, steps, loss);
    }
    return status ? status : check_state(t, error);
}

static winnow_status run(trainer *t, wn_trainer_result *result, winnow_error *error)
{
    wn_progress *progress = &t->progress;
    const wn_trainer_options *options = t->options;
    winnow_status status = WINNOW_OK;
    while (progress->epoch < options->epochs) {
        double rate = 0;
        if ((status = run_epoch(t, &rate, error)))
            return status;
        if (progress->step < t->engine->steps) { /* asked to stop */
            result->stopped = true;
            return write_files(t, error);
        }
        double loss = progress->loss_sum / t->engine->steps;
        progress->epoch++;
        progress->step = 0;
        progress->loss_sum = 0;
        if (progress->epoch % options->save_interval == 0 || progress->epoch == options->epochs)
            if ((status = end_epoch(t, loss, rate, error)))
                return status;
    }
    if (progress->best_epoch)
        t->engine->restore_best(t->engine);
    return WINNOW_OK;
}

static winnow_status start(trainer *t, winnow_error *error)
{
    const wn_trainer_options *options = t->options;
    if (options->resume) {
        winnow_status status =
            wn_checkpoint_read(options->checkpoint_path, options->fingerprint, t->state, &t->progress, error);
        return status ? status : write_log(t, error); /* it may have been killed between the two files */
    }
    t->progress.fingerprint = strdup(options->fingerprint);
    t->progress.log = strdup(log_header);
    return t->progress.fingerprint && t->progress.log ? WINNOW_OK : wn_fail_memory(error);
}

winnow_status wn_trainer_run(wn_engine *engine, const wn_trainer_options *options, wn_trainer_result *result,
                             winnow_error *error)
{
    *result = (wn_trainer_result){0};
    trainer t = {.engine = engine, .options = options, .state = calloc(1, sizeof *t.state)};
    if (!t.state)
        return wn_fail_memory(error);
    engine->list_state(engine, t.state);
    winnow_status status = start(&t, error);
    if (!status)
        status = run(&t, result, error);
    result->epochs = t.progress.epoch;
    result->best_epoch = t.progress.best_epoch;
    result->best_auroc = t.progress.best_auroc;
    result->best_fpr = t.progress.best_fpr;
    result->images_per_second = t.busy > 0 ? (double)t.images / t.busy : 0;
    wn_progress_free(&t.progress);
    free(t.state);
    return status;
}
