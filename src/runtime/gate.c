/* SPDX-License-Identifier: Apache-2.0
 * A gate at work: the file becomes a plan, a scorer and a calibration, which never change again; a session
 * holds the memory of one thread. A picture goes through preprocess.c, plan.c, scorer.c and calibrate.c, in
 * this order. */
#include "cpu.h"
#include "gate_file.h"
#include "patches.h"
#include "plan.h"
#include "resample_rows.h"
#include "session.h"
#include "vector.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct winnow_gate {
    wn_gate_file file; /* without the weights and the memory of photos: the plan has its own copy */
    wn_plan *plan;
    wn_feature
        embed; /* what winnow_embed gives: the trained embedding, or the feature that is scored first */
    int dim[WN_FEATURES];
};

struct winnow_session {
    const winnow_gate *gate;
    void *memory;                /* of all below, in one block */
    uint8_t *rgb;                /* (size, size, 3) */
    float *input;                /* (size, size, 3) */
    float *feature[WN_FEATURES]; /* of the last picture, L2-normalised */
    float *map[WN_FEATURES];     /* (grid, grid, dim) of one window, and */
    wn_patches patches;          /* what they add up to: for winnow_explain, of what the scorer looks at */
    float *scorer_scratch;
    void *plan_scratch;
    void *preprocess_scratch;
    size_t preprocess_scratch_size;
};

enum { LARGEST_SIDE = 65535 };

/* ---- gates ---- */

const char *winnow_version(void)
{
    return WINNOW_VERSION;
}

const char *winnow_cpu(void)
{
    return wn_cpu_name(wn_cpu_level());
}

winnow_status winnow_cpu_limit(const char *name, winnow_error *error)
{
    wn_cpu highest = WN_CPU_HIGHEST;
    if (name && !wn_cpu_named(name, &highest))
        return wn_fail(
            error, WINNOW_ERROR_ARGUMENT, -1,
            "no instruction set is called '%s': name baseline, avx2, avx512, avx512vnni, avx512bf16, dotprod "
            "or neonbf16",
            name);
    wn_cpu_limit(highest);
    return WINNOW_OK;
}

const char *winnow_verdict_name(winnow_verdict verdict)
{
    static const char *const names[] = {"normal", "unsure", "abnormal"};
    return (unsigned)verdict < 3 ? names[verdict] : "?";
}

/* Takes over *file, and frees it on failure. */
static winnow_status create(wn_gate_file *file, winnow_gate **out, winnow_error *error)
{
    winnow_gate *gate = calloc(1, sizeof *gate);
    if (!gate) {
        wn_gate_file_free(file);
        return wn_fail_memory(error);
    }
    gate->file = *file;
    winnow_status status = wn_gate_file_plan(&gate->file, &gate->plan, error);
    if (status) {
        winnow_gate_free(gate);
        return status;
    }
    wn_params_free(&gate->file.params);
    gate->file.preprocess.kernels = wn_row_kernels_best();
    for (int f = 0; f < WN_FEATURES; f++)
        gate->dim[f] = wn_feature_size(&gate->file.network, f);
    gate->embed = gate->file.has_embedding               ? WN_EMBEDDING
                  : gate->file.scorer.dim[WN_BOTTLENECK] ? WN_BOTTLENECK
                                                         : WN_POOLED;
    *out = gate;
    return WINNOW_OK;
}

winnow_status winnow_gate_open(const char *path, winnow_gate **gate, winnow_error *error)
{
    if (!path || !gate)
        return wn_fail(error, WINNOW_ERROR_ARGUMENT, -1, "winnow_gate_open: path and gate must not be NULL");
    wn_gate_file file;
    winnow_status status = wn_gate_file_read(path, false, &file, error);
    return status ? status : create(&file, gate, error);
}

winnow_status winnow_gate_open_memory(const void *bytes, size_t size, winnow_gate **gate, winnow_error *error)
{
    if (!bytes || !gate)
        return wn_fail(error, WINNOW_ERROR_ARGUMENT, -1,
                       "winnow_gate_open_memory: bytes and gate must not be NULL");
    wn_gate_file file;
    winnow_status status = wn_gate_file_parse(bytes, size, false, &file, error);
    return status ? status : create(&file, gate, error);
}

void winnow_gate_free(winnow_gate *gate)
{
    if (!gate)
        return;
    wn_plan_free(gate->plan);
    wn_gate_file_free(&gate->file);
    free(gate);
}

const char *winnow_gate_metadata(const winnow_gate *gate, const char *key)
{
    return gate && key ? wn_gate_file_get(&gate->file, key) : NULL;
}

int winnow_gate_input_size(const winnow_gate *gate)
{
    return gate ? gate->file.network.input : 0;
}

int winnow_gate_embedding_size(const winnow_gate *gate)
{
    return gate ? gate->dim[gate->embed] : 0;
}

int winnow_gate_class_count(const winnow_gate *gate)
{
    return gate ? gate->file.class_count : 0;
}

const char *winnow_gate_class_name(const winnow_gate *gate, int index)
{
    return gate && index >= 0 && index < gate->file.class_count ? gate->file.class_name[index] : NULL;
}

float winnow_gate_threshold(const winnow_gate *gate)
{
    return gate ? gate->file.calibration.threshold : 0;
}

float winnow_gate_false_reject(const winnow_gate *gate)
{
    return gate ? (float)gate->file.calibration.promise.false_reject : 0;
}

float winnow_gauge(const winnow_gate *gate, float similarity, float p_value)
{
    return gate ? wn_calibration_gauge(&gate->file.calibration, similarity, p_value) : 0;
}

/* ---- sessions ---- */

static size_t rounded(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

/* Hands out 64-byte aligned pieces of a block; with a NULL base it only counts. */
static void *take(char *base, size_t *used, size_t bytes)
{
    void *piece = base ? base + *used : NULL;
    *used += rounded(bytes);
    return piece;
}

/* Whether patches have it: what the scorer looks at, but pooled features for the embedding of them. */
static bool mapped(const wn_gate_file *file, int feature)
{
    const int *dim = file->scorer.dim;
    return feature != WN_EMBEDDING && (dim[feature] || (feature == WN_POOLED && dim[WN_EMBEDDING]));
}

static size_t lay_out(winnow_session *session, const wn_gate_file *file, const wn_plan *plan, char *base)
{
    const size_t values = (size_t)file->preprocess.size * (size_t)file->preprocess.size * 3;
    size_t used = 0;
    session->rgb = take(base, &used, values);
    session->input = take(base, &used, values * sizeof(float));
    for (int f = 0; f < WN_FEATURES; f++) {
        const size_t grid = (size_t)file->network.grid, dim = (size_t)wn_feature_size(&file->network, f);
        session->feature[f] = take(base, &used, dim * sizeof(float));
        if (!mapped(file, f))
            continue;
        session->map[f] = take(base, &used, grid * grid * dim * sizeof(float));
        session->patches.sum[f] = take(base, &used, WN_PATCHES * dim * sizeof(float));
        session->patches.dim[f] = (int)dim;
    }
    session->scorer_scratch = take(base, &used, (size_t)wn_scorer_scratch(&file->scorer) * sizeof(float));
    session->plan_scratch = take(base, &used, wn_plan_scratch(plan, 1));
    session->preprocess_scratch_size = wn_preprocess_scratch(&file->preprocess, LARGEST_SIDE, LARGEST_SIDE);
    session->preprocess_scratch = take(base, &used, session->preprocess_scratch_size);
    return used;
}

size_t wn_session_bytes(const wn_gate_file *file, const wn_plan *plan)
{
    winnow_session session;
    return sizeof session + lay_out(&session, file, plan, NULL);
}

winnow_status winnow_session_create(const winnow_gate *gate, winnow_session **out, winnow_error *error)
{
    if (!gate || !out)
        return wn_fail(error, WINNOW_ERROR_ARGUMENT, -1,
                       "winnow_session_create: gate and session must not be NULL");
    winnow_session *session = calloc(1, sizeof *session);
    if (!session)
        return wn_fail_memory(error);
    session->gate = gate;
    session->memory = aligned_alloc(64, lay_out(session, &gate->file, gate->plan, NULL));
    if (!session->memory) {
        free(session);
        return wn_fail_memory(error);
    }
    lay_out(session, &gate->file, gate->plan, session->memory);
    *out = session;
    return WINNOW_OK;
}

void winnow_session_free(winnow_session *session)
{
    if (!session)
        return;
    free(session->memory);
    free(session);
}

/* ---- pictures ---- */

/* One forward pass over session->input: fills session->feature. */
static void run(winnow_session *session)
{
    const winnow_gate *gate = session->gate;
    wn_outputs outputs = wn_feature_outputs(&gate->file.network, session->feature);
    if (!gate->file.has_embedding)
        outputs.embedding = NULL;
    wn_plan_run(gate->plan, 1, session->input, &outputs, session->plan_scratch);
    for (int f = 0; f < WN_FEATURES; f++)
        if (f != WN_EMBEDDING || gate->file.has_embedding)
            wn_normalise(session->feature[f], gate->dim[f]);
}

static float score_features(const winnow_session *session)
{
    const float *feature[WN_FEATURES];
    for (int f = 0; f < WN_FEATURES; f++)
        feature[f] = session->feature[f];
    return wn_scorer_score(&session->gate->file.scorer, feature, session->scorer_scratch);
}

/* From a picture to session->feature. */
static winnow_status look(winnow_session *session, const winnow_image *image, winnow_error *error)
{
    const winnow_gate *gate = session->gate;
    winnow_status status =
        wn_preprocess_bytes(&gate->file.preprocess, image, session->rgb, session->preprocess_scratch,
                            session->preprocess_scratch_size, error);
    if (status)
        return status;
    wn_preprocess_normalise(&gate->file.preprocess, session->rgb, session->input);
    run(session);
    return WINNOW_OK;
}

static float class_logit(const winnow_session *session, int c)
{
    const wn_gate_file *file = &session->gate->file;
    const wn_table *weight = &file->class_weight;
    return wn_dot(weight->data + (size_t)c * (size_t)weight->cols, session->feature[file->class_feature],
                  weight->cols) +
           file->class_bias.data[c];
}

/* The most probable class. */
static void classify(const winnow_session *session, winnow_result *result)
{
    float best = -INFINITY;
    double sum = 0; /* of exp(logit - best) */
    for (int c = 0; c < session->gate->file.class_count; c++) {
        const float logit = class_logit(session, c);
        if (logit > best) {
            sum *= exp((double)best - (double)logit);
            best = logit;
            result->class_index = c;
        }
        sum += exp((double)logit - (double)best);
    }
    result->class_probability = (float)(1 / sum);
}

void wn_session_classes(const winnow_session *session, float *out)
{
    winnow_result top;
    classify(session, &top);
    const double best = (double)class_logit(session, top.class_index);
    for (int c = 0; c < session->gate->file.class_count; c++)
        out[c] = (float)(exp((double)class_logit(session, c) - best) * (double)top.class_probability);
}

const float *wn_session_embedding(const winnow_session *session)
{
    return session->feature[session->gate->embed];
}

/* The verdict on session->feature. */
static void judge(const winnow_session *session, winnow_result *result)
{
    const wn_gate_file *file = &session->gate->file;
    const float score = score_features(session);
    *result = (winnow_result){.verdict = wn_calibration_verdict(&file->calibration, score),
                              .p_value = wn_calibration_p_value(&file->calibration, score),
                              .similarity = score,
                              .class_index = -1};
    if (file->class_count)
        classify(session, result);
}

winnow_status winnow_score(winnow_session *session, const winnow_image *image, winnow_result *result,
                           winnow_error *error)
{
    if (!session || !image || !result)
        return wn_fail(error, WINNOW_ERROR_ARGUMENT, -1,
                       "winnow_score: session, image and result must not be NULL");
    winnow_status status = look(session, image, error);
    if (!status)
        judge(session, result);
    return status;
}

winnow_status winnow_embed(winnow_session *session, const winnow_image *image, float *embedding,
                           winnow_error *error)
{
    if (!session || !image || !embedding)
        return wn_fail(error, WINNOW_ERROR_ARGUMENT, -1,
                       "winnow_embed: session, image and embedding must not be NULL");
    winnow_status status = look(session, image, error);
    if (!status)
        memcpy(embedding, session->feature[session->gate->embed],
               (size_t)session->gate->dim[session->gate->embed] * sizeof(float));
    return status;
}

/* ---- why ---- */

/* Adds the maps of a window of the picture, enlarged to the network's input, to the patches. */
static winnow_status look_closer(winnow_session *session, const winnow_image *image, wn_window window,
                                 winnow_error *error)
{
    const winnow_gate *gate = session->gate;
    const wn_network *network = &gate->file.network;
    winnow_status status =
        wn_preprocess_window(&gate->file.preprocess, image, window, session->rgb, session->preprocess_scratch,
                             session->preprocess_scratch_size, error);
    if (status)
        return status;
    wn_preprocess_normalise(&gate->file.preprocess, session->rgb, session->input);
    const wn_outputs outputs = {.bottleneck_map = session->map[WN_BOTTLENECK],
                                .features_map = session->map[WN_POOLED],
                                .layer_map = {session->map[WN_EARLY], session->map[WN_MIDDLE]},
                                .layer = {network->early, network->middle}};
    wn_plan_run(gate->plan, 1, session->input, &outputs, session->plan_scratch);
    wn_patches_add(&session->patches, window, network->grid, (const float *const *)session->map);
    return WINNOW_OK;
}

/* The features of a patch to session->feature, and their score. */
static float score_patch(winnow_session *session, int patch)
{
    const winnow_gate *gate = session->gate;
    for (int f = 0; f < WN_FEATURES; f++)
        if (mapped(&gate->file, f))
            wn_patches_mean(&session->patches, patch, f, session->feature[f]);
    if (gate->file.scorer.dim[WN_EMBEDDING])
        wn_plan_embed(gate->plan, session->feature[WN_POOLED], session->feature[WN_EMBEDDING],
                      session->plan_scratch);
    for (int f = 0; f < WN_FEATURES; f++)
        wn_normalise(session->feature[f], gate->file.scorer.dim[f]);
    return score_features(session);
}

winnow_status winnow_explain(winnow_session *session, const winnow_image *image, float *map,
                             winnow_result *result, winnow_error *error)
{
    if (!session || !image || !map)
        return wn_fail(error, WINNOW_ERROR_ARGUMENT, -1,
                       "winnow_explain: session, image and map must not be NULL");
    winnow_status status = look(session, image, error);
    if (!status && result)
        judge(session, result);
    /* Windows of half the side have maps twice as fine as the picture's. */
    wn_patches_clear(&session->patches);
    for (int i = 0; i < 9 && !status; i++) {
        const wn_window window = {i % 3 * 0.25, i / 3 * 0.25, 0.5};
        status = look_closer(session, image, window, error);
    }
    for (int patch = 0; patch < WN_PATCHES && !status; patch++)
        map[patch] = score_patch(session, patch) - session->gate->file.calibration.threshold;
    return status;
}
