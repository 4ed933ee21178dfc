/* SPDX-License-Identifier: Apache-2.0
 *
 * What judged photos say of a gate's promise. */
#ifndef CLI_DRIFT_H
#define CLI_DRIFT_H

#include "../src/report/report.h"
#include "winnow.h"

#include <stdbool.h>
#include <stddef.h>

enum { DRIFT_LEAST = 20 /* photos of which anything is said */ };

/* What the gate was calibrated on. */
typedef struct drift_basis {
    bool over_sources; /* the promise is an average over sources: of one of them it says nothing */
    int count;         /* photos, or sources then; 0: the file does not say */
    double explained;  /* false-reject rate that the draw of them alone explains (wn_explained_rate) */
} drift_basis;

drift_basis drift_basis_of(const winnow_gate *gate);

typedef struct drift_finding {
    double lean, significance; /* of wn_smirnov_lean_low; NaN: too few photos */
    bool leans;                /* beyond chance */
    report_promise promise;    /* what the rate says of it */
    bool broken;               /* it is broken, by photos enough */
} drift_finding;

/* Of the photos with p-values p[count], which it sorts, of which `rejected` were turned away. sources: how
 * many they come from, at the least 1. */
drift_finding drift_find(const winnow_gate *gate, const drift_basis *basis, float *p, size_t count,
                         size_t rejected, size_t sources);

/* "the draw of its 100 calibration photos explains up to 9.9%", or why else one camera may be above. */
void drift_excuse(const drift_basis *basis, char *text, size_t size);

#endif
