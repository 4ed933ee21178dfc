/* SPDX-License-Identifier: Apache-2.0
 * The diagnosis behind the gate: telling K classes of normals apart by the features that the gate has
 * computed anyway. Multinomial logistic regression, its temperature fitted to photos that it did not see. */
#ifndef WN_CLASS_FIT_H
#define WN_CLASS_FIT_H

#include "../runtime/gate_file.h"

/* What each photo was told, by a diagnosis that did not see it. */
typedef struct wn_class_fit_result {
    int count;   /* rows of the memory */
    int *answer; /* [count] class, or -1 where no diagnosis can judge it: its class has no other source */
    float *probability; /* [count] */
    double temperature;
} wn_class_fit_result;

/* Fits gate->class_weight and class_bias to gate->memory, whose labels are 1 + class (gate->class_name).
 * held_out: rows from it on tell the temperature; or -1: each source is judged by a diagnosis made of the
 * others (src/runtime/cross.h). Abnormals are judged by the diagnosis of all, which has not seen them either.
 * Call it before wn_gate_fit, which thins the memory. Free the result, also after a failure. */
winnow_status wn_class_fit(wn_gate_file *gate, int held_out, wn_class_fit_result *result,
                           winnow_error *error);
void wn_class_fit_result_free(wn_class_fit_result *result);

#endif
