/* SPDX-License-Identifier: Apache-2.0 */
#include "drift.h"

#include "../src/train/metrics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double number(const winnow_gate *gate, const char *key)
{
    const char *text = winnow_gate_metadata(gate, key);
    return text ? atof(text) : 0;
}

drift_basis drift_basis_of(const winnow_gate *gate)
{
    const char *over = winnow_gate_metadata(gate, "winnow.calibration.promise");
    const bool over_sources = over && !strcmp(over, "groups");
    const wn_promise promise = {(double)winnow_gate_false_reject(gate), number(gate, "winnow.confidence")};
    drift_basis basis = {.over_sources = over_sources};
    basis.count = (int)number(gate, over_sources ? "winnow.calibration.groups" : "winnow.calibration.count");
    basis.explained = wn_explained_rate(basis.count, promise);
    return basis;
}

/* Photos of one source are as good as one photo where the promise is over sources: they may lie above what
 * was asked, but by themselves break nothing. */
static report_promise judge_rate(const winnow_gate *gate, const drift_basis *basis, size_t count,
                                 size_t rejected, size_t independent)
{
    const double asked = (double)winnow_gate_false_reject(gate);
    const wn_interval all = wn_rate_interval(rejected, count, 0.95);
    const report_rate rate = {.low = all.low, .high = all.high};
    const report_promise says = report_promise_of(rate, asked, basis->explained);
    if (says != REPORT_BROKEN || independent >= count)
        return says;
    const wn_interval few = wn_rate_interval(rejected * independent / count, independent, 0.95);
    return few.low > basis->explained ? REPORT_BROKEN : REPORT_ABOVE;
}

drift_finding drift_find(const winnow_gate *gate, const drift_basis *basis, float *p, size_t count,
                         size_t rejected, size_t sources)
{
    const double significant = 0.001;
    const size_t independent = basis->over_sources ? sources : count;
    drift_finding found = {.lean = NAN, .significance = NAN};
    found.promise = judge_rate(gate, basis, count, rejected, independent);
    if (count < DRIFT_LEAST || basis->count < 1)
        return found;
    found.lean = wn_smirnov_lean_low(p, count, independent, (size_t)basis->count, &found.significance);
    found.leans = found.significance < significant;
    found.broken = found.promise == REPORT_BROKEN;
    return found;
}

void drift_excuse(const drift_basis *basis, char *text, size_t size)
{
    if (basis->over_sources)
        snprintf(text, size, "the promise is an average over sources, and some may lie above it");
    else
        snprintf(text, size, "the draw of its %d calibration photos explains up to %.3g%%", basis->count,
                 100 * basis->explained);
}
