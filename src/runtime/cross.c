/* SPDX-License-Identifier: Apache-2.0 */
#include "cross.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- folds ---- */

static bool is_normal(const wn_samples *samples, int i)
{
    return samples->label[i] != WN_ABNORMAL;
}

/* What is left out in turns of its own. */
typedef enum turn { NORMALS, ABNORMALS, TAUGHT } turn;

static turn turn_of(const wn_samples *samples, int i)
{
    if (is_normal(samples, i))
        return NORMALS;
    return samples->group[i] >= samples->first_learned ? TAUGHT : ABNORMALS;
}

/* Gives every group of one kind a fold: its own, or that with the fewest photos so far, largest groups first.
 * Returns the number of folds. */
static int fold_groups(const int *size, int groups, int *fold_of)
{
    long load[WN_MOST_FOLDS] = {0};
    int folds = groups < WN_MOST_FOLDS ? groups : WN_MOST_FOLDS;
    for (int g = 0; g < WN_MAX_GROUPS; g++)
        fold_of[g] = -1;
    for (int done = 0; done < groups; done++) {
        int largest = -1, lightest = 0;
        for (int g = 0; g < WN_MAX_GROUPS; g++)
            if (size[g] && fold_of[g] < 0 && (largest < 0 || size[g] > size[largest]))
                largest = g;
        for (int f = 1; f < folds; f++)
            if (load[f] < load[lightest])
                lightest = f;
        fold_of[largest] = lightest;
        load[lightest] += size[largest];
    }
    return folds;
}

/* Whether every source can be left out whole: what stays must be much the gate that is shipped. Of normals a
 * third stays without any source, and a twentieth without any two, so that it is three sources that are left
 * out in turn; of abnormals, which set no threshold, a tenth, and enough to fit to. */
static bool sources_suffice(const int *size, int count, turn which)
{
    int largest = 0, second = 0;
    for (int g = 0; g < WN_MAX_GROUPS; g++)
        if (size[g] > largest) {
            second = largest;
            largest = size[g];
        } else if (size[g] > second) {
            second = size[g];
        }
    const int64_t without = count - largest, without_two = without - second;
    return which == NORMALS ? 3 * without >= count && 20 * without_two >= count
                            : 10 * without >= count && without >= WN_LEAST_ABNORMALS;
}

/* Blocks of neighbours, cut in each class by itself: one that lay in one block would be left out whole. */
static void fold_blocks(const wn_samples *samples, turn which, int folds, int *fold)
{
    int last = 0;
    for (int i = 0; i < samples->count; i++)
        last = samples->label[i] > last ? samples->label[i] : last;
    for (int label = 0; label <= last; label++) {
        int count = 0, at = 0;
        for (int i = 0; i < samples->count; i++)
            count += turn_of(samples, i) == which && samples->label[i] == label;
        for (int i = 0; i < samples->count && count; i++)
            if (turn_of(samples, i) == which && samples->label[i] == label)
                fold[i] = (int)((int64_t)at++ * folds / count);
    }
}

/* size and fold_of: [WN_MAX_GROUPS], scratch. */
static int fold_kind(const wn_samples *samples, turn which, wn_folds *folds, int *size, int *fold_of)
{
    int count = 0, groups = 0;
    memset(size, 0, WN_MAX_GROUPS * sizeof *size);
    for (int i = 0; i < samples->count; i++)
        if (turn_of(samples, i) == which) {
            groups += size[samples->group[i]]++ == 0;
            count++;
        }
    const bool by_group = which != TAUGHT && count && sources_suffice(size, count, which);
    const int most = which == TAUGHT ? WN_TAUGHT_FOLDS : WN_MOST_FOLDS;
    int total = by_group ? fold_groups(size, groups, fold_of) : count < most ? count : most;
    if (!by_group)
        fold_blocks(samples, which, total, folds->fold);
    for (int i = 0; i < samples->count && by_group; i++)
        if (turn_of(samples, i) == which)
            folds->fold[i] = fold_of[samples->group[i]];
    if (which == NORMALS) {
        folds->normal_groups = groups;
        folds->by_group = by_group;
    }
    return total;
}

/* Taught look-alikes are left out beside other abnormals, but for a single one: no gate without it is on the
 * scale of the others. */
static void fold_taught(const wn_samples *samples, wn_folds *folds, int *size, int *fold_of)
{
    const int parts = fold_kind(samples, TAUGHT, folds, size, fold_of);
    for (int i = 0; i < samples->count && parts == 1; i++)
        if (turn_of(samples, i) == TAUGHT)
            folds->fold[i] = folds->abnormals;
    if (parts == 1)
        folds->abnormals++;
    else if (parts > folds->abnormals)
        folds->abnormals = parts;
}

winnow_status wn_folds_create(const wn_samples *samples, wn_folds *folds, winnow_error *error)
{
    *folds = (wn_folds){.fold = calloc((size_t)samples->count + 1, sizeof(int))};
    int *size = calloc(2 * WN_MAX_GROUPS, sizeof *size);
    if (!folds->fold || !size) {
        wn_folds_free(folds);
        free(size);
        return wn_fail_memory(error);
    }
    folds->normals = fold_kind(samples, NORMALS, folds, size, size + WN_MAX_GROUPS);
    folds->abnormals = fold_kind(samples, ABNORMALS, folds, size, size + WN_MAX_GROUPS);
    fold_taught(samples, folds, size, size + WN_MAX_GROUPS);
    free(size);
    return WINNOW_OK;
}

void wn_folds_free(wn_folds *folds)
{
    free(folds->fold);
    *folds = (wn_folds){0};
}

/* ---- scores out of fold ---- */

typedef struct cross {
    const wn_scorer_spec *spec;
    const wn_samples *samples;
    const wn_folds *folds;
    const wn_class_vectors *classes;
    const wn_scorer *whole; /* once it is fitted */
    float *raw;             /* (samples.count, parts) */
    float *scratch;         /* one x */
    int *list;              /* [samples.count] */
    wn_logistic known[WN_MAX_PARTS];
} cross;

static void score_row(const cross *work, const wn_scorer *scorer, int row)
{
    const wn_samples *samples = work->samples;
    const float *feature[WN_FEATURES];
    for (int f = 0; f < WN_FEATURES; f++)
        feature[f] = samples->feature[f] ? samples->feature[f] + (size_t)row * samples->dim[f] : NULL;
    for (int p = 0; p < scorer->parts; p++)
        work->raw[(size_t)row * scorer->parts + p] =
            wn_part_score(&scorer->part[p], scorer->dim, feature, work->scratch);
}

/* What counts as near to the look-alikes that were taught is no secret of the normals that are left out: were
 * their gate to ask the others alone, a source that is nearer to the look-alikes would lose by it as a whole,
 * and set a threshold that everyday scenes pass. */
static void share_level(const wn_scorer *whole, wn_scorer *scorer)
{
    for (int p = 0; p < scorer->parts; p++)
        if (whole->part[p].spec.kind == WN_KNN && whole->part[p].table[WN_KNN_LEVEL].data)
            scorer->part[p].table[WN_KNN_LEVEL].data[0] = whole->part[p].table[WN_KNN_LEVEL].data[0];
}

/* Fits without one fold of normals or of abnormals (fold < 0: with everything) and scores what was left out:
 * NaN where it was the only look-alike that was taught, without which scores have another scale. */
static winnow_status leave_out(cross *work, bool normal, int fold, wn_scorer *scorer, winnow_error *error)
{
    const wn_samples *samples = work->samples;
    int kept = 0, taught = 0, taught_kept = 0;
    for (int i = 0; i < samples->count; i++) {
        const bool stays = is_normal(samples, i) != normal || work->folds->fold[i] != fold;
        if (stays)
            work->list[kept++] = i;
        taught += turn_of(samples, i) == TAUGHT;
        taught_kept += stays && turn_of(samples, i) == TAUGHT;
    }
    const bool alone = taught && !taught_kept;
    *scorer = (wn_scorer){0};
    winnow_status status = alone ? WINNOW_OK
                                 : wn_scorer_fit(work->spec, samples, work->list, kept, work->classes,
                                                 work->known, scorer, error);
    if (!status && normal && work->whole)
        share_level(work->whole, scorer);
    for (int i = 0; i < samples->count && !status; i++) {
        if (is_normal(samples, i) != normal || work->folds->fold[i] != fold)
            continue;
        for (int p = 0; p < work->spec->parts && alone; p++)
            work->raw[(size_t)i * (size_t)work->spec->parts + (size_t)p] = NAN;
        if (!alone)
            score_row(work, scorer, i);
    }
    return status;
}

static winnow_status score_left_out(cross *work, bool abnormals, const wn_scorer *whole, winnow_error *error)
{
    winnow_status status = WINNOW_OK;
    for (int kind = 0; kind < (abnormals ? 2 : 1); kind++) {
        bool normal = kind == 0;
        const bool seen = wn_spec_uses_abnormals(work->spec) || work->samples->first_learned < WN_MAX_GROUPS;
        if (!normal && !seen) { /* no gate saw them */
            for (int i = 0; i < work->samples->count; i++)
                if (!is_normal(work->samples, i))
                    score_row(work, whole, i);
            continue;
        }
        int folds = normal ? work->folds->normals : work->folds->abnormals;
        for (int fold = 0; fold < folds && !status; fold++) {
            wn_scorer scorer;
            status = leave_out(work, normal, fold, &scorer, error);
            wn_scorer_free(&scorer);
        }
    }
    return status;
}

/* Centre and spread of each part over the normals. A photo weighs 1/sqrt(size of its source), as where
 * scorers are fitted: were every source alike, a single photo of a new one would move both. size:
 * [WN_MAX_GROUPS]. */
static void standardise(const cross *work, const int *size, wn_scorer *scorer)
{
    for (int p = 0; p < scorer->parts; p++) {
        double sum = 0, squares = 0, total = 0;
        for (int i = 0; i < work->samples->count; i++)
            if (is_normal(work->samples, i)) {
                double raw = work->raw[(size_t)i * scorer->parts + p];
                double weight = 1 / sqrt(size[work->samples->group[i]]);
                total += weight;
                sum += weight * raw;
                squares += weight * raw * raw;
            }
        double mean = sum / total, variance = squares / total - mean * mean;
        scorer->part[p].centre = (float)mean;
        scorer->part[p].spread = variance > 1e-12 ? (float)sqrt(variance) : 1e-6f;
    }
}

static winnow_status standardise_all(const cross *work, wn_scorer *scorer, winnow_error *error)
{
    int *size = calloc(WN_MAX_GROUPS, sizeof *size);
    if (!size)
        return wn_fail_memory(error);
    for (int i = 0; i < work->samples->count; i++)
        if (is_normal(work->samples, i))
            size[work->samples->group[i]]++;
    standardise(work, size, scorer);
    free(size);
    return WINNOW_OK;
}

/* scale: what the parts are standardised by, or NULL: by these scores, as *scorer says then. */
static winnow_status cross_fit(const wn_scorer_spec *spec, const wn_samples *samples, const wn_folds *folds,
                               const wn_class_vectors *classes, bool abnormals, const wn_scorer *scale,
                               wn_scorer *scorer, float *score, winnow_error *error)
{
    size_t count = (size_t)samples->count, dim = 0;
    for (int f = 0; f < WN_FEATURES; f++)
        dim += (size_t)samples->dim[f];
    cross work = {spec,
                  samples,
                  folds,
                  classes,
                  NULL,
                  calloc(count * spec->parts + 1, sizeof(float)),
                  calloc(dim + 1, sizeof(float)),
                  calloc(count + 1, sizeof(int)),
                  {{0}}};
    *scorer = (wn_scorer){0};
    winnow_status status = work.raw && work.scratch && work.list ? WINNOW_OK : wn_fail_memory(error);
    if (!status)
        status = leave_out(&work, true, -1, scorer, error);
    work.whole = scorer;
    if (!status)
        status = score_left_out(&work, abnormals, scorer, error);
    if (!status && !scale && scorer->parts > 1)
        status = standardise_all(&work, scorer, error);
    for (int i = 0; i < samples->count && !status; i++) {
        score[i] = 0;
        if (abnormals || is_normal(samples, i))
            score[i] = wn_standard_score(scale ? scale : scorer, work.raw + (size_t)i * scorer->parts);
    }
    for (int p = 0; p < WN_MAX_PARTS; p++)
        wn_logistic_free(&work.known[p]);
    free(work.raw);
    free(work.scratch);
    free(work.list);
    return status;
}

winnow_status wn_cross_fit(const wn_scorer_spec *spec, const wn_samples *samples, const wn_folds *folds,
                           const wn_class_vectors *classes, bool abnormals, wn_scorer *scorer, float *score,
                           winnow_error *error)
{
    return cross_fit(spec, samples, folds, classes, abnormals, NULL, scorer, score, error);
}

winnow_status wn_cross_score(const wn_scorer_spec *spec, const wn_scorer *scale, const wn_samples *samples,
                             const wn_class_vectors *classes, float *score, winnow_error *error)
{
    wn_folds folds;
    wn_scorer scorer = {0};
    winnow_status status = wn_folds_create(samples, &folds, error);
    if (!status)
        status = cross_fit(spec, samples, &folds, classes, true, scale, &scorer, score, error);
    wn_folds_free(&folds);
    wn_scorer_free(&scorer);
    return status;
}

winnow_status wn_cross_calibrate(const wn_samples *samples, const wn_folds *folds, const float *score,
                                 wn_promise promise, wn_calibration *calibration, winnow_error *error)
{
    float *normal = calloc((size_t)samples->count + 1, sizeof *normal);
    int *group = calloc((size_t)samples->count + 1, sizeof *group), count = 0;
    *calibration = (wn_calibration){0};
    winnow_status status = normal && group ? WINNOW_OK : wn_fail_memory(error);
    for (int i = 0; i < samples->count && !status; i++)
        if (is_normal(samples, i)) {
            normal[count] = score[i];
            group[count++] = samples->group[i];
        }
    if (!status)
        status = wn_calibrate(normal, folds->by_group ? group : NULL, count, promise, calibration, error);
    if (!status)
        calibration->groups = folds->normal_groups;
    free(normal);
    free(group);
    return status;
}
