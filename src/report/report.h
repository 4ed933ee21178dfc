/* SPDX-License-Identifier: Apache-2.0
 * One self-contained HTML page about a gate: opens from disk, needs no network, reads on a phone, light and
 * dark. */
#ifndef WN_REPORT_H
#define WN_REPORT_H

#include "winnow.h"

#include <stdbool.h>

/* One judged photo. Strings are borrowed. */
typedef struct report_photo {
    const char *path, *group;
    bool normal; /* its label */
    float score, p_value;
    winnow_verdict verdict;
} report_photo;

/* One validated epoch. */
typedef struct report_epoch {
    int epoch;
    double loss, normal_similarity, abnormal_similarity, auroc;
} report_epoch;

/* A rate with its exact 95% interval; or one that measures nothing, because the threshold was set by it. */
typedef struct report_rate {
    double rate, low, high;
    const char *known; /* "at most 5%, by construction", or NULL */
} report_rate;

/* A line of "how it was made" or of the calibration. */
typedef struct report_fact {
    const char *name, *value;
} report_fact;

/* The diagnosis behind the gate. Index [0] without the gate, [1] with it. */
typedef struct report_diagnosis {
    int classes;
    const char *const *name;            /* [classes] */
    const size_t *confusion;            /* (classes, classes): photo's class, answer */
    double accuracy, accuracy_accepted; /* on normals: all, those that the gate accepts */
    double confident;                   /* probability from which an answer counts as confident */
    size_t wrong[2], abnormal_wrong[2]; /* confident wrong answers; of them, on abnormals */
    /* The same of wrong answers of any probability. */
    size_t all_wrong[2], all_abnormal_wrong[2];
    double taken_away, all_taken_away; /* the gate's share of either; NaN where there are none */
    size_t left_out;                   /* photos that it could not be measured on */
} report_diagnosis;

/* What an audit of the photos found, kind by kind. */
typedef struct report_audit_item {
    const char *path, *other; /* other: the photo that it is a copy of, or NULL */
    const char *note;
} report_audit_item;

typedef struct report_audit_kind {
    const char *title;
    const report_audit_item *item;
    size_t count;
} report_audit_kind;

/* What photos say of a promise, by the interval of the rate at which they are turned away. */
typedef enum report_promise {
    REPORT_OPEN,  /* it holds the asked rate: they do not contradict it */
    REPORT_KEPT,  /* it lies at or below the asked rate */
    REPORT_ABOVE, /* it lies above the asked rate, but not above what the draw of the calibration explains */
    REPORT_BROKEN /* it lies above both */
} report_promise;

/* explained: the rate that chance explains; at least asked. */
report_promise report_promise_of(report_rate rate, double asked, double explained);

typedef struct report_page {
    const char *title; /* the gate's file name */
    const report_photo *photo;
    size_t photo_count;
    const float *feature; /* (photo_count, feature_size) for the map, or NULL */
    int feature_size;
    double auroc, fpr_at_95_tpr; /* NaN where there are no abnormals */
    report_rate false_reject, abnormal_accept;
    double asked_false_reject;
    report_promise promise; /* what the normals say of it */
    const char *excuse;     /* where they say REPORT_ABOVE: what explains it */
    float threshold;
    const char *score_name; /* of the scorer: the axis of the histogram */
    const report_epoch *epoch;
    size_t epoch_count;
    const char *no_epochs;             /* what to say where there are none, or NULL */
    const report_diagnosis *diagnosis; /* or NULL */
    const report_audit_kind *audit;    /* [audit_kinds] of the photos that it was made of, or NULL */
    size_t audit_kinds;
    const report_fact *calibration, *provenance; /* end with a NULL name */
} report_page;

/* Writes the page to `path` (temporary file + rename). Thumbnails are read from the photos' paths; one that
 * cannot be read any more is shown by its name alone. */
winnow_status report_write(const report_page *report, const char *path, winnow_error *error);

/* ---- the page of an audit ---- */

typedef struct report_source {
    const char *name;
    size_t count; /* photos */
} report_source;

/* A folder of one kind of photo, and the sources that a training would split it by. */
typedef struct report_folder {
    const char *name;
    size_t count; /* photos */
    const report_source *source;
    size_t sources;
    const char *warning; /* about them, or NULL */
} report_folder;

/* As report_write. */
winnow_status report_audit_write(const char *title, const report_folder *folder, size_t folders,
                                 const report_audit_kind *kind, size_t kinds, const char *path,
                                 winnow_error *error);

#endif
