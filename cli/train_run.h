/* SPDX-License-Identifier: Apache-2.0
 *
 * What one `winnow train` holds from its photos to its gate: train_run.c trains, train_gate.c makes the gate.
 */
#ifndef CLI_TRAIN_RUN_H
#define CLI_TRAIN_RUN_H

#include "../src/runtime/gate_file.h"
#include "../src/train/backbone.h"
#include "../src/train/class_fit.h"
#include "../src/train/feature_set.h"
#include "../src/train/gate_fit.h"
#include "../src/train/pool.h"
#include "progress.h"
#include "train.h"
#include "train_report.h"

typedef struct run {
    const train_request *request;
    train_data data;
    wn_pool *pool;
    wn_backbone start; /* the backbone's weights, or random ones */
    wn_plan *plan;     /* of the weights that the gate will have */
    wn_feature_set normal, abnormal, valid_normal, valid_abnormal;
    int classes_of_loss;  /* abnormal, and normal or each class of the normals */
    float *class_vectors; /* (classes_of_loss, embedding) */
    int *normal_class;    /* [data.normal.count] 1 to classes_of_loss-1 */
    train_sample *sample; /* of each row of gate.memory, as it was fitted */
    int samples;
    float *mean_embedding; /* of the normalised embeddings of all normals */
    wn_gate_file gate;
    wn_gate_fit_result fit;
    wn_class_fit_result classes;
    wn_diagnosis diagnosis;
    wn_trainer_result trained;
    train_history history;
    progress bar;
    long bad, asked;
    double began, feature_seconds;
} run;

/* "name=value" lines of all that decides the result: text has WN_TRAIN_SETTINGS_SIZE bytes. */
void train_settings(const run *r, char *text);

/* *label = 1, or 1 + class where classes are told apart; the class is added to the gate where it is new. */
winnow_status train_label_of(run *r, const train_photos *photos, size_t index, int *label,
                             winnow_error *error);

/* Fits scorer, calibration and classes to the features, and writes the gate. */
winnow_status train_make_gate(run *r, winnow_error *error);

#endif
