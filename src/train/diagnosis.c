/* SPDX-License-Identifier: Apache-2.0 */
#include "diagnosis.h"

#include <math.h>
#include <stdlib.h>

static void count_normal(wn_diagnosis *d, const wn_answer *a)
{
    const bool right = a->answer == a->class_index;
    const bool confident = (double)a->probability >= d->confident;
    const size_t cell = (size_t)a->class_index * (size_t)d->classes + (size_t)a->answer;
    d->normals++;
    d->right += right;
    d->confusion[cell]++;
    d->normal_wrong[0] += !right && confident;
    if (!a->accepted)
        return;
    d->passed++;
    d->passed_right += right;
    d->accepted[cell]++;
    d->normal_wrong[1] += !right && confident;
}

static void count_abnormal(wn_diagnosis *d, const wn_answer *a)
{
    const bool confident = (double)a->probability >= d->confident;
    d->abnormals++;
    d->abnormals_passed += a->accepted;
    d->abnormal_wrong[0] += confident;
    d->abnormal_wrong[1] += confident && a->accepted;
}

winnow_status wn_diagnosis_measure(const wn_answer *answer, size_t count, int classes, double confident,
                                   wn_diagnosis *d, winnow_error *error)
{
    const size_t cells = (size_t)classes * (size_t)classes;
    *d = (wn_diagnosis){.classes = classes,
                        .confident = confident,
                        .confusion = calloc(cells + 1, sizeof(size_t)),
                        .accepted = calloc(cells + 1, sizeof(size_t))};
    if (!d->confusion || !d->accepted) {
        wn_diagnosis_free(d);
        return wn_fail_memory(error);
    }
    for (size_t i = 0; i < count; i++)
        if (answer[i].class_index >= 0)
            count_normal(d, &answer[i]);
        else
            count_abnormal(d, &answer[i]);
    return WINNOW_OK;
}

void wn_diagnosis_free(wn_diagnosis *d)
{
    free(d->confusion);
    free(d->accepted);
    *d = (wn_diagnosis){0};
}

size_t wn_diagnosis_all_wrong(const wn_diagnosis *d, int gated)
{
    return gated ? d->passed - d->passed_right + d->abnormals_passed : d->normals - d->right + d->abnormals;
}

size_t wn_diagnosis_wrong(const wn_diagnosis *d, int gated)
{
    return d->abnormal_wrong[gated] + d->normal_wrong[gated];
}

static double taken_away(size_t before, size_t after)
{
    return before ? 1 - (double)after / (double)before : NAN;
}

double wn_diagnosis_taken_away(const wn_diagnosis *d)
{
    return taken_away(wn_diagnosis_wrong(d, 0), wn_diagnosis_wrong(d, 1));
}

double wn_diagnosis_all_taken_away(const wn_diagnosis *d)
{
    return taken_away(wn_diagnosis_all_wrong(d, 0), wn_diagnosis_all_wrong(d, 1));
}

wn_class_counts wn_diagnosis_class(const wn_diagnosis *d, int class_index)
{
    const size_t k = (size_t)d->classes, c = (size_t)class_index;
    wn_class_counts counts = {.right = d->confusion[c * k + c]};
    for (size_t other = 0; other < k; other++) {
        counts.photos += d->confusion[c * k + other];
        counts.answers += d->confusion[other * k + c];
    }
    return counts;
}
