/* SPDX-License-Identifier: Apache-2.0
 *
 * What `winnow train` shows when it is done: a summary or JSON, the report page, the reference's own output.
 */
#ifndef CLI_TRAIN_REPORT_H
#define CLI_TRAIN_REPORT_H

#include "../src/runtime/gate_file.h"
#include "../src/train/diagnosis.h"
#include "../src/train/gate_fit.h"
#include "../src/train/trainer.h"
#include "audit.h"
#include "train.h"

/* The validated epochs. */
typedef struct train_history {
    wn_epoch_report *epoch;
    size_t count;
} train_history;

void train_history_add(train_history *history, const wn_epoch_report *report);
void train_history_free(train_history *history);

/* One row of the samples that the gate was fitted to. Strings are borrowed. */
typedef struct train_sample {
    const char *path, *source;
    int label; /* WN_ABNORMAL, or 1 + class */
} train_sample;

/* All that a finished training knows. Borrowed. */
typedef struct train_outcome {
    const train_request *request;
    const wn_gate_file *gate;
    const wn_gate_fit_result *fit;
    const wn_diagnosis *diagnosis; /* or NULL: no classes */
    const audit_result *audit;     /* of the photos, for the report; or NULL */
    double temperature;            /* of the diagnosis */
    const train_sample *photo;     /* by the rows that fit->row names */
    const float *feature;          /* (fit->count, feature_size), for the map; or NULL */
    int feature_size;
    const wn_trainer_result *trained;
    const train_history *history;
    double seconds, images_per_second;
} train_outcome;

/* What `winnow audit` would say of the photos that the gate was made of, for the report. */
typedef struct train_audit {
    audit_result result;
    const char **path;
} train_audit;

/* feature: (count, dim), L2-normalised. False where there are too many photos to compare every one with every
 * other, or too little memory: a report without it is no failure. Free with train_audit_free in any case. */
bool train_audit_find(const train_sample *photo, size_t count, const float *feature, int dim, wn_pool *pool,
                      train_audit *audit);
void train_audit_free(train_audit *audit);

/* DIR/mean_embedding.txt: one number a line, as numpy.savetxt writes it. */
winnow_status train_write_reference_outputs(const char *folder, const float *mean, int size,
                                            winnow_error *error);

/* Writes the report and prints the result. Returns an exit status. */
int train_show(const train_outcome *outcome);

#endif
