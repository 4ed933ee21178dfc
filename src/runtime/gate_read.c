/* SPDX-License-Identifier: Apache-2.0
 * A gate from bytes that may be anything. The container is checked by the safetensors reader; here every
 * value is checked before it is used, and every refusal says which one, and where it lies. */
#include "gate_file.h"

#include "gate_bytes.h"
#include "metadata.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MEMORY_LIMIT = 1 << 16, BACKBONE_INPUT = 128 };

typedef struct reader {
    const wn_safetensors *in;
    wn_gate_file *file;
    winnow_error *error;
    winnow_status status;
} reader;

/* ---- tensors ---- */

/* The tensor, of that type and rank 1 (cols 0) or 2, with 1 to most_rows rows and exactly `cols` columns. */
static winnow_status need_tensor(const reader *r, const char *name, bool floats, int most_rows, int cols,
                                 const wn_tensor **tensor)
{
    const wn_tensor *found = *tensor = wn_safetensors_find(r->in, name);
    if (!found)
        return wn_fail(r->error, WINNOW_ERROR_FORMAT, -1, "the gate lacks the tensor '%s'", name);
    bool good = found->rank == (cols ? 2 : 1) && found->shape[0] >= 1 &&
                found->shape[0] <= (uint64_t)most_rows && (!cols || found->shape[1] == (uint64_t)cols);
    if (!good)
        return wn_fail(r->error, WINNOW_ERROR_FORMAT, (int64_t)found->offset,
                       "tensor '%s' has the wrong shape: expected 1 to %d rows of %d", name, most_rows,
                       cols ? cols : 1);
    if (floats ? found->dtype != WN_F32 && found->dtype != WN_F16 : found->dtype != WN_I32)
        return wn_fail(r->error, WINNOW_ERROR_FORMAT, (int64_t)found->offset, "tensor '%s' is not of type %s",
                       name, floats ? "F32 or F16" : "I32");
    return WINNOW_OK;
}

static winnow_status read_table(const reader *r, const char *name, int most_rows, int cols, wn_table *table)
{
    const wn_tensor *tensor;
    winnow_status status = need_tensor(r, name, true, most_rows, cols, &tensor);
    if (status)
        return status;
    size_t count = (size_t)tensor->shape[0] * (size_t)(cols ? cols : 1);
    *table = (wn_table){(int)tensor->shape[0], cols, malloc(count * sizeof(float))};
    if (!table->data)
        return wn_fail_memory(r->error);
    return wn_safetensors_floats(r->in, name, count, table->data, r->error);
}

/* ---- the network ---- */

static int read_parameter(const char *name, int rank, const uint64_t *shape, size_t offset, size_t count,
                          void *context)
{
    reader *r = context;
    float *values = r->file->params.data + offset;
    if (!r->file->has_embedding && !strncmp(name, "embedding.", 10))
        return 0;
    const wn_tensor *tensor = wn_safetensors_find(r->in, name);
    if (tensor && (tensor->rank != rank || memcmp(tensor->shape, shape, (size_t)rank * sizeof *shape) != 0))
        return r->status = wn_fail(r->error, WINNOW_ERROR_FORMAT, (int64_t)tensor->offset,
                                   "tensor '%s' has the wrong shape for this network", name);
    const int row = r->file->int8 ? wn_gate_row(r->file, offset) : -1;
    if (row >= 0)
        return r->status = wn_gate_read_bytes(r->in, name, (size_t)shape[0], count / (size_t)shape[0],
                                              r->file->params.bytes + offset, r->file->params.scale + row,
                                              values, r->error);
    r->status = wn_safetensors_floats(r->in, name, count, values, r->error);
    if (r->status || !strstr(name, "running_var"))
        return r->status;
    for (size_t i = 0; i < count; i++)
        if (values[i] < 0)
            return r->status = wn_fail(r->error, WINNOW_ERROR_FORMAT, (int64_t)tensor->offset,
                                       "tensor '%s' has a negative variance", name);
    return 0;
}

/* The weights. Without a trained embedding (0) the network's is the smallest, zero, and never computed. */
static winnow_status read_parameters(reader *r, const char *architecture, double width, int input,
                                     int embedding)
{
    wn_gate_file *file = r->file;
    file->has_embedding = embedding > 0;
    winnow_status status = wn_network_create(architecture, (float)width, input, embedding ? embedding : 8,
                                             &file->network, r->error);
    if (!status)
        status = wn_params_create(&file->network, &file->params, r->error);
    if (!status)
        status = wn_gate_read_precision(r->in, file, r->error);
    if (!status)
        status = wn_network_tensors(&file->network, read_parameter, r) ? r->status : WINNOW_OK;
    return status;
}

static winnow_status read_network(reader *r)
{
    const char *architecture;
    double width;
    int input, embedding;
    winnow_status status = wn_metadata_text(r->in, "winnow.architecture", &architecture, r->error);
    if (!status)
        status = wn_metadata_number(r->in, "winnow.width", 0.1, 4, &width, r->error);
    if (!status)
        status = wn_metadata_count(r->in, "winnow.input", 1, 4096, &input, r->error);
    if (!status)
        status = wn_metadata_count(r->in, "winnow.embedding", 0, 4096, &embedding, r->error);
    return status ? status : read_parameters(r, architecture, width, input, embedding);
}

static winnow_status read_preprocess(const reader *r)
{
    static const char *const fits[] = {"stretch", "crop", NULL}, *const resamples[] = {
                                                                     "triangle", "opencv_bilinear", NULL};
    wn_preprocess *preprocess = &r->file->preprocess;
    int fit = 0, resample = 0;
    winnow_status status = wn_metadata_choice(r->in, "winnow.fit", fits, &fit, r->error);
    if (!status)
        status = wn_metadata_choice(r->in, "winnow.resample", resamples, &resample, r->error);
    if (!status)
        status = wn_metadata_input(r->in, preprocess, r->error);
    preprocess->size = r->file->network.input;
    preprocess->fit = fit ? WN_FIT_CROP : WN_FIT_STRETCH;
    preprocess->resample = resample ? WN_RESAMPLE_OPENCV_BILINEAR : WN_RESAMPLE_TRIANGLE;
    return status;
}

/* ---- the scorer ---- */

/* Rows that table t (1 and up) of a part may have. */
static int most_rows(const wn_part *part, int t)
{
    switch (part->spec.kind) {
    case WN_PROTOTYPES:
        return WN_PROTOTYPE_COUNT;
    case WN_KNN:
        return t < 3 ? WN_CORESET : 1;
    case WN_KNN_DIFFERENCE:
        return WN_CORESET;
    case WN_MAHALANOBIS:
    case WN_RELATIVE:
        return t % 2 ? part->dim : 1;
    case WN_ARCFACE:
        return t == 1 ? 1 : WN_MAX_CLASSES;
    default:
        return 1;
    }
}

/* Whether a gate may do without table t of a part, and all after it: it knows no abnormals, or was taught
 * none. */
static bool is_optional(const wn_part *part, int t)
{
    return t == 2 && (part->spec.kind == WN_KNN_DIFFERENCE || part->spec.kind == WN_KNN);
}

static winnow_status read_part(const reader *r, int p, wn_part *part)
{
    char name[64];
    for (int t = part->spec.centred ? 0 : 1; t < WN_PART_TABLES; t++) {
        const char *table = wn_table_name(part->spec.kind, t);
        if (!table)
            break;
        snprintf(name, sizeof name, "gate.%d.%s", p, table);
        if (is_optional(part, t) && !wn_safetensors_find(r->in, name))
            break;
        int most = t ? most_rows(part, t) : 1;
        const int cols = part->spec.kind == WN_KNN && t == 3 ? 1 : part->dim;
        winnow_status status = read_table(r, name, most, cols, &part->table[t]);
        const bool square = (part->spec.kind == WN_MAHALANOBIS || part->spec.kind == WN_RELATIVE) && t % 2;
        if (!status && square && part->table[t].rows != part->dim)
            status = wn_fail(r->error, WINNOW_ERROR_FORMAT, -1, "tensor '%s' is not square", name);
        if (status)
            return status;
    }
    return WINNOW_OK;
}

static winnow_status read_standard(const reader *r)
{
    wn_scorer *scorer = &r->file->scorer;
    wn_table standard = {0};
    winnow_status status = read_table(r, "gate.standard", WN_MAX_PARTS, 2, &standard);
    if (!status && standard.rows != scorer->parts)
        status = wn_fail(r->error, WINNOW_ERROR_FORMAT, -1,
                         "tensor 'gate.standard' has %d rows for %d scorers", standard.rows, scorer->parts);
    for (int p = 0; p < scorer->parts && !status; p++) {
        scorer->part[p].centre = standard.data[2 * p];
        scorer->part[p].spread = standard.data[2 * p + 1];
        if (!(scorer->part[p].spread > 0))
            status = wn_fail(r->error, WINNOW_ERROR_FORMAT, -1,
                             "tensor 'gate.standard' has a spread that is not positive");
    }
    free(standard.data);
    return status;
}

static winnow_status read_scorer(const reader *r)
{
    wn_gate_file *file = r->file;
    const char *text;
    int dim[WN_FEATURES];
    winnow_status status = wn_metadata_text(r->in, "winnow.scorer", &text, r->error);
    if (!status)
        status = wn_spec_parse(text, &file->spec, r->error);
    if (status)
        return status;
    wn_gate_file_dims(file, dim);
    for (int p = 0; p < file->spec.parts && !status; p++) {
        wn_part *part = &file->scorer.part[p];
        file->scorer.parts = p + 1;
        part->spec = file->spec.part[p];
        for (int f = 0; f < WN_FEATURES; f++)
            if (part->spec.features >> f & 1) {
                if (!dim[f])
                    return wn_fail(r->error, WINNOW_ERROR_FORMAT, -1,
                                   "the gate scores an embedding that it does not have");
                file->scorer.dim[f] = dim[f];
                part->dim += dim[f];
            }
        status = read_part(r, p, part);
    }
    return status ? status : read_standard(r);
}

/* ---- calibration ---- */

static winnow_status check_steps(const reader *r, const wn_calibration *calibration)
{
    for (int j = 0; j < calibration->knots; j++) {
        bool rising = !j || (calibration->score[j] >= calibration->score[j - 1] &&
                             calibration->p[j] >= calibration->p[j - 1]);
        if (!rising || !(calibration->p[j] > 0 && calibration->p[j] <= 1))
            return wn_fail(
                r->error, WINNOW_ERROR_FORMAT, -1,
                "tensors 'gate.calibration.*' are no p-values at step %d: they must rise from above 0 to 1",
                j);
    }
    if (!(calibration->unsure <= calibration->threshold))
        return wn_fail(r->error, WINNOW_ERROR_FORMAT, -1, "tensor 'gate.threshold' is not in order");
    return WINNOW_OK;
}

static winnow_status read_steps(const reader *r)
{
    wn_calibration *calibration = &r->file->calibration;
    wn_table score = {0}, p = {0}, threshold = {0};
    winnow_status status = read_table(r, "gate.calibration.score", WN_CALIBRATION_KNOTS, 0, &score);
    if (!status)
        status = read_table(r, "gate.calibration.p", WN_CALIBRATION_KNOTS, 0, &p);
    if (!status)
        status = read_table(r, "gate.threshold", 2, 0, &threshold);
    calibration->score = score.data;
    calibration->p = p.data;
    calibration->knots = score.rows;
    if (!status && (p.rows != score.rows || threshold.rows != 2))
        status = wn_fail(r->error, WINNOW_ERROR_FORMAT, -1,
                         "tensors 'gate.calibration.*' and 'gate.threshold' do not fit together");
    if (!status) {
        calibration->threshold = threshold.data[0];
        calibration->unsure = threshold.data[1];
        status = check_steps(r, calibration);
    }
    free(threshold.data);
    return status;
}

/* What the sources are, which older gates do not say. */
static winnow_status read_kind(const reader *r)
{
    static const char *const kinds[] = {"folders", "cameras", "bursts", NULL};
    wn_calibration *calibration = &r->file->calibration;
    int kind = 0;
    if (!wn_safetensors_metadata(r->in, "winnow.calibration.kind"))
        return WINNOW_OK;
    winnow_status status = wn_metadata_choice(r->in, "winnow.calibration.kind", kinds, &kind, r->error);
    calibration->kind = (wn_source_kind)(WN_SOURCE_FOLDER + kind);
    return status ? status
                  : wn_metadata_count(r->in, "winnow.calibration.cameras", 1, WN_MAX_GROUPS,
                                      &calibration->cameras, r->error);
}

static winnow_status read_calibration(const reader *r)
{
    static const char *const promises[] = {"photos", "groups", NULL}, *const sources[] = {"sources", "blocks",
                                                                                          "held-out",
                                                                                          "camera", NULL};
    wn_calibration *calibration = &r->file->calibration;
    int over_groups = 0, source = 0;
    double least_p = 0;
    winnow_status status = wn_metadata_number(r->in, "winnow.false_reject", 1e-9, 0.5,
                                              &calibration->promise.false_reject, r->error);
    if (!status)
        status =
            wn_metadata_number(r->in, "winnow.confidence", 0, 1, &calibration->promise.confidence, r->error);
    if (!status)
        status =
            wn_metadata_count(r->in, "winnow.calibration.count", 1, 1 << 30, &calibration->count, r->error);
    if (!status)
        status = wn_metadata_count(r->in, "winnow.calibration.groups", 1, WN_MAX_GROUPS, &calibration->groups,
                                   r->error);
    if (!status)
        status = wn_metadata_choice(r->in, "winnow.calibration.source", sources, &source, r->error);
    if (!status)
        status = wn_metadata_choice(r->in, "winnow.calibration.promise", promises, &over_groups, r->error);
    if (!status)
        status = read_kind(r);
    if (!status)
        status = wn_metadata_number(r->in, "winnow.calibration.least_p", 1e-12, 1, &least_p, r->error);
    const char *before = wn_safetensors_metadata(r->in, "winnow.calibration.before");
    r->file->held_out = before && !strcmp(before, wn_calibration_source_name(WN_CALIBRATED_HELD_OUT));
    calibration->over_groups = over_groups;
    calibration->least_p = (float)least_p;
    r->file->source = (wn_calibration_source)source;
    return status ? status : read_steps(r);
}

/* ---- names, classes, memory ---- */

static winnow_status read_names(const reader *r, const char *what, int count, bool classes)
{
    char key[64];
    for (int i = 0; i < count; i++) {
        const char *name;
        snprintf(key, sizeof key, "winnow.%s.%d", what, i);
        winnow_status status = wn_metadata_text(r->in, key, &name, r->error);
        if (!status && classes)
            status = wn_gate_file_add_class(r->file, name, r->error);
        const int group = status || classes ? i : wn_gate_file_group(r->file, name);
        if (group < 0) /* there are few enough of them */
            status = wn_fail_memory(r->error);
        else if (group != i)
            status = wn_metadata_refuse(key, name, "a name of its own", r->error);
        if (status)
            return status;
    }
    return WINNOW_OK;
}

/* The class vectors of the loss, which a gate has where an embedding was trained. */
static winnow_status read_class_vectors(const reader *r)
{
    wn_gate_file *file = r->file;
    if (!wn_safetensors_find(r->in, "arcface.weight"))
        return WINNOW_OK;
    if (!file->has_embedding)
        return wn_fail(r->error, WINNOW_ERROR_FORMAT, -1, "the gate has class vectors, but no embedding");
    winnow_status status =
        read_table(r, "arcface.weight", 1 + WN_MAX_CLASSES, file->network.embedding, &file->classes);
    if (!status && file->classes.rows < 2)
        status = wn_fail(r->error, WINNOW_ERROR_FORMAT, -1, "tensor 'arcface.weight' has a single class");
    return status;
}

/* The classes that are told apart among normals. */
static winnow_status read_classes(const reader *r)
{
    static const char *const features[] = {"bottleneck", "pooled", "embedding", "early", "middle", NULL};
    wn_gate_file *file = r->file;
    int classes = 0, feature = 0, dim[WN_FEATURES];
    winnow_status status = wn_metadata_count(r->in, "winnow.classes", 0, WN_MAX_CLASSES, &classes, r->error);
    if (!status)
        status = read_names(r, "class", classes, true);
    if (status || !classes)
        return status;
    status = wn_metadata_choice(r->in, "winnow.class_feature", features, &feature, r->error);
    wn_gate_file_dims(file, dim);
    file->class_feature = (wn_feature)feature;
    if (!status && !dim[feature])
        status = wn_fail(r->error, WINNOW_ERROR_FORMAT, -1,
                         "the gate tells classes by an embedding that it does not have");
    if (!status)
        status = read_table(r, "gate.class.weight", WN_MAX_CLASSES, dim[feature], &file->class_weight);
    if (!status)
        status = read_table(r, "gate.class.bias", WN_MAX_CLASSES, 0, &file->class_bias);
    if (!status && (file->class_weight.rows != classes || file->class_bias.rows != classes))
        status = wn_fail(r->error, WINNOW_ERROR_FORMAT, -1,
                         "tensors 'gate.class.*' have %d and %d rows for %d classes", file->class_weight.rows,
                         file->class_bias.rows, classes);
    return status;
}

static winnow_status read_integers(const reader *r, const char *name, int count, int most, int *out)
{
    const wn_tensor *tensor;
    winnow_status status = need_tensor(r, name, false, MEMORY_LIMIT, 0, &tensor);
    if (status)
        return status;
    if (tensor->shape[0] != (uint64_t)count)
        return wn_fail(r->error, WINNOW_ERROR_FORMAT, (int64_t)tensor->offset,
                       "tensor '%s' is not as long as the memory", name);
    memcpy(out, tensor->data, (size_t)count * sizeof *out);
    for (int i = 0; i < count; i++)
        if (out[i] < 0 || out[i] >= most)
            return wn_fail(r->error, WINNOW_ERROR_FORMAT, (int64_t)tensor->offset + 4 * i,
                           "tensor '%s' has %d at row %d, not 0 to %d", name, out[i], i, most - 1);
    return WINNOW_OK;
}

static winnow_status read_memory(const reader *r)
{
    wn_samples *memory = &r->file->memory;
    const wn_tensor *label = wn_safetensors_find(r->in, "gate.memory.label");
    if (!label)
        return WINNOW_OK;
    winnow_status status = need_tensor(r, "gate.memory.label", false, MEMORY_LIMIT, 0, &label);
    if (status)
        return status;
    int count = (int)label->shape[0], dim[WN_FEATURES];
    memory->first_learned = WN_MAX_GROUPS;
    if (wn_safetensors_metadata(r->in, "winnow.first_learned"))
        status = wn_metadata_count(r->in, "winnow.first_learned", 0, r->file->groups, &memory->first_learned,
                                   r->error);
    if (status)
        return status;
    wn_gate_file_dims(r->file, dim);
    memory->label = malloc((size_t)count * sizeof *memory->label);
    memory->group = malloc((size_t)count * sizeof *memory->group);
    if (!memory->label || !memory->group)
        return wn_fail_memory(r->error);
    status = read_integers(r, "gate.memory.label", count, WN_MAX_CLASSES + 1, memory->label);
    if (!status)
        status = read_integers(r, "gate.memory.group", count, r->file->groups, memory->group);
    for (int f = 0; f < WN_FEATURES && !status; f++) {
        char name[64];
        wn_table table = {0};
        snprintf(name, sizeof name, "gate.memory.%s", wn_feature_name(f));
        bool needed = wn_spec_features(&r->file->spec) >> f & 1;
        if (!dim[f] || (!needed && !wn_safetensors_find(r->in, name)))
            continue;
        status = read_table(r, name, MEMORY_LIMIT, dim[f], &table);
        memory->feature[f] = table.data;
        memory->dim[f] = dim[f];
        if (!status && table.rows != count)
            status =
                wn_fail(r->error, WINNOW_ERROR_FORMAT, -1, "tensor '%s' is not as long as the memory", name);
    }
    memory->count = memory->capacity = status ? 0 : count;
    return status;
}

/* Keys that the writer makes from the fields: stale words of them must not come back. */
static bool is_derived(const char *key)
{
    static const char *const derived[] = {
        "winnow.kind",         "winnow.format",        "winnow.architecture", "winnow.width",
        "winnow.input",        "winnow.embedding",     "winnow.fit",          "winnow.resample",
        "winnow.channels",     "winnow.mean",          "winnow.std",          "winnow.scorer",
        "winnow.false_reject", "winnow.confidence",    "winnow.threshold",    "winnow.groups",
        "winnow.classes",      "winnow.class_feature", "winnow.first_learned"};
    static const char *const prefixes[] = {"winnow.calibration.", "winnow.group.", "winnow.group_kind.",
                                           "winnow.group_camera.", "winnow.class."};
    for (size_t i = 0; i < sizeof derived / sizeof *derived; i++)
        if (!strcmp(key, derived[i]))
            return true;
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (!strncmp(key, prefixes[i], strlen(prefixes[i])))
            return true;
    return false;
}

static winnow_status read_metadata(const reader *r, bool all)
{
    for (size_t i = 0; i < wn_safetensors_metadata_count(r->in); i++) {
        const char *key, *value;
        wn_safetensors_metadata_at(r->in, i, &key, &value);
        winnow_status status =
            is_derived(key) && !all ? WINNOW_OK : wn_gate_file_set(r->file, key, value, r->error);
        if (status)
            return status;
    }
    return WINNOW_OK;
}

static winnow_status read_origin(const reader *r, int group)
{
    static const char *const kinds[] = {"folder", "camera", "burst", NULL};
    char key[64];
    const char *camera = NULL;
    int kind = 0;
    snprintf(key, sizeof key, "winnow.group_kind.%d", group);
    if (!wn_safetensors_metadata(r->in, key))
        return WINNOW_OK;
    winnow_status status = wn_metadata_choice(r->in, key, kinds, &kind, r->error);
    snprintf(key, sizeof key, "winnow.group_camera.%d", group);
    if (!status && kind > 0)
        status = wn_metadata_text(r->in, key, &camera, r->error);
    return status ? status
                  : wn_gate_file_set_origin(r->file, group, (wn_source_kind)(WN_SOURCE_FOLDER + kind), camera,
                                            r->error);
}

static winnow_status read_groups(const reader *r)
{
    int groups = 0;
    winnow_status status = wn_metadata_count(r->in, "winnow.groups", 0, WN_MAX_GROUPS, &groups, r->error);
    if (!status)
        status = read_names(r, "group", groups, false);
    for (int g = 0; g < groups && !status; g++)
        status = read_origin(r, g);
    return status;
}

static winnow_status check_kind(const reader *r)
{
    const char *kind = wn_safetensors_metadata(r->in, "winnow.kind"),
               *format = wn_safetensors_metadata(r->in, "winnow.format");
    if (kind && !strcmp(kind, "checkpoint"))
        return wn_fail(
            r->error, WINNOW_ERROR_FORMAT, -1,
            "this is a checkpoint of a training, not a gate: continue it with `winnow train --resume`");
    if (!kind || strcmp(kind, "gate") != 0)
        return wn_fail(r->error, WINNOW_ERROR_FORMAT, -1,
                       "not a winnow gate: a safetensors file without winnow.kind = gate");
    if (!format || strcmp(format, "1") != 0)
        return wn_fail(r->error, WINNOW_ERROR_UNSUPPORTED, -1,
                       "gate format %.20s is not known to this version (%s): update winnow",
                       format ? format : "(none)", WINNOW_VERSION);
    return WINNOW_OK;
}

/* What is wrong with a name or a number that stands in the file is the file's fault, not the caller's. */
static winnow_status blame_file(winnow_status status, winnow_error *error)
{
    return status == WINNOW_ERROR_ARGUMENT || status == WINNOW_ERROR_DATA
               ? wn_fail_prefix(error, WINNOW_ERROR_FORMAT, "in the file")
               : status;
}

static winnow_status read_gate(const wn_safetensors *in, bool memory, wn_gate_file *file, winnow_error *error)
{
    reader r = {in, file, error, WINNOW_OK};
    memset(file, 0, sizeof *file);
    winnow_status status = check_kind(&r);
    if (!status)
        status = read_network(&r);
    if (!status)
        status = read_preprocess(&r);
    if (!status)
        status = read_scorer(&r);
    if (!status)
        status = read_calibration(&r);
    if (!status)
        status = read_class_vectors(&r);
    if (!status)
        status = read_classes(&r);
    if (!status)
        status = read_groups(&r);
    if (!status && memory)
        status = read_memory(&r);
    if (!status)
        status = read_metadata(&r, !memory);
    if (status)
        wn_gate_file_free(file);
    return blame_file(status, error);
}

/* The network and its input alone: what winnow's own backbones say, else as in torchvision's MobileNetV2. The
 * input size is the gate's to choose. */
static winnow_status read_backbone(const wn_safetensors *in, bool ours, wn_gate_file *file,
                                   winnow_error *error)
{
    reader r = {in, file, error, WINNOW_OK};
    const char *architecture = "mobilenet_v2";
    double width = 1;
    int input = BACKBONE_INPUT;
    winnow_status status = WINNOW_OK;
    file->preprocess = (wn_preprocess){.mean = {0.485f, 0.456f, 0.406f}, .std = {0.229f, 0.224f, 0.225f}};
    if (ours)
        status = wn_metadata_text(in, "winnow.architecture", &architecture, error);
    if (!status && ours)
        status = wn_metadata_number(in, "winnow.width", 0.35, 1.4, &width, error);
    if (!status && ours)
        status = wn_metadata_input(in, &file->preprocess, error);
    if (!status && wn_safetensors_metadata(in, "winnow.input"))
        status = wn_metadata_count(in, "winnow.input", 96, 224, &input, error);
    if (!status)
        status = read_parameters(&r, architecture, width, input, 0);
    file->preprocess.size = input;
    if (status)
        wn_gate_file_free(file);
    return blame_file(status, error);
}

winnow_status wn_gate_file_parse_start(const void *bytes, size_t size, wn_gate_file *file,
                                       winnow_error *error)
{
    wn_safetensors *in;
    memset(file, 0, sizeof *file);
    winnow_status status = wn_safetensors_parse(bytes, size, &in, error);
    if (status)
        return status;
    const char *kind = wn_safetensors_metadata(in, "winnow.kind");
    status = !kind || !strcmp(kind, "backbone") ? read_backbone(in, kind != NULL, file, error)
                                                : read_gate(in, true, file, error);
    wn_safetensors_free(in);
    return status;
}

winnow_status wn_gate_file_parse(const void *bytes, size_t size, bool memory, wn_gate_file *file,
                                 winnow_error *error)
{
    wn_safetensors *in;
    memset(file, 0, sizeof *file);
    winnow_status status = wn_safetensors_parse(bytes, size, &in, error);
    if (status)
        return status;
    status = read_gate(in, memory, file, error);
    wn_safetensors_free(in);
    return status;
}

winnow_status wn_gate_file_read(const char *path, bool memory, wn_gate_file *file, winnow_error *error)
{
    wn_safetensors *in;
    memset(file, 0, sizeof *file);
    winnow_status status = wn_safetensors_read(path, &in, error);
    if (status)
        return status;
    winnow_error inner;
    status = read_gate(in, memory, file, &inner);
    if (status)
        wn_fail(error, status, inner.where, "%s: %s", path, inner.message);
    wn_safetensors_free(in);
    return status;
}
