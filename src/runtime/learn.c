/* SPDX-License-Identifier: Apache-2.0
 * The work is cross.c's; what is here is which scorer to fit, and an honest account of what changed. */
#include "learn.h"
#include "cross.h"
#include "vector.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_NAME = 200, NEW_PARTS = 5 }; /* new photos are judged by gates without one part of them */

/* Of a gate that starts from a backbone. A regression against a few look-alikes alone would take everything
 * else for normal: COCO's AUROC fell from 0.9996 to 0.987. */
static const char *const first_scorer = "knn:bottleneck";

/* ---- what is taught ---- */

int wn_learn_group(wn_gate_file *gate, const char *name, bool normal)
{
    if (normal)
        return wn_gate_file_group(gate, name);
    wn_samples *memory = &gate->memory;
    if (memory->first_learned > gate->groups)
        memory->first_learned = gate->groups;
    size_t length = strnlen(name, MOST_NAME); /* whole characters of UTF-8 */
    while (name[length] && length > 0 && ((unsigned char)name[length] & 0xc0) == 0x80)
        length--;
    char own[MOST_NAME + 32]; /* not the name of a source of the training, nor of normals */
    for (int i = 1;; i++) {
        snprintf(own, sizeof own, i > 1 ? "learned: %.*s (%d)" : "learned: %.*s", (int)length, name, i);
        const int group = wn_gate_file_group(gate, own);
        if (group < 0 || group >= memory->first_learned)
            return group;
    }
}

void wn_learn_start(wn_gate_file *gate)
{
    const int dim[WN_FEATURES] = {[WN_BOTTLENECK] = gate->network.bottleneck};
    wn_samples_init(&gate->memory, dim);
    gate->calibration.promise = (wn_promise){.false_reject = 0.05};
}

winnow_status wn_learn_check(const wn_gate_file *gate, winnow_error *error)
{
    if (gate->spec.parts && (gate->source == WN_CALIBRATED_HELD_OUT || gate->held_out))
        return wn_fail(
            error, WINNOW_ERROR_DATA, -1,
            "this gate's network learned from its own photos, or was validated on given ones, so it "
            "cannot be taught more: train it anew with the photos, or use `winnow calibrate`");
    if (gate->spec.parts && !gate->memory.count)
        return wn_fail(error, WINNOW_ERROR_DATA, -1,
                       "this gate keeps no memory of its photos, so it cannot be taught: train it anew");
    return WINNOW_OK;
}

/* The scorer that it had. */
static winnow_status choose_spec(const wn_gate_file *gate, int first_new, wn_scorer_spec *spec,
                                 winnow_error *error)
{
    const wn_samples *memory = &gate->memory;
    if (!gate->spec.parts)
        return wn_spec_parse(first_scorer, spec, error);
    char text[WN_SPEC_TEXT];
    wn_spec_format(&gate->spec, text);
    *spec = gate->spec;
    bool looks = wn_spec_uses_abnormals(spec);
    for (int p = 0; p < spec->parts; p++)
        looks |= spec->part[p].kind == WN_KNN;
    for (int i = first_new; i < memory->count && !looks; i++)
        if (memory->label[i] == WN_ABNORMAL)
            return wn_fail(
                error, WINNOW_ERROR_DATA, -1,
                "this gate's scorer (%s) looks at normal photos alone: teach it normals, or train a "
                "gate with --scorer auto",
                text);
    return WINNOW_OK;
}

/* ---- an account of it ---- */

/* Rejected and accepted among rows [first, end), by score and threshold; without those that `leave` (or NULL)
 * marks. */
static void tally(const wn_samples *samples, const float *score, const unsigned char *leave, float threshold,
                  int first, int end, double *rejected, double *accepted)
{
    int count[2] = {0, 0}, passed[2] = {0, 0};
    for (int i = first; i < end; i++) {
        if ((leave && leave[i]) || isnan(score[i]))
            continue;
        const int normal = samples->label[i] != WN_ABNORMAL;
        count[normal]++;
        passed[normal] += score[i] >= threshold;
    }
    *rejected = count[1] ? 1 - (double)passed[1] / count[1] : NAN;
    *accepted = count[0] ? (double)passed[0] / count[0] : NAN;
}

float wn_learn_score(const wn_scorer *scorer, const wn_samples *samples, int i, float *scratch)
{
    const float *feature[WN_FEATURES];
    for (int f = 0; f < WN_FEATURES; f++)
        feature[f] = samples->feature[f] ? samples->feature[f] + (size_t)i * (size_t)samples->dim[f] : NULL;
    return wn_scorer_score(scorer, feature, scratch);
}

/* score[known->count ...]: new rows by the gate itself, but those that it knows already by the gate without
 * their source, as score[0 ... known->count - 1] has them; told_again[known->count] marks these. */
static winnow_status score_new(const wn_gate_file *gate, const wn_samples *known, float *score,
                               unsigned char *told_again, winnow_error *error)
{
    float *scratch = malloc(((size_t)wn_scorer_scratch(&gate->scorer) + 1) * sizeof *scratch);
    if (!scratch)
        return wn_fail_memory(error);
    for (int i = known->count; i < gate->memory.count; i++) {
        const int twin = wn_samples_find(known, &gate->memory, i);
        if (twin >= 0)
            told_again[twin] = 1;
        score[i] = twin >= 0 ? score[twin] : wn_learn_score(&gate->scorer, &gate->memory, i, scratch);
    }
    free(scratch);
    return WINNOW_OK;
}

/* The gate as it was, with all that it knew: known photos by gates without their source, new ones by the gate
 * itself. score: [memory.count], scratch. */
static winnow_status judge_before(const wn_gate_file *gate, int first_new, float *score,
                                  winnow_lesson_shares *shares, winnow_error *error)
{
    *shares = (winnow_lesson_shares){NAN, NAN, NAN, NAN};
    if (!gate->spec.parts)
        return WINNOW_OK;
    wn_samples known = gate->memory; /* a view of its first rows */
    known.count = first_new;
    winnow_status status = wn_cross_score(&gate->spec, &gate->scorer, &known, &gate->classes, score, error);
    unsigned char *told_again = calloc((size_t)first_new + 1, 1);
    if (!status && !told_again)
        status = wn_fail_memory(error);
    if (!status)
        status = score_new(gate, &known, score, told_again, error);
    if (!status) {
        const float threshold = gate->calibration.threshold;
        tally(&known, score, told_again, threshold, 0, first_new, &shares->rejected, &shares->accepted);
        tally(&gate->memory, score, NULL, threshold, first_new, gate->memory.count, &shares->new_rejected,
              &shares->new_accepted);
    }
    free(told_again);
    return status;
}

/* How alike two rows are: the sum of the cosines of their features. */
static float likeness(const wn_samples *samples, int a, int b)
{
    float sum = 0;
    for (int f = 0; f < WN_FEATURES; f++) {
        const size_t dim = (size_t)samples->dim[f];
        if (dim)
            sum += wn_dot(samples->feature[f] + (size_t)a * dim, samples->feature[f] + (size_t)b * dim,
                          (int)dim);
    }
    return sum;
}

/* Cuts list[count] into stretches of neighbours, part[row] of each row: about as long, but parted where
 * neighbours are least alike, so that frames of one clip and views of one leaf stay together. */
static void cut(const wn_samples *samples, const int *list, int count, int *part)
{
    const int parts = count < NEW_PARTS ? count : NEW_PARTS, reach = count / (2 * NEW_PARTS);
    for (int p = 0, at = 0; p < parts; p++) {
        const int even = (int)((int64_t)(p + 1) * count / parts);
        int end = even;
        float least = INFINITY;
        for (int i = even - reach; i <= even + reach && p + 1 < parts; i++) {
            const float alike = likeness(samples, list[i - 1], list[i]);
            if (alike < least) {
                least = alike;
                end = i;
            }
        }
        for (; at < end; at++)
            part[list[at]] = p;
    }
}

/* The parts of the new rows, of each kind of its own; -1 of the others. list: [count], scratch. */
static void part_new(const wn_samples *samples, int first_new, int *list, int *part)
{
    for (int i = 0; i < samples->count; i++)
        part[i] = -1;
    for (int normal = 0; normal < 2; normal++) {
        int count = 0;
        for (int i = first_new; i < samples->count; i++)
            if ((samples->label[i] != WN_ABNORMAL) == normal)
                list[count++] = i;
        cut(samples, list, count, part);
    }
}

/* Scores one part of the new rows (of[row]) by a gate made of everything else, standardised as the taught one
 * is; NaN where that gate was taught no look-alike, as it has another scale then. */
static winnow_status judge_new_part(const wn_gate_file *gate, const wn_learned *learned, const int *of,
                                    int part, int *list, wn_logistic *known, float *score,
                                    winnow_error *error)
{
    const wn_samples *memory = &gate->memory;
    int kept = 0, taught = 0, taught_kept = 0;
    for (int i = 0; i < memory->count; i++) {
        const int look_alike = memory->label[i] == WN_ABNORMAL && memory->group[i] >= memory->first_learned;
        taught += look_alike;
        if (of[i] != part) {
            list[kept++] = i;
            taught_kept += look_alike;
        }
    }
    if (kept == memory->count)
        return WINNOW_OK;
    if (taught && !taught_kept) {
        for (int i = 0; i < memory->count; i++)
            if (of[i] == part)
                score[i] = NAN;
        return WINNOW_OK;
    }
    wn_scorer scorer;
    winnow_status status =
        wn_scorer_fit(&learned->spec, memory, list, kept, &gate->classes, known, &scorer, error);
    for (int p = 0; p < scorer.parts && !status; p++) {
        scorer.part[p].centre = learned->scorer.part[p].centre;
        scorer.part[p].spread = learned->scorer.part[p].spread;
    }
    float *scratch = malloc(((size_t)wn_scorer_scratch(&scorer) + 1) * sizeof *scratch);
    if (!status && !scratch)
        status = wn_fail_memory(error);
    for (int i = 0; i < memory->count && !status; i++)
        if (of[i] == part)
            score[i] = wn_learn_score(&scorer, memory, i, scratch);
    free(scratch);
    wn_scorer_free(&scorer);
    return status;
}

/* Too few photos to do without a part of them are no failure: then nothing is said of the new ones. */
static winnow_status judge_new(const wn_gate_file *gate, wn_learned *learned, int first_new, float *score,
                               winnow_error *error)
{
    winnow_lesson_shares *shares = &learned->lesson.after;
    const int count = gate->memory.count;
    int *list = malloc(2 * ((size_t)count + 1) * sizeof *list), *of = list + count + 1;
    if (!list)
        return wn_fail_memory(error);
    part_new(&gate->memory, first_new, list, of);
    winnow_status status = WINNOW_OK;
    winnow_error failure;
    wn_logistic known[WN_MAX_PARTS] = {{0}};
    for (int part = 0; part < NEW_PARTS && !status; part++)
        status = judge_new_part(gate, learned, of, part, list, known, score, &failure);
    for (int p = 0; p < WN_MAX_PARTS; p++)
        wn_logistic_free(&known[p]);
    free(list);
    shares->new_rejected = shares->new_accepted = NAN;
    if (!status)
        tally(&gate->memory, score, NULL, learned->calibration.threshold, first_new, count,
              &shares->new_rejected, &shares->new_accepted);
    return status && status != WINNOW_ERROR_DATA ? wn_fail(error, status, -1, "%s", failure.message)
                                                 : WINNOW_OK;
}

/* ---- the work ---- */

/* Fits and calibrates; score[memory.count] receives out-of-source scores, of abnormals too where asked. */
static winnow_status refit(const wn_gate_file *gate, bool abnormals, wn_learned *learned, float *score,
                           winnow_error *error)
{
    wn_folds folds;
    winnow_status status = wn_folds_create(&gate->memory, &folds, error);
    if (status)
        return status;
    learned->source = folds.by_group ? WN_CALIBRATED_BY_SOURCE : WN_CALIBRATED_BY_BLOCK;
    status = wn_cross_fit(&learned->spec, &gate->memory, &folds, &gate->classes, abnormals, &learned->scorer,
                          score, error);
    if (!status)
        status = wn_cross_calibrate(&gate->memory, &folds, score, gate->calibration.promise,
                                    &learned->calibration, error);
    if (!status)
        status = wn_gate_file_tell_sources(gate, 0, &learned->calibration, error);
    wn_folds_free(&folds);
    return status;
}

/* What the gate is now, beside what it was before. */
static winnow_status give_account(const wn_gate_file *gate, int first_new, wn_learned *learned, float *score,
                                  winnow_error *error)
{
    winnow_lesson *lesson = &learned->lesson;
    const wn_samples *memory = &gate->memory;
    winnow_status status = refit(gate, true, learned, score, error);
    if (status)
        return status;
    tally(memory, score, NULL, learned->calibration.threshold, 0, first_new, &lesson->after.rejected,
          &lesson->after.accepted);
    lesson->normals = wn_samples_normals(memory);
    lesson->abnormals = memory->count - lesson->normals;
    for (int i = first_new; i < memory->count; i++)
        *(memory->label[i] != WN_ABNORMAL ? &lesson->new_normals : &lesson->new_abnormals) += 1;
    lesson->sources = learned->calibration.groups;
    return judge_new(gate, learned, first_new, score, error);
}

/* The calibration's own refusal, before anything is fitted. */
static winnow_status check_normals(const wn_gate_file *gate, winnow_error *error)
{
    wn_calibration none;
    const int normals = wn_samples_normals(&gate->memory);
    if (wn_calibration_rank(normals, gate->calibration.promise) > 0)
        return WINNOW_OK;
    return wn_calibrate(NULL, NULL, normals, gate->calibration.promise, &none, error);
}

winnow_status wn_learn(wn_gate_file *gate, int first_new, bool account, wn_learned *learned,
                       winnow_error *error)
{
    *learned = (wn_learned){0};
    winnow_status status = wn_learn_check(gate, error);
    if (status)
        return status;
    float *score = calloc((size_t)gate->memory.count + 1, sizeof *score);
    if (!score)
        return wn_fail_memory(error);
    if (account)
        status = judge_before(gate, first_new, score, &learned->lesson.before, error);
    if (!status)
        status = wn_samples_drop_known(&gate->memory, &first_new, &learned->lesson.replaced, error);
    if (!status)
        status = wn_samples_thin(&gate->memory, WN_MEMORY, &first_new, error);
    if (!status)
        status = check_normals(gate, error);
    if (!status)
        status = choose_spec(gate, first_new, &learned->spec, error);
    if (!status)
        status = account ? give_account(gate, first_new, learned, score, error)
                         : refit(gate, false, learned, score, error);
    free(score);
    return status;
}

void wn_learned_free(wn_learned *learned)
{
    wn_scorer_free(&learned->scorer);
    wn_calibration_free(&learned->calibration);
}

#define SWAP(type, a, b)                                                                                     \
    do {                                                                                                     \
        const type kept = (a);                                                                               \
        (a) = (b);                                                                                           \
        (b) = kept;                                                                                          \
    } while (0)

void wn_learned_swap(wn_gate_file *gate, wn_learned *learned)
{
    SWAP(wn_scorer_spec, gate->spec, learned->spec);
    SWAP(wn_scorer, gate->scorer, learned->scorer);
    SWAP(wn_calibration, gate->calibration, learned->calibration);
    SWAP(wn_calibration_source, gate->source, learned->source);
}
