/* SPDX-License-Identifier: Apache-2.0
 * The epochs of a training: schedule, validation, log, checkpoints, the best weights so far. What a step
 * computes is an engine's affair: engine_network.c trains the whole network on photos, engine_head.c only the
 * embedding, on features computed once. */
#ifndef WN_TRAINER_H
#define WN_TRAINER_H

#include "checkpoint.h"
#include "schedule.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/* Embeddings of the validation photos: row-major (count, size), normals first. Owned by the engine until its
 * next call. */
typedef struct wn_validation {
    const float *embedding;
    int size;
    size_t normals, abnormals;
} wn_validation;

typedef struct wn_engine wn_engine;
struct wn_engine {
    int steps; /* batches in an epoch */
    /* Makes ready for batches first_step, first_step + 1 ... of `epoch` (counted from 0). */
    winnow_status (*begin_epoch)(wn_engine *engine, int epoch, int first_step, winnow_error *error);
    /* One batch and its optimizer step at learning rate `rate` (of the network; the class vectors' follows in
     * proportion). */
    winnow_status (*step)(wn_engine *engine, double rate, double *loss, winnow_error *error);
    winnow_status (*validate)(wn_engine *engine, wn_validation *validation, winnow_error *error);
    /* Lists every array that a checkpoint must hold; with best true, those that make up a gate, in the
     * engine's own copy that keep_best fills. */
    void (*list_state)(wn_engine *engine, wn_state *state);
    void (*keep_best)(wn_engine *engine);    /* current weights -> best weights */
    void (*restore_best)(wn_engine *engine); /* best weights -> current weights */
};

typedef struct wn_epoch_report {
    int epoch; /* counted from 1 */
    double loss, rate;
    double normal_similarity,
        abnormal_similarity; /* mean cosine with the mean of all normalised normal embeddings */
    double auroc, fpr_at_95_tpr;
    double images_per_second; /* since the last report */
    bool best;
} wn_epoch_report;

typedef struct wn_trainer_options {
    int epochs;
    int save_interval; /* validate, log and checkpoint every so many epochs, and after the last */
    wn_schedule schedule;
    int batch;                   /* photos in a step, for the rate of progress */
    const char *checkpoint_path; /* NULL: none are written */
    const char *log_path;        /* NULL: no CSV */
    const char *fingerprint;     /* settings and data: a resumed training must have the same */
    bool resume;
    const volatile sig_atomic_t *stop; /* becomes non-zero when the user asks to stop; may be NULL */
    void (*report)(void *context, const wn_epoch_report *report);
    void (*progress)(void *context, int epoch, int step, int steps, double loss);
    void *context;
} wn_trainer_options;

typedef struct wn_trainer_result {
    int epochs;     /* completed */
    int best_epoch; /* whose weights the engine holds on return */
    double best_auroc, best_fpr;
    double images_per_second; /* of all steps, validation left out */
    bool stopped; /* by options.stop: a checkpoint was written, and the engine does not hold the best weights
                   */
} wn_trainer_result;

winnow_status wn_trainer_run(wn_engine *engine, const wn_trainer_options *options, wn_trainer_result *result,
                             winnow_error *error);

/* Similarities as the reference prints them: cosines of each embedding with the mean of the normalised
 * embeddings of all normals. similarity[normals + abnormals]; mean_embedding[size] (may be NULL) receives
 * that mean, not normalised. */
winnow_status wn_validation_similarities(const wn_validation *validation, float *similarity,
                                         float *mean_embedding, winnow_error *error);

#endif
