/* SPDX-License-Identifier: Apache-2.0
 * Two ways to score photos by gates that never saw them. Where the features are a frozen backbone's, all
 * photos take part and each source is scored by a gate made of the others (cross-fit). Where the features
 * learned from the training photos, or the user holds photos out, the scorer is fitted to the training photos
 * and scores the held-out ones. */
#include "gate_fit.h"

#include "../runtime/cross.h"
#include "metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What `auto` compares, best bet first. A frozen backbone: nearness to normals, which does not fail open,
 * together with what tells them from the known abnormals (docs/scorers.md has the comparison). */
static const char *const frozen_candidates[] = {
    "knn:bottleneck,logistic:bottleneck+early+middle",
    "knn:bottleneck,logistic:bottleneck",
    "knn:bottleneck",
    NULL,
};
static const char *const learned_candidates[] = {
    "cosine:embedding",
    "knn:bottleneck,logistic:bottleneck",
    "knn:embedding",
    NULL,
};
static const char *const normals_only_candidates[] = {"knn:bottleneck", NULL};

/* A later candidate must accept this much less of the abnormals than the best bet: smaller differences do not
 * carry over to photos of other kinds (docs/scorers.md). */
static const double clearly_better = 0.10;

/* One fitted candidate. */
typedef struct candidate {
    wn_scorer_spec spec;
    wn_scorer scorer;
    wn_calibration calibration;
    wn_calibration_source source;
    float *score;    /* [memory.count] */
    bool cross;      /* all rows were scored; else those from held_out on */
    double accepted; /* share of the abnormals, each source counting the same; 0 without abnormals */
} candidate;

static void candidate_free(candidate *c)
{
    wn_scorer_free(&c->scorer);
    wn_calibration_free(&c->calibration);
    free(c->score);
    *c = (candidate){0};
}

/* ---- the two ways ---- */

static winnow_status cross_fit(const wn_gate_fit_options *options, const wn_samples *samples, bool abnormals,
                               candidate *c, winnow_error *error)
{
    wn_folds folds;
    winnow_status status = wn_folds_create(samples, &folds, error);
    if (status)
        return status;
    c->cross = true;
    c->source = folds.by_group ? WN_CALIBRATED_BY_SOURCE : WN_CALIBRATED_BY_BLOCK;
    status =
        wn_cross_fit(&c->spec, samples, &folds, &options->classes, abnormals, &c->scorer, c->score, error);
    if (!status)
        status = wn_cross_calibrate(samples, &folds, c->score, options->promise, &c->calibration, error);
    wn_folds_free(&folds);
    return status;
}

/* Scores the held-out rows by one part, and sets its centre and spread to those of the held-out normals. */
static void standardise(const wn_gate_fit_options *options, const wn_samples *samples, wn_scorer *scorer,
                        wn_part *part, float *scratch)
{
    double sum = 0, squares = 0;
    int count = 0;
    for (int i = options->held_out; i < samples->count; i++) {
        if (samples->label[i] == WN_ABNORMAL)
            continue;
        const float *feature[WN_FEATURES];
        for (int f = 0; f < WN_FEATURES; f++)
            feature[f] =
                samples->feature[f] ? samples->feature[f] + (size_t)i * (size_t)samples->dim[f] : NULL;
        double score = wn_part_score(part, scorer->dim, feature, scratch);
        sum += score;
        squares += score * score;
        count++;
    }
    double mean = sum / count;
    part->centre = (float)mean;
    part->spread = (float)fmax(sqrt(fmax(squares / count - mean * mean, 0)), 1e-6);
}

static winnow_status score_held_out(const wn_gate_fit_options *options, const wn_samples *samples,
                                    candidate *c, winnow_error *error)
{
    float *scratch = malloc(((size_t)wn_scorer_scratch(&c->scorer) + 1) * sizeof *scratch);
    if (!scratch)
        return wn_fail_memory(error);
    for (int p = 0; c->scorer.parts > 1 && p < c->scorer.parts; p++)
        standardise(options, samples, &c->scorer, &c->scorer.part[p], scratch);
    for (int i = options->held_out; i < samples->count; i++) {
        const float *feature[WN_FEATURES];
        for (int f = 0; f < WN_FEATURES; f++)
            feature[f] =
                samples->feature[f] ? samples->feature[f] + (size_t)i * (size_t)samples->dim[f] : NULL;
        c->score[i] = wn_scorer_score(&c->scorer, feature, scratch);
    }
    free(scratch);
    return WINNOW_OK;
}

static winnow_status calibrate_held_out(const wn_gate_fit_options *options, const wn_samples *samples,
                                        candidate *c, winnow_error *error)
{
    const int most = samples->count - options->held_out;
    float *score = malloc(((size_t)most + 1) * sizeof *score);
    int *group = malloc(((size_t)most + 1) * sizeof *group), count = 0;
    winnow_status status = score && group ? WINNOW_OK : wn_fail_memory(error);
    for (int i = options->held_out; i < samples->count && !status; i++)
        if (samples->label[i] != WN_ABNORMAL) {
            score[count] = c->score[i];
            group[count++] = samples->group[i];
        }
    if (!status)
        status = wn_calibrate(score, group, count, options->promise, &c->calibration, error);
    free(score);
    free(group);
    return status;
}

static winnow_status held_out_fit(const wn_gate_fit_options *options, const wn_samples *samples, candidate *c,
                                  winnow_error *error)
{
    int *rows = malloc(((size_t)options->held_out + 1) * sizeof *rows);
    if (!rows)
        return wn_fail_memory(error);
    for (int i = 0; i < options->held_out; i++)
        rows[i] = i;
    c->source = WN_CALIBRATED_HELD_OUT;
    winnow_status status =
        wn_scorer_fit(&c->spec, samples, rows, options->held_out, &options->classes, NULL, &c->scorer, error);
    free(rows);
    if (!status)
        status = score_held_out(options, samples, c, error);
    return status ? status : calibrate_held_out(options, samples, c, error);
}

/* ---- choosing ---- */

/* Share of the scored abnormals at or above the threshold, each source counting the same. */
static double accepted_share(const wn_samples *samples, int first, const candidate *c)
{
    double sum = 0;
    int sources = 0;
    for (int g = 0; g < WN_MAX_GROUPS; g++) {
        int count = 0, accepted = 0;
        for (int i = first; i < samples->count; i++)
            if (samples->label[i] == WN_ABNORMAL && samples->group[i] == g) {
                count++;
                accepted += c->score[i] >= c->calibration.threshold;
            }
        if (count) {
            sum += (double)accepted / count;
            sources++;
        }
    }
    return sources ? sum / sources : 0;
}

static winnow_status fit_candidate(const wn_gate_fit_options *options, const wn_samples *samples,
                                   const char *text, candidate *c, winnow_error *error)
{
    *c = (candidate){0};
    winnow_status status = wn_spec_parse(text, &c->spec, error);
    if (status)
        return status;
    const bool learned = options->learned_features || options->own_validation ||
                         wn_spec_features(&c->spec) & 1u << WN_EMBEDDING;
    const bool abnormals = wn_samples_normals(samples) < samples->count;
    c->score = calloc((size_t)samples->count + 1, sizeof *c->score);
    status = !c->score ? wn_fail_memory(error)
             : learned ? held_out_fit(options, samples, c, error)
                       : cross_fit(options, samples, abnormals, c, error);
    if (status)
        candidate_free(c);
    else
        c->accepted = accepted_share(samples, c->cross ? 0 : options->held_out, c);
    return status;
}

/* Whether a scorer that compares with abnormals has enough of them to be fitted to, also without the one that
 * is left out in turn. */
static bool has_abnormals(const wn_gate_fit_options *options, const wn_samples *samples)
{
    const bool held = options->learned_features || options->own_validation;
    int abnormals = 0;
    for (int i = 0; i < (held ? options->held_out : samples->count); i++)
        abnormals += samples->label[i] == WN_ABNORMAL;
    return abnormals >= WN_LEAST_ABNORMALS + !held;
}

static winnow_status choose(const wn_gate_fit_options *options, const wn_gate_file *gate, candidate *best,
                            int *candidates, winnow_error *error)
{
    const wn_samples *samples = &gate->memory;
    *candidates = 1;
    if (strcmp(options->scorer, "auto") != 0)
        return fit_candidate(options, samples, options->scorer, best, error);
    const char *const *others = frozen_candidates;
    if (wn_samples_normals(samples) == samples->count ||
        (!options->learned_features && !has_abnormals(options, samples)))
        others = normals_only_candidates;
    else if (options->learned_features)
        others = learned_candidates;
    winnow_status status = fit_candidate(options, samples, *others, best, error);
    for (others++; *others && !status; others++) {
        candidate other;
        status = fit_candidate(options, samples, *others, &other, error);
        if (status)
            break;
        ++*candidates;
        if (other.accepted + clearly_better < best->accepted) {
            candidate worse = *best;
            *best = other;
            other = worse;
        }
        candidate_free(&other);
    }
    if (status)
        candidate_free(best);
    return status;
}

/* ---- result ---- */

static winnow_status tell(const wn_gate_fit_options *options, const wn_samples *samples, const candidate *c,
                          wn_gate_fit_result *result, winnow_error *error)
{
    const int first = c->cross ? 0 : options->held_out, most = samples->count - first;
    result->row = malloc(((size_t)most + 1) * sizeof *result->row);
    result->score = malloc(((size_t)most + 1) * sizeof *result->score);
    float *sorted = malloc(((size_t)most + 1) * sizeof *sorted); /* normals first */
    if (!result->row || !result->score || !sorted) {
        free(sorted);
        return wn_fail_memory(error);
    }
    size_t normals = 0;
    for (int i = first; i < samples->count; i++) {
        result->row[result->count] = i;
        result->score[result->count++] = c->score[i];
        if (samples->label[i] != WN_ABNORMAL)
            sorted[normals++] = c->score[i];
    }
    size_t all = normals;
    for (int i = first; i < samples->count; i++)
        if (samples->label[i] == WN_ABNORMAL)
            sorted[all++] = c->score[i];
    result->auroc = result->fpr_at_95_tpr = NAN;
    wn_roc roc;
    winnow_status status = WINNOW_OK;
    if (all > normals &&
        !(status = wn_roc_create(sorted, normals, sorted + normals, all - normals, &roc, error))) {
        result->auroc = roc.auroc;
        result->fpr_at_95_tpr = roc.fpr_at_95_tpr;
        wn_roc_free(&roc);
    }
    free(sorted);
    return status;
}

/* The file keeps the features that the scorer looks at, and no others. */
static void drop_unused_features(wn_samples *samples, unsigned used)
{
    for (int f = 0; f < WN_FEATURES; f++)
        if (!(used & 1u << f)) {
            free(samples->feature[f]);
            samples->feature[f] = NULL;
            samples->dim[f] = 0;
        }
}

winnow_status wn_gate_fit(const wn_gate_fit_options *options, wn_gate_file *gate, wn_gate_fit_result *result,
                          winnow_error *error)
{
    candidate best;
    *result = (wn_gate_fit_result){0};
    winnow_status status = choose(options, gate, &best, &result->candidates, error);
    if (status)
        return status;
    status = tell(options, &gate->memory, &best, result, error);
    gate->spec = best.spec;
    gate->scorer = best.scorer;
    gate->calibration = best.calibration;
    gate->source = best.source;
    free(best.score);
    if (!status) /* a split holds sources of the same cameras out; folders of the user's may be others */
        status = wn_gate_file_tell_sources(gate, options->own_validation ? options->held_out : 0,
                                           &gate->calibration, error);
    drop_unused_features(&gate->memory, wn_spec_features(&gate->spec));
    return status ? status : wn_samples_thin(&gate->memory, WN_MEMORY, NULL, error);
}

void wn_gate_fit_result_free(wn_gate_fit_result *result)
{
    free(result->row);
    free(result->score);
    *result = (wn_gate_fit_result){0};
}
