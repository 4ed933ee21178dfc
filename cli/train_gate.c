/* SPDX-License-Identifier: Apache-2.0
 *
 * The second half of `winnow train`: the features of all photos become samples, those a scorer, a calibration
 * and classes, and these a gate file that says how it was made. */
#include "train_run.h"

#include "../src/train/engine_head.h"
#include "diagnosis.h"
#include "output.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Adds a normalised embedding to the mean of the normals'. */
static void add_to_mean(run *r, const float *embedding)
{
    const int size = r->start.network.embedding;
    double length = 0;
    for (int i = 0; i < size; i++)
        length += (double)embedding[i] * embedding[i];
    const double scale = 1 / fmax(sqrt(length), 1e-12) / (double)(r->normal.count + r->valid_normal.count);
    for (int i = 0; i < size; i++)
        r->mean_embedding[i] += (float)(scale * embedding[i]);
}

static winnow_status add_sample(run *r, const wn_feature_set *set, size_t i, const train_photos *photos,
                                int label, float *embedding, winnow_error *error)
{
    const size_t index = set->index[i];
    const char *source = photos->source[index];
    const wn_photo *photo = photos->photo[index];
    const float *features = set->features + i * (size_t)set->features_size;
    if (r->gate.has_embedding) {
        wn_head_apply(&r->start.network, &r->start.params, features, embedding);
        if (label != WN_ABNORMAL)
            add_to_mean(r, embedding);
    }
    const float *feature[WN_FEATURES] = {[WN_BOTTLENECK] = set->bottleneck + i * (size_t)set->bottleneck_size,
                                         [WN_POOLED] = features,
                                         [WN_EMBEDDING] = r->gate.has_embedding ? embedding : NULL,
                                         [WN_EARLY] = set->early + i * (size_t)set->early_size,
                                         [WN_MIDDLE] = set->middle + i * (size_t)set->middle_size};
    const int group = wn_gate_file_group(&r->gate, source);
    if (group < 0)
        return wn_fail(error, WINNOW_ERROR_DATA, -1, "the photos come from more than %d sources",
                       WN_MAX_GROUPS);
    r->sample[r->samples++] = (train_sample){photo->path, source, label};
    winnow_status status =
        wn_gate_file_set_origin(&r->gate, group, photo->group_kind, photo->group_camera, error);
    return status ? status : wn_samples_add(&r->gate.memory, feature, label, group, error);
}

winnow_status train_label_of(run *r, const train_photos *photos, size_t index, int *label,
                             winnow_error *error)
{
    *label = 1;
    if (!r->request->classes)
        return WINNOW_OK;
    const char *name = photos->class_name[index];
    for (int c = 0; c < r->gate.class_count; c++)
        if (!strcmp(r->gate.class_name[c], name)) {
            *label = 1 + c;
            return WINNOW_OK;
        }
    *label = 1 + r->gate.class_count;
    return wn_gate_file_add_class(&r->gate, name, error);
}

static winnow_status add_samples(run *r, const wn_feature_set *set, const train_photos *photos, bool normal,
                                 winnow_error *error)
{
    float *embedding = malloc((size_t)r->start.network.embedding * sizeof(float));
    winnow_status status = embedding ? WINNOW_OK : wn_fail_memory(error);
    for (size_t i = 0; i < set->count && !status; i++) {
        const size_t index = set->index[i];
        int label = WN_ABNORMAL;
        if (normal)
            status = train_label_of(r, photos, index, &label, error);
        if (!status)
            status = add_sample(r, set, i, photos, label, embedding, error);
    }
    free(embedding);
    return status;
}

/* What the diagnosis told each scored photo, and what the gate made of it. */
static winnow_status diagnose(run *r, winnow_error *error)
{
    wn_answer *answer = malloc(((size_t)r->fit.count + 1) * sizeof *answer);
    if (!answer)
        return wn_fail_memory(error);
    size_t count = 0;
    for (int i = 0; i < r->fit.count; i++) {
        const int row = r->fit.row[i];
        if (r->classes.answer[row] >= 0)
            answer[count++] =
                (wn_answer){r->sample[row].label - 1, r->classes.answer[row], r->classes.probability[row],
                            r->fit.score[i] >= r->gate.calibration.threshold};
    }
    winnow_status status =
        wn_diagnosis_measure(answer, count, r->gate.class_count, CONFIDENT_ANSWER, &r->diagnosis, error);
    free(answer);
    return status;
}

static winnow_status fit_gate(run *r, winnow_error *error)
{
    int dim[WN_FEATURES];
    r->gate.network = r->start.network;
    wn_gate_file_dims(&r->gate, dim);
    wn_samples_init(&r->gate.memory, dim);
    const size_t all = r->normal.count + r->abnormal.count + r->valid_normal.count + r->valid_abnormal.count;
    r->sample = malloc((all + 1) * sizeof *r->sample);
    r->mean_embedding = calloc((size_t)r->start.network.embedding, sizeof(float));
    if (!r->sample || !r->mean_embedding)
        return wn_fail_memory(error);
    winnow_status status;
    if ((status = add_samples(r, &r->normal, &r->data.normal, true, error)) ||
        (status = add_samples(r, &r->abnormal, &r->data.abnormal, false, error)))
        return status;
    const int held_out = r->gate.memory.count;
    if ((status = add_samples(r, &r->valid_normal, &r->data.valid_normal, true, error)) ||
        (status = add_samples(r, &r->valid_abnormal, &r->data.valid_abnormal, false, error)))
        return status;
    const wn_gate_fit_options options = {.scorer = r->request->scorer,
                                         .promise = r->request->promise,
                                         .held_out = held_out,
                                         .learned_features = r->request->recipe.freeze != WN_FREEZE_BACKBONE,
                                         .own_validation = r->data.own_validation,
                                         .classes = {r->gate.has_embedding ? r->classes_of_loss : 0,
                                                     r->start.network.embedding, r->class_vectors}};
    const bool learned = options.learned_features || options.own_validation;
    const size_t abnormals = r->abnormal.count + (learned ? 0 : r->valid_abnormal.count);
    if (r->request->classes)
        status = wn_class_fit(&r->gate, learned ? held_out : -1, &r->classes, error);
    if (!status)
        status = wn_gate_fit(&options, &r->gate, &r->fit, error);
    if (!status && !strcmp(r->request->scorer, "auto") && abnormals && !options.learned_features &&
        !wn_spec_uses_abnormals(&r->gate.spec) && r->fit.candidates == 1)
        output_warning(
            "%zu abnormal photo%s too few to compare with, which takes %d: the scorer is made of the "
            "normals alone",
            abnormals, abnormals == 1 ? " is" : "s are", WN_LEAST_ABNORMALS + !learned);
    return status || !r->request->classes ? status : diagnose(r, error);
}

static winnow_status set_provenance(run *r, winnow_error *error)
{
    char text[WN_TRAIN_SETTINGS_SIZE], now[32];
    time_t clock = time(NULL);
    struct tm utc;
    strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&clock, &utc));
    train_settings(r, text);
    for (char *c = text; *c; c++)
        if (*c == '\n')
            *c = c[1] ? ' ' : 0;
    char seconds[32];
    snprintf(seconds, sizeof seconds, "%.1f", progress_seconds() - r->began);
    winnow_status status;
    if (r->request->advice &&
        (status = wn_gate_file_set(&r->gate, "winnow.advice", r->request->advice, error)))
        return status;
    if ((status = wn_gate_file_set(&r->gate, "winnow.command", r->request->command, error)) ||
        (status = wn_gate_file_set(&r->gate, "winnow.settings", text, error)) ||
        (status = wn_gate_file_set(&r->gate, "winnow.created", now, error)) ||
        (status = wn_gate_file_set(&r->gate, "winnow.seconds", seconds, error)) ||
        (status = wn_gate_file_set(&r->gate, "winnow.version", WINNOW_VERSION, error)))
        return status;
    return wn_gate_file_set(&r->gate, "winnow.backbone", r->request->backbone ? r->start.name : "none",
                            error);
}

winnow_status train_make_gate(run *r, winnow_error *error)
{
    winnow_status status = fit_gate(r, error);
    if (!status)
        status = set_provenance(r, error);
    if (status)
        return status;
    /* The file takes what it stores; the run keeps nothing of it. */
    r->gate.params = r->start.params;
    r->start.params = (wn_params){0};
    if (r->gate.has_embedding) {
        r->gate.classes = (wn_class_vectors){r->classes_of_loss, r->gate.network.embedding, r->class_vectors};
        r->class_vectors = NULL;
    }
    status = wn_gate_file_write(&r->gate, r->request->output, error);
    if (!status && r->request->reference_outputs)
        status = train_write_reference_outputs(r->request->reference_outputs, r->mean_embedding,
                                               r->gate.network.embedding, error);
    return status;
}
