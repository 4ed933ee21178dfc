/* SPDX-License-Identifier: Apache-2.0 */
#include "promise.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *promise_certainty(double confidence, int sources, char text[96])
{
    if (!(confidence > 0))
        return strcpy(text, "on average");
    const int length = snprintf(text, 96, "with %.4g%% confidence over photos of ", 100 * confidence);
    char *rest = text + length;
    if (sources > 1)
        snprintf(rest, 96 - (size_t)length, "these %d sources", sources);
    else
        strcpy(rest, sources ? "this source" : "its sources");
    return text;
}

promise_basis promise_basis_of(const wn_gate_file *gate)
{
    const wn_calibration *calibration = &gate->calibration;
    return (promise_basis){wn_calibration_source_name(gate->source), calibration->over_groups,
                           calibration->groups, wn_source_kind_name(calibration->kind), calibration->cameras};
}

promise_basis promise_basis_read(const char *(*get)(const void *file, const char *key), const void *file)
{
    const char *source = get(file, "winnow.calibration.source"),
               *promise = get(file, "winnow.calibration.promise"),
               *groups = get(file, "winnow.calibration.groups"),
               *cameras = get(file, "winnow.calibration.cameras");
    return (promise_basis){source ? source : "", promise && !strcmp(promise, "groups"),
                           groups ? atoi(groups) : 0, get(file, "winnow.calibration.kind"),
                           cameras ? atoi(cameras) : 0};
}

static bool is_kind(const promise_basis *basis, const char *kind)
{
    return basis->kind && !strcmp(basis->kind, kind);
}

int promise_sessions_of(const promise_basis *basis)
{
    return is_kind(basis, "bursts") ? basis->cameras : 0;
}

const char *promise_sources(const promise_basis *basis, char text[64])
{
    const int cameras = promise_sessions_of(basis);
    int length = snprintf(text, 64, "%d %s%s", basis->groups, cameras ? "session" : "source",
                          basis->groups == 1 ? "" : "s");
    if (cameras == 1)
        strcpy(text + length, " of one camera");
    else if (cameras)
        snprintf(text + length, 64 - (size_t)length, " of %d cameras", cameras);
    return text;
}

const char *promise_new(const promise_basis *basis, char text[64])
{
    const int cameras = promise_sessions_of(basis);
    if (cameras && strcmp(basis->source, "blocks") != 0) {
        if (cameras == 1)
            return "new sessions of this camera only";
        snprintf(text, 64, "new sessions of these %d cameras only", cameras);
        return text;
    }
    if (!basis->over_groups)
        return NULL;
    return is_kind(basis, "cameras") ? "new cameras like those that it was calibrated on"
                                     : "new sources like those that it was calibrated on";
}

const char *promise_scope(const promise_basis *basis, char text[160])
{
    char new[64];
    const char *whom = promise_new(basis, new);
    const bool sources = !strcmp(basis->source, "sources");
    const int cameras = promise_sessions_of(basis);
    if (sources && whom && !basis->over_groups)
        snprintf(text, 160, "each session was scored by a gate made of the others: a measure for %s", whom);
    else if (whom)
        snprintf(text, 160, "holds for %s", whom);
    else if (sources && is_kind(basis, "cameras"))
        return "each camera was scored by a gate made of the others: a measure for new ones like them";
    else if (sources)
        return "each source was scored by a gate made of the others: a measure for new ones like them";
    else if (!strcmp(basis->source, "camera"))
        return "holds for the camera that it was calibrated to only";
    else if (!strcmp(basis->source, "blocks"))
        return basis->groups == 1 ? "holds for this camera and place only"
               : cameras == 1     ? "holds for this camera and these places only"
                                  : "holds for these cameras and places only";
    else
        return "holds for photos like those that were held out";
    return text;
}
