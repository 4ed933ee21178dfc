/* SPDX-License-Identifier: Apache-2.0
 * The public face of learn.c: a gate file in memory, a network to look at pictures with, and what was added.
 * What was added is appended to the gate's own memory of photos; learning works on a copy of it. */
#include "cross.h"
#include "gate_file.h"
#include "learn.h"
#include "plan.h"
#include "vector.h"
#include "views.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct winnow_learner {
    wn_gate_file file; /* file.memory: the gate's own rows, then those that were added */
    int own_rows, own_groups, own_first_learned;
    char source[128]; /* of what is added from now on */
    wn_plan *plan;
    int dim[WN_FEATURES]; /* what the memory keeps of a photo */
    int size;             /* their sum */
    wn_look *look;        /* [look_room] of the rows that were added */
    unsigned char *view;  /* [look_room] scratch: which of them are views */
    int look_room;
};

/* ---- life ---- */

static winnow_status prepare(winnow_learner *learner, winnow_error *error)
{
    wn_gate_file *file = &learner->file;
    winnow_status status = wn_learn_check(file, error);
    if (!status)
        status = wn_gate_file_plan(file, &learner->plan, error);
    if (status)
        return status;
    if (!file->spec.parts)
        wn_learn_start(file);
    memcpy(learner->dim, file->memory.dim, sizeof learner->dim);
    for (int f = 0; f < WN_FEATURES; f++)
        learner->size += learner->dim[f];
    learner->own_rows = file->memory.count;
    learner->own_groups = file->groups;
    learner->own_first_learned = file->memory.first_learned;
    return winnow_learner_source(learner, NULL, error);
}

winnow_status winnow_learner_create(const void *bytes, size_t size, winnow_learner **out, winnow_error *error)
{
    if (!bytes || !out)
        return wn_fail(error, WINNOW_ERROR_ARGUMENT, -1,
                       "winnow_learner_create: bytes and learner must not be NULL");
    winnow_learner *learner = calloc(1, sizeof *learner);
    if (!learner)
        return wn_fail_memory(error);
    winnow_status status = wn_gate_file_parse_start(bytes, size, &learner->file, error);
    if (!status)
        status = prepare(learner, error);
    if (status)
        winnow_learner_free(learner);
    else
        *out = learner;
    return status;
}

void winnow_learner_free(winnow_learner *learner)
{
    if (!learner)
        return;
    wn_plan_free(learner->plan);
    wn_gate_file_free(&learner->file);
    free(learner->look);
    free(learner->view);
    free(learner);
}

void winnow_learner_reset(winnow_learner *learner)
{
    if (!learner)
        return;
    wn_gate_file *file = &learner->file;
    file->memory.count = learner->own_rows;
    file->memory.first_learned = learner->own_first_learned;
    wn_gate_file_drop_groups(file, learner->own_groups);
}

winnow_status winnow_learner_promise(winnow_learner *learner, double false_reject, double confidence,
                                     winnow_error *error)
{
    if (!learner || !(false_reject > 0 && false_reject < 0.5) || !(confidence >= 0 && confidence < 1))
        return wn_fail(
            error, WINNOW_ERROR_ARGUMENT, -1,
            "winnow_learner_promise: a false-reject rate must lie between 0 and 0.5, a confidence be at "
            "least 0 and below 1");
    learner->file.calibration.promise = (wn_promise){false_reject, confidence};
    return WINNOW_OK;
}

winnow_status winnow_learner_source(winnow_learner *learner, const char *name, winnow_error *error)
{
    if (!learner)
        return wn_fail(error, WINNOW_ERROR_ARGUMENT, -1, "winnow_learner_source: learner must not be NULL");
    if (name && (!*name || strlen(name) >= sizeof learner->source))
        return wn_fail(error, WINNOW_ERROR_ARGUMENT, -1, "winnow_learner_source: a name has 1 to %zu bytes",
                       sizeof learner->source - 1);
    snprintf(learner->source, sizeof learner->source, "%s", name ? name : "camera");
    return WINNOW_OK;
}

/* ---- pictures ---- */

int winnow_learner_embedding_size(const winnow_learner *learner)
{
    return learner ? learner->size : 0;
}

static void *aligned(size_t bytes)
{
    return aligned_alloc(64, (bytes + 63) / 64 * 64);
}

/* image -> rgb, the network's square, which is the caller's to free. */
static winnow_status square_of(const winnow_learner *learner, const winnow_image *image, uint8_t **rgb,
                               winnow_error *error)
{
    const wn_preprocess *preprocess = &learner->file.preprocess;
    const size_t resize = wn_preprocess_scratch(preprocess, image->width, image->height);
    void *scratch = aligned(resize + 1);
    *rgb = malloc((size_t)preprocess->size * (size_t)preprocess->size * 3);
    winnow_status status = *rgb && scratch
                               ? wn_preprocess_bytes(preprocess, image, *rgb, scratch, resize, error)
                               : wn_fail_memory(error);
    free(scratch);
    if (status) {
        free(*rgb);
        *rgb = NULL;
    }
    return status;
}

/* One forward pass, to feature[f] of the lengths that the network gives. */
static winnow_status look(const winnow_learner *learner, const uint8_t *rgb,
                          float *const feature[WN_FEATURES], winnow_error *error)
{
    const wn_preprocess *preprocess = &learner->file.preprocess;
    float *input = aligned((size_t)preprocess->size * (size_t)preprocess->size * 3 * sizeof *input);
    void *scratch = aligned(wn_plan_scratch(learner->plan, 1));
    const bool room = input && scratch;
    if (room) {
        wn_preprocess_normalise(preprocess, rgb, input);
        wn_outputs outputs = wn_feature_outputs(&learner->file.network, feature);
        if (!learner->file.has_embedding)
            outputs.embedding = NULL;
        wn_plan_run(learner->plan, 1, input, &outputs, scratch);
    }
    free(input);
    free(scratch);
    return room ? WINNOW_OK : wn_fail_memory(error);
}

/* The features that the memory keeps, normalised, one after the other. */
static winnow_status embed(const winnow_learner *learner, const uint8_t *rgb, float *embedding,
                           winnow_error *error)
{
    const wn_network *network = &learner->file.network;
    int length[WN_FEATURES];
    size_t total = 0;
    for (int f = 0; f < WN_FEATURES; f++)
        total += (size_t)(length[f] = wn_feature_size(network, f));
    float *all = malloc(total * sizeof *all), *feature[WN_FEATURES];
    if (!all)
        return wn_fail_memory(error);
    for (int f = 0; f < WN_FEATURES; f++)
        feature[f] = f ? feature[f - 1] + length[f - 1] : all;
    winnow_status status = look(learner, rgb, feature, error);
    for (int f = 0; f < WN_FEATURES && !status; f++)
        if (learner->dim[f]) {
            wn_normalise(feature[f], learner->dim[f]);
            memcpy(embedding, feature[f], (size_t)learner->dim[f] * sizeof *embedding);
            embedding += learner->dim[f];
        }
    free(all);
    return status;
}

winnow_status winnow_learner_embed(winnow_learner *learner, const winnow_image *image, float *embedding,
                                   winnow_error *error)
{
    if (!learner || !image || !embedding)
        return wn_fail(error, WINNOW_ERROR_ARGUMENT, -1,
                       "winnow_learner_embed: learner, image and embedding must not be NULL");
    uint8_t *rgb;
    winnow_status status = square_of(learner, image, &rgb, error);
    if (!status)
        status = embed(learner, rgb, embedding, error);
    free(rgb);
    return status;
}

static winnow_status make_room_for_look(winnow_learner *learner, winnow_error *error)
{
    const int added = learner->file.memory.count - learner->own_rows;
    if (added < learner->look_room)
        return WINNOW_OK;
    const size_t room = 2 * (size_t)added + 64;
    wn_look *look = realloc(learner->look, room * sizeof *look);
    if (look)
        learner->look = look;
    unsigned char *view = look ? realloc(learner->view, room) : NULL;
    if (!view)
        return wn_fail_memory(error);
    learner->view = view;
    learner->look_room = (int)room;
    return WINNOW_OK;
}

/* rgb: the picture's square, or NULL where it was not seen. */
static winnow_status add(winnow_learner *learner, const float *embedding, const uint8_t *rgb,
                         winnow_label label, winnow_error *error)
{
    const float *feature[WN_FEATURES];
    for (int f = 0; f < WN_FEATURES; f++) {
        feature[f] = embedding;
        embedding += learner->dim[f];
    }
    const int group = wn_learn_group(&learner->file, learner->source, label == WINNOW_LABEL_NORMAL);
    if (group < 0)
        return wn_fail(error, WINNOW_ERROR_MEMORY, -1,
                       "out of memory, or the pictures come from more than %d sources", WN_MAX_GROUPS);
    winnow_status status = make_room_for_look(learner, error);
    if (status)
        return status;
    wn_look *look = &learner->look[learner->file.memory.count - learner->own_rows];
    if (rgb)
        wn_look_at(rgb, learner->file.preprocess.size, look);
    else
        look->contrast = -1;
    return wn_samples_add(&learner->file.memory, feature, label == WINNOW_LABEL_NORMAL ? 1 : WN_ABNORMAL,
                          group, error);
}

static bool is_label(winnow_label label)
{
    return label == WINNOW_LABEL_ABNORMAL || label == WINNOW_LABEL_NORMAL;
}

winnow_status winnow_learner_add_embedding(winnow_learner *learner, const float *embedding,
                                           winnow_label label, winnow_error *error)
{
    if (!learner || !embedding || !is_label(label))
        return wn_fail(error, WINNOW_ERROR_ARGUMENT, -1,
                       "winnow_learner_add_embedding: learner and embedding must not be NULL, label must be "
                       "normal or abnormal");
    return add(learner, embedding, NULL, label, error);
}

winnow_status winnow_learner_add(winnow_learner *learner, const winnow_image *image, winnow_label label,
                                 winnow_error *error)
{
    if (!learner || !image || !is_label(label))
        return wn_fail(
            error, WINNOW_ERROR_ARGUMENT, -1,
            "winnow_learner_add: learner and image must not be NULL, label must be normal or abnormal");
    float *embedding = malloc(((size_t)learner->size + 1) * sizeof *embedding);
    if (!embedding)
        return wn_fail_memory(error);
    uint8_t *rgb;
    winnow_status status = square_of(learner, image, &rgb, error);
    if (!status)
        status = embed(learner, rgb, embedding, error);
    if (!status)
        status = add(learner, embedding, rgb, label, error);
    free(rgb);
    free(embedding);
    return status;
}

/* ---- what is there, and what is missing ---- */

int winnow_learner_count(const winnow_learner *learner, winnow_label label)
{
    if (!learner || !is_label(label))
        return -1;
    const int normals = wn_samples_normals(&learner->file.memory);
    return label == WINNOW_LABEL_NORMAL ? normals : learner->file.memory.count - normals;
}

/* Normals that the gate brought, and views among those that were added, but no more than `most`. */
static int count_proofs(const winnow_learner *learner, int most)
{
    wn_samples own = learner->file.memory; /* a view of its first rows */
    own.count = learner->own_rows;
    const int normals = wn_samples_normals(&own);
    return normals + wn_count_views(&learner->file.memory, learner->own_rows, learner->look, most - normals,
                                    learner->view);
}

int winnow_learner_needed(const winnow_learner *learner)
{
    if (!learner)
        return 0;
    const int wanted = wn_calibration_needed(learner->file.calibration.promise);
    const int needed = wanted - count_proofs(learner, wanted);
    return needed > 0 ? needed : 0;
}

static void describe_sessions(const char *rate, int cameras, char *text, size_t size)
{
    if (cameras == 1)
        snprintf(text, size, "%s can be promised, for new sessions of this camera only", rate);
    else
        snprintf(text, size, "%s can be promised, for new sessions of these %d cameras only", rate, cameras);
}

void winnow_learner_describe(const winnow_learner *learner, char *text, size_t size)
{
    if (!learner || !text || !size)
        return;
    *text = 0;
    const wn_promise promise = learner->file.calibration.promise;
    const int needed = winnow_learner_needed(learner);
    char rate[64];
    int length = snprintf(rate, sizeof rate, "%.3g%%", 100 * promise.false_reject);
    if (promise.confidence > 0)
        snprintf(rate + length, sizeof rate - (size_t)length, " with %.3g%% confidence",
                 100 * promise.confidence);
    if (needed) {
        const bool repeated =
            winnow_learner_count(learner, WINNOW_LABEL_NORMAL) + needed > wn_calibration_needed(promise);
        snprintf(text, size, "%d more normal picture%s%s for %s", needed, needed == 1 ? "" : "s",
                 repeated ? ", of other views," : "", rate);
        return;
    }
    wn_folds folds; /* as the new gate's, but for frames that are no views of their own */
    if (wn_folds_create(&learner->file.memory, &folds, NULL))
        return;
    wn_calibration about = {0};
    if (folds.by_group && !wn_gate_file_tell_sources(&learner->file, 0, &about, NULL) &&
        about.kind == WN_SOURCE_BURST)
        describe_sessions(rate, about.cameras, text, size);
    else if (folds.by_group)
        snprintf(text, size, "%s can be promised, for cameras like the %d it knows", rate,
                 folds.normal_groups);
    else if (folds.normal_groups == 1)
        snprintf(text, size, "%s can be promised, for this camera only", rate);
    else
        snprintf(text, size, "%s can be promised, for these %d cameras only", rate, folds.normal_groups);
    wn_folds_free(&folds);
}

/* ---- the new gate ---- */

/* The memory without the normals that were added and are no views of their own. */
static winnow_status copy_proofs(const winnow_learner *learner, wn_samples *copy, winnow_error *error)
{
    const wn_samples *memory = &learner->file.memory;
    winnow_status status = wn_samples_copy(memory, copy, error);
    if (status)
        return status;
    unsigned char *stays = malloc((size_t)memory->count + 1);
    if (!stays)
        return wn_fail_memory(error);
    memset(stays, 1, (size_t)memory->count);
    wn_count_views(memory, learner->own_rows, learner->look, INT_MAX, stays + learner->own_rows);
    wn_samples_keep(copy, stays);
    free(stays);
    return WINNOW_OK;
}

winnow_status winnow_learner_learn(winnow_learner *learner, void **bytes, size_t *size, winnow_lesson *lesson,
                                   winnow_error *error)
{
    if (!learner || !bytes || !size)
        return wn_fail(error, WINNOW_ERROR_ARGUMENT, -1,
                       "winnow_learner_learn: learner, bytes and size must not be NULL");
    wn_gate_file taught = learner->file; /* borrows all of it but the memory */
    wn_learned learned = {0};
    winnow_status status = copy_proofs(learner, &taught.memory, error);
    if (!status)
        status = wn_learn(&taught, learner->own_rows, lesson != NULL, &learned, error);
    if (!status) {
        wn_learned_swap(&taught, &learned);
        status = wn_gate_file_write_memory(&taught, bytes, size, error);
        wn_learned_swap(&taught, &learned);
    }
    if (!status && lesson)
        *lesson = learned.lesson;
    wn_learned_free(&learned);
    wn_samples_free(&taught.memory);
    return status;
}

winnow_status winnow_learner_calibrate(winnow_learner *learner, void **bytes, size_t *size,
                                       winnow_error *error)
{
    if (!learner || !bytes || !size || !learner->file.spec.parts)
        return wn_fail(
            error, WINNOW_ERROR_ARGUMENT, -1,
            "winnow_learner_calibrate: it takes a learner that began with a gate; bytes and size must not "
            "be NULL");
    const wn_samples *memory = &learner->file.memory;
    const int added = memory->count - learner->own_rows;
    wn_gate_file gate = learner->file; /* borrowed, without what was added */
    gate.memory.count = learner->own_rows;
    gate.memory.first_learned = learner->own_first_learned;
    gate.groups = learner->own_groups;
    gate.held_out |= gate.source == WN_CALIBRATED_HELD_OUT;
    gate.source = WN_CALIBRATED_BY_CAMERA;
    float *score = malloc(((size_t)added + (size_t)wn_scorer_scratch(&gate.scorer) + 1) * sizeof *score);
    if (!score)
        return wn_fail_memory(error);
    int count = 0;
    wn_count_views(memory, learner->own_rows, learner->look, INT_MAX, learner->view);
    for (int i = learner->own_rows; i < memory->count; i++)
        if (memory->label[i] != WN_ABNORMAL && learner->view[i - learner->own_rows])
            score[count++] = wn_learn_score(&gate.scorer, memory, i, score + added);
    winnow_status status =
        wn_calibrate(score, NULL, count, gate.calibration.promise, &gate.calibration, error);
    if (!status) {
        status = wn_gate_file_write_memory(&gate, bytes, size, error);
        wn_calibration_free(&gate.calibration);
    }
    free(score);
    return status;
}

void winnow_bytes_free(void *bytes)
{
    free(bytes);
}
