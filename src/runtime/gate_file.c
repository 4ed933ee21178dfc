/* SPDX-License-Identifier: Apache-2.0
 * What a gate file says, as a value: its lists, names and lifetime. gate_read.c and gate_write.c are the two
 * ways between it and bytes. */
#include "gate_file.h"

#include <stdlib.h>
#include <string.h>

const char *wn_calibration_source_name(wn_calibration_source source)
{
    static const char *const names[] = {"sources", "blocks", "held-out", "camera"};
    return (unsigned)source < 4 ? names[source] : "?";
}

const char *wn_source_kind_name(wn_source_kind kind)
{
    static const char *const names[] = {NULL, "folders", "cameras", "bursts"};
    return (unsigned)kind < 4 ? names[kind] : NULL;
}

const char *wn_table_name(wn_scorer_kind kind, int t)
{
    static const char *const names[WN_SCORER_KINDS][WN_PART_TABLES - 1] = {
        [WN_COSINE] = {"mean"},
        [WN_PROTOTYPES] = {"centres"},
        [WN_KNN] = {"normals", "learned", "learned_level"},
        [WN_KNN_DIFFERENCE] = {"normals", "abnormals"},
        [WN_MAHALANOBIS] = {"whitening", "offset"},
        [WN_RELATIVE] = {"whitening", "offset", "background_whitening", "background_offset"},
        [WN_DISCRIMINANT] = {"direction"},
        [WN_LOGISTIC] = {"direction"},
        [WN_ARCFACE] = {"abnormal_class", "normal_classes"},
    };
    return t == 0 ? "origin" : names[kind][t - 1];
}

static void free_strings(char **list, int count)
{
    for (int i = 0; i < count; i++)
        free(list[i]);
    free(list);
}

void wn_gate_file_free(wn_gate_file *file)
{
    wn_params_free(&file->params);
    wn_scorer_free(&file->scorer);
    wn_calibration_free(&file->calibration);
    wn_samples_free(&file->memory);
    free(file->classes.data);
    free(file->class_weight.data);
    free(file->class_bias.data);
    wn_gate_file_drop_groups(file, 0);
    free(file->group_name);
    free(file->origin);
    free_strings(file->class_name, file->class_count);
    free_strings(file->metadata, 2 * file->metadata_count);
    memset(file, 0, sizeof *file);
}

/* Appends a copy of text to a list. */
static int append(char ***list, int *count, const char *text)
{
    char **longer = realloc(*list, ((size_t)*count + 1) * sizeof **list);
    if (longer)
        *list = longer;
    char *copy = longer ? strdup(text) : NULL;
    if (copy)
        longer[(*count)++] = copy;
    return copy != NULL;
}

static int find_metadata(const wn_gate_file *file, const char *key)
{
    int i = 0;
    while (i < file->metadata_count && strcmp(file->metadata[2 * i], key) != 0)
        i++;
    return i;
}

const char *wn_gate_file_get(const wn_gate_file *file, const char *key)
{
    int at = find_metadata(file, key);
    return at < file->metadata_count ? file->metadata[2 * at + 1] : NULL;
}

winnow_status wn_gate_file_set(wn_gate_file *file, const char *key, const char *value, winnow_error *error)
{
    int at = find_metadata(file, key);
    if (at < file->metadata_count) {
        char *copy = strdup(value);
        if (!copy)
            return wn_fail_memory(error);
        free(file->metadata[2 * at + 1]);
        file->metadata[2 * at + 1] = copy;
        return WINNOW_OK;
    }
    int strings = 2 * at;
    if (!append(&file->metadata, &strings, key))
        return wn_fail_memory(error);
    if (!append(&file->metadata, &strings, value)) {
        free(file->metadata[--strings]);
        return wn_fail_memory(error);
    }
    file->metadata_count++;
    return WINNOW_OK;
}

int wn_gate_file_group(wn_gate_file *file, const char *name)
{
    for (int g = 0; g < file->groups; g++)
        if (!strcmp(file->group_name[g], name))
            return g;
    if (file->groups == WN_MAX_GROUPS)
        return -1;
    wn_origin *longer = realloc(file->origin, ((size_t)file->groups + 1) * sizeof *longer);
    if (!longer)
        return -1;
    file->origin = longer;
    longer[file->groups] = (wn_origin){0};
    return append(&file->group_name, &file->groups, name) ? file->groups - 1 : -1;
}

winnow_status wn_gate_file_set_origin(wn_gate_file *file, int group, wn_source_kind kind, const char *camera,
                                      winnow_error *error)
{
    wn_origin *origin = &file->origin[group];
    if (origin->kind != WN_SOURCE_UNKNOWN)
        return WINNOW_OK;
    if (camera && !(origin->camera = strdup(camera)))
        return wn_fail_memory(error);
    origin->kind = kind;
    return WINNOW_OK;
}

void wn_gate_file_drop_groups(wn_gate_file *file, int groups)
{
    while (file->groups > groups) {
        free(file->group_name[--file->groups]);
        free(file->origin[file->groups].camera);
    }
}

/* Whether a source before g, of those that are there, is of the same camera. */
static bool camera_is_known(const wn_gate_file *file, const bool *there, int g)
{
    const char *camera = file->origin[g].camera;
    for (int i = 0; i < g && camera; i++)
        if (there[i] && file->origin[i].camera && !strcmp(file->origin[i].camera, camera))
            return true;
    return false;
}

winnow_status wn_gate_file_tell_sources(const wn_gate_file *file, int first, wn_calibration *calibration,
                                        winnow_error *error)
{
    bool *there = calloc((size_t)file->groups + 1, sizeof *there), unknown = false, folders = false;
    if (!there)
        return wn_fail_memory(error);
    for (int i = first; i < file->memory.count; i++)
        there[file->memory.group[i]] |= file->memory.label[i] != WN_ABNORMAL;
    int sources = 0, cameras = 0;
    for (int g = 0; g < file->groups; g++)
        if (there[g]) {
            sources++;
            cameras += !camera_is_known(file, there, g);
            unknown |= file->origin[g].kind == WN_SOURCE_UNKNOWN;
            folders |= file->origin[g].kind == WN_SOURCE_FOLDER;
        }
    free(there);
    calibration->kind = cameras < sources     ? WN_SOURCE_BURST
                        : unknown || !sources ? WN_SOURCE_UNKNOWN
                        : folders             ? WN_SOURCE_FOLDER
                                              : WN_SOURCE_CAMERA;
    calibration->cameras = calibration->kind == WN_SOURCE_UNKNOWN ? 0 : cameras;
    return WINNOW_OK;
}

winnow_status wn_gate_file_add_class(wn_gate_file *file, const char *name, winnow_error *error)
{
    if (file->class_count == WN_MAX_CLASSES)
        return wn_fail(error, WINNOW_ERROR_ARGUMENT, -1, "a gate tells at most %d classes apart",
                       WN_MAX_CLASSES);
    return append(&file->class_name, &file->class_count, name) ? WINNOW_OK : wn_fail_memory(error);
}

void wn_gate_file_dims(const wn_gate_file *file, int dim[WN_FEATURES])
{
    for (int f = 0; f < WN_FEATURES; f++)
        dim[f] = f == WN_EMBEDDING && !file->has_embedding ? 0 : wn_feature_size(&file->network, f);
}

int wn_feature_size(const wn_network *network, wn_feature feature)
{
    const int size[WN_FEATURES] = {[WN_BOTTLENECK] = network->bottleneck,
                                   [WN_POOLED] = network->features,
                                   [WN_EMBEDDING] = network->embedding,
                                   [WN_EARLY] = network->layer[network->early].cout,
                                   [WN_MIDDLE] = network->layer[network->middle].cout};
    return size[feature];
}

wn_outputs wn_feature_outputs(const wn_network *network, float *const feature[WN_FEATURES])
{
    return (wn_outputs){.bottleneck = feature[WN_BOTTLENECK],
                        .features = feature[WN_POOLED],
                        .embedding = feature[WN_EMBEDDING],
                        .layer_output = {feature[WN_EARLY], feature[WN_MIDDLE]},
                        .layer = {network->early, network->middle}};
}

winnow_status wn_gate_file_plan(const wn_gate_file *file, wn_plan **plan, winnow_error *error)
{
    return file->int8 ? wn_plan_create_int8(&file->network, &file->params, &file->ranges, plan, error)
                      : wn_plan_create(&file->network, &file->params,
                                       file->bf16 ? WN_PRECISION_BF16 : WN_PRECISION_FP32, plan, error);
}
