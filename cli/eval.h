/* SPDX-License-Identifier: Apache-2.0
 *
 * `winnow eval` in parts: eval.c judges and measures, eval_report.c writes the page. */
#ifndef CLI_EVAL_H
#define CLI_EVAL_H

#include "../src/train/dataset.h"
#include "../src/train/diagnosis.h"
#include "drift.h"
#include "judge.h"
#include "progress.h"

/* The photos of one label, their scores, and how many were accepted. */
typedef struct eval_side {
    wn_dataset *set;  /* NULL where no folder was given */
    judged *judged;   /* [set->count] */
    float *embedding; /* (set->count, winnow_gate_embedding_size), where a report is wanted; or NULL */
    float *score;     /* [count] of those that could be read */
    float *p;         /* likewise */
    size_t count, accepted, failed;
} eval_side;

typedef struct evaluation {
    const winnow_gate *gate;
    const char *gate_path, *command;
    eval_side side[2]; /* 0 abnormal, 1 normal */
    double auroc, fpr_at_95_tpr, seconds;
    wn_diagnosis *diagnosis;       /* or NULL: --classes was not given */
    const char *const *class_name; /* of the gate, where there is one */
    drift_basis basis;
    drift_finding drift; /* of the normals */
    bool of_training;    /* all photos of one kind are those that the gate was made of */
    progress bar;
} evaluation;

/* Measures the diagnosis: *diagnosis and *class_name are the caller's to free. Fails where the gate tells no
 * classes, or the normals have one that it does not know. */
winnow_status eval_diagnose(evaluation *evaluation, double confident, winnow_error *error);

/* "; the promise is not kept", or what else the normals say of it. */
const char *eval_promise_words(const evaluation *evaluation);

winnow_status eval_write_report(const evaluation *evaluation, const char *path, winnow_error *error);

#endif
