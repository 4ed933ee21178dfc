/* SPDX-License-Identifier: Apache-2.0
 * What a diagnosis is worth, with and without the gate in front of it.
 *
 * Without a gate every photo gets an answer. An answer is wrong where the photo is abnormal, or of another
 * class; it is confident from a probability of `confident` on. What the gate turns away gets no answer. */
#ifndef WN_DIAGNOSIS_H
#define WN_DIAGNOSIS_H

#include "../runtime/error.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct wn_answer {
    int class_index; /* the photo's; -1: it is abnormal */
    int answer;
    float probability;
    bool accepted; /* by the gate */
} wn_answer;

typedef struct wn_diagnosis {
    int classes;
    double confident;            /* 0.9 */
    size_t *confusion;           /* (classes, classes): photo's class, answer; all normals. Owned */
    size_t *accepted;            /* the same of those that the gate accepts. Owned */
    size_t normals, right;       /* without the gate */
    size_t passed, passed_right; /* with it */
    size_t abnormals, abnormals_passed;
    /* Confident wrong answers: on abnormals, on normals; without [0] and with [1] the gate. */
    size_t abnormal_wrong[2], normal_wrong[2];
} wn_diagnosis;

/* Free with wn_diagnosis_free. */
winnow_status wn_diagnosis_measure(const wn_answer *answer, size_t count, int classes, double confident,
                                   wn_diagnosis *diagnosis, winnow_error *error);
void wn_diagnosis_free(wn_diagnosis *diagnosis);

/* Wrong answers of any probability without (0) and with (1) the gate. */
size_t wn_diagnosis_all_wrong(const wn_diagnosis *diagnosis, int gated);

/* Confident wrong answers without (0) and with (1) the gate. */
size_t wn_diagnosis_wrong(const wn_diagnosis *diagnosis, int gated);

/* Share of the confident wrong answers that the gate takes away; NaN where there are none. */
double wn_diagnosis_taken_away(const wn_diagnosis *diagnosis);

/* The same of wrong answers of any probability. */
double wn_diagnosis_all_taken_away(const wn_diagnosis *diagnosis);

/* Of the photos of a class: how many there are, how many answers name it, and how many do so rightly. */
typedef struct wn_class_counts {
    size_t photos, answers, right;
} wn_class_counts;
wn_class_counts wn_diagnosis_class(const wn_diagnosis *diagnosis, int class_index);

#endif
