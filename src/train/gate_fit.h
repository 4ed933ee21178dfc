/* SPDX-License-Identifier: Apache-2.0
 * From samples to a scorer and a calibration: which scorer `auto` takes, and what the promise rests on. */
#ifndef WN_GATE_FIT_H
#define WN_GATE_FIT_H

#include "../runtime/gate_file.h"

typedef struct wn_gate_fit_options {
    const char *scorer; /* "auto", or a spec (src/runtime/scorer.h) */
    wn_promise promise;
    int held_out;          /* gate->memory's rows from this one on were held out of training */
    bool learned_features; /* the features themselves were trained on the rows before held_out */
    bool own_validation;   /* the held-out rows must not shape the scorer either */
    wn_class_vectors classes;
} wn_gate_fit_options;

/* What was found on the way; the scores are of gates that did not see the photo. */
typedef struct wn_gate_fit_result {
    int count;
    int *row;                    /* [count] rows of gate->memory that were scored */
    float *score;                /* [count] */
    double auroc, fpr_at_95_tpr; /* NaN without abnormals */
    int candidates;              /* that `auto` compared; 1 where a scorer was named */
} wn_gate_fit_result;

/* Fits gate->memory (features of all photos, labels, groups): fills gate->spec, scorer, calibration and
 * source, and thins the memory to what the file keeps. Free *result with wn_gate_fit_result_free, also after
 * a failure. */
winnow_status wn_gate_fit(const wn_gate_fit_options *options, wn_gate_file *gate, wn_gate_fit_result *result,
                          winnow_error *error);
void wn_gate_fit_result_free(wn_gate_fit_result *result);

#endif
