/* SPDX-License-Identifier: Apache-2.0
 * Teaching a gate: from its memory of photos and more of them to a new scorer and a new calibration.
 *
 * Normals join the memory, and all that is fitted to it. Abnormals do so too, as a source of their own, and
 * are the look-alikes that the kNN scorer keeps away from (scorer.h). Then the sources are left out in turn
 * again, and the threshold is set anew. */
#ifndef WN_LEARN_H
#define WN_LEARN_H

#include "gate_file.h"

/* The id of the source that taught photos of this label and source name get; it is added where it is new. -1
 * where memory runs out or there are too many. */
int wn_learn_group(wn_gate_file *gate, const char *name, bool normal);

/* Sets up the memory of a gate that has no scorer yet (gate->spec.parts 0): a backbone's. */
void wn_learn_start(wn_gate_file *gate);

/* Whether this gate can be taught: it remembers photos, and its features did not learn from them. */
winnow_status wn_learn_check(const wn_gate_file *gate, winnow_error *error);

/* What came of it. */
typedef struct wn_learned {
    wn_scorer_spec spec;
    wn_scorer scorer;
    wn_calibration calibration;
    wn_calibration_source source;
    winnow_lesson lesson;
} wn_learned;

/* Fits and calibrates to gate->memory, whose rows from first_new on are new, for gate->calibration.promise.
 * Before that the memory loses known photos that are told again, and is thinned to WN_MEMORY of each label;
 * the rest of the gate stays as it is. `account` fills learned->lesson, which takes two thirds of the time.
 * Free *learned with wn_learned_free, also after a failure. */
winnow_status wn_learn(wn_gate_file *gate, int first_new, bool account, wn_learned *learned,
                       winnow_error *error);
void wn_learned_free(wn_learned *learned);

/* The gate takes what was learned, *learned what the gate had. */
void wn_learned_swap(wn_gate_file *gate, wn_learned *learned);

/* Score of row i of samples. scratch: wn_scorer_scratch floats. */
float wn_learn_score(const wn_scorer *scorer, const wn_samples *samples, int i, float *scratch);

#endif
