/* SPDX-License-Identifier: Apache-2.0
 * A gate as a file: the network's tensors under torchvision's names, then gate.*, and metadata for people and
 * for reading back. Numbers that a verdict depends on are tensors, so that they keep every bit. */
#include "gate_file.h"

#include "gate_bytes.h"
#include "half.h"
#include "metadata.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Data that has to be made for the writer, which borrows it until the write. */
typedef struct borrowed {
    uint16_t *half[WN_FEATURES];
    float standard[WN_MAX_PARTS][2];
    float threshold[2];
    float ranges[2 * (WN_MAX_LAYERS + 1)];
    int byte_tensors;
    void *bytes[WN_MAX_LAYERS + 1];
} borrowed;

typedef struct visit_state {
    wn_writer *writer;
    const wn_gate_file *file;
    borrowed *made;
} visit_state;

static int put_parameter(const char *name, int rank, const uint64_t *shape, size_t offset, size_t count,
                         void *context)
{
    const visit_state *state = context;
    const float *values = state->file->params.data + offset;
    if (!state->file->has_embedding && !strncmp(name, "embedding.", 10))
        return 0;
    const int row = state->file->int8 || state->file->bf16 ? wn_gate_row(state->file, offset) : -1;
    const float *scale = state->file->params.scale;
    if (row >= 0 && state->file->bf16)
        return !(state->made->bytes[state->made->byte_tensors++] =
                     wn_gate_write_halves(state->writer, name, rank, shape, values, count));
    if (row >= 0 && state->file->int8)
        return !wn_gate_write_bytes(state->writer, name, rank, shape, values, scale ? scale + row : NULL,
                                    &state->made->bytes[state->made->byte_tensors++]);
    wn_writer_tensor(state->writer, name, WN_F32, rank, shape, values);
    return 0;
}

static void put_text(wn_writer *writer, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void put_text(wn_writer *writer, const char *key, const char *format, ...)
{
    char text[WN_SPEC_TEXT + 64];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    wn_writer_metadata(writer, key, text);
}

static void put_names(wn_writer *writer, const char *what, char *const *name, int count)
{
    char key[64];
    for (int i = 0; i < count; i++) {
        snprintf(key, sizeof key, "winnow.%s.%d", what, i);
        wn_writer_metadata(writer, key, name[i]);
    }
}

/* What the sources are, where it is known. */
static void put_origins(wn_writer *writer, const wn_gate_file *file)
{
    static const char *const names[] = {NULL, "folder", "camera", "burst"};
    char key[64];
    for (int g = 0; g < file->groups; g++) {
        const wn_origin *origin = &file->origin[g];
        if (origin->kind == WN_SOURCE_UNKNOWN)
            continue;
        snprintf(key, sizeof key, "winnow.group_kind.%d", g);
        wn_writer_metadata(writer, key, names[origin->kind]);
        snprintf(key, sizeof key, "winnow.group_camera.%d", g);
        if (origin->camera)
            wn_writer_metadata(writer, key, origin->camera);
    }
}

static void put_preprocess(wn_writer *writer, const wn_preprocess *preprocess)
{
    wn_writer_metadata(writer, "winnow.fit", preprocess->fit == WN_FIT_CROP ? "crop" : "stretch");
    wn_writer_metadata(writer, "winnow.resample",
                       preprocess->resample == WN_RESAMPLE_TRIANGLE ? "triangle" : "opencv_bilinear");
    wn_metadata_put_input(writer, preprocess);
}

static void put_metadata(wn_writer *writer, const wn_gate_file *file)
{
    char spec[WN_SPEC_TEXT];
    const wn_calibration *calibration = &file->calibration;
    for (int i = 0; i < file->metadata_count; i++)
        wn_writer_metadata(writer, file->metadata[2 * i], file->metadata[2 * i + 1]);
    wn_writer_metadata(writer, "winnow.kind", "gate");
    wn_writer_metadata(writer, "winnow.format", "1");
    wn_writer_metadata(writer, "winnow.architecture", file->network.architecture->name);
    wn_metadata_put_number(writer, "winnow.width", file->network.width);
    put_text(writer, "winnow.input", "%d", file->network.input);
    put_text(writer, "winnow.embedding", "%d", file->has_embedding ? file->network.embedding : 0);
    put_preprocess(writer, &file->preprocess);
    wn_spec_format(&file->spec, spec);
    wn_writer_metadata(writer, "winnow.scorer", spec);
    wn_metadata_put_number(writer, "winnow.false_reject", calibration->promise.false_reject);
    wn_metadata_put_number(writer, "winnow.confidence", calibration->promise.confidence);
    wn_metadata_put_number(writer, "winnow.threshold", calibration->threshold);
    put_text(writer, "winnow.calibration.count", "%d", calibration->count);
    put_text(writer, "winnow.calibration.groups", "%d", calibration->groups);
    wn_writer_metadata(writer, "winnow.calibration.source", wn_calibration_source_name(file->source));
    if (file->held_out)
        wn_writer_metadata(writer, "winnow.calibration.before",
                           wn_calibration_source_name(WN_CALIBRATED_HELD_OUT));
    wn_writer_metadata(writer, "winnow.calibration.promise", calibration->over_groups ? "groups" : "photos");
    if (calibration->kind != WN_SOURCE_UNKNOWN) {
        wn_writer_metadata(writer, "winnow.calibration.kind", wn_source_kind_name(calibration->kind));
        put_text(writer, "winnow.calibration.cameras", "%d", calibration->cameras);
    }
    wn_metadata_put_number(writer, "winnow.calibration.least_p", calibration->least_p);
    put_text(writer, "winnow.groups", "%d", file->groups);
    put_names(writer, "group", file->group_name, file->groups);
    put_origins(writer, file);
    if (file->memory.count && file->memory.first_learned < WN_MAX_GROUPS)
        put_text(writer, "winnow.first_learned", "%d", file->memory.first_learned);
    put_text(writer, "winnow.classes", "%d", file->class_count);
    put_names(writer, "class", file->class_name, file->class_count);
    if (file->class_count)
        wn_writer_metadata(writer, "winnow.class_feature", wn_feature_name(file->class_feature));
}

static void put_matrix(wn_writer *writer, const char *name, wn_dtype dtype, int rows, int cols,
                       const void *data)
{
    const uint64_t shape[2] = {(uint64_t)rows, (uint64_t)cols};
    wn_writer_tensor(writer, name, dtype, cols ? 2 : 1, shape, data);
}

static void put_scorer(wn_writer *writer, const wn_scorer *scorer, borrowed *made)
{
    char name[64];
    for (int p = 0; p < scorer->parts; p++) {
        const wn_part *part = scorer->part + p;
        made->standard[p][0] = part->centre;
        made->standard[p][1] = part->spread;
        for (int t = 0; t < WN_PART_TABLES; t++) {
            const wn_table *table = &part->table[t];
            if (!table->rows)
                continue;
            snprintf(name, sizeof name, "gate.%d.%s", p, wn_table_name(part->spec.kind, t));
            put_matrix(writer, name, WN_F32, table->rows, table->cols, table->data);
        }
    }
    put_matrix(writer, "gate.standard", WN_F32, scorer->parts, 2, made->standard);
}

static void put_calibration(wn_writer *writer, const wn_calibration *calibration, borrowed *made)
{
    made->threshold[0] = calibration->threshold;
    made->threshold[1] = calibration->unsure;
    put_matrix(writer, "gate.threshold", WN_F32, 2, 0, made->threshold);
    put_matrix(writer, "gate.calibration.score", WN_F32, calibration->knots, 0, calibration->score);
    put_matrix(writer, "gate.calibration.p", WN_F32, calibration->knots, 0, calibration->p);
}

static winnow_status put_memory(wn_writer *writer, const wn_samples *memory, borrowed *made,
                                winnow_error *error)
{
    char name[64];
    for (int f = 0; f < WN_FEATURES && memory->count; f++) {
        size_t count = (size_t)memory->count * memory->dim[f];
        if (!count)
            continue;
        made->half[f] = malloc(count * sizeof *made->half[f]);
        if (!made->half[f])
            return wn_fail_memory(error);
        for (size_t i = 0; i < count; i++)
            made->half[f][i] = wn_half_from_float(memory->feature[f][i]);
        snprintf(name, sizeof name, "gate.memory.%s", wn_feature_name(f));
        put_matrix(writer, name, WN_F16, memory->count, memory->dim[f], made->half[f]);
    }
    if (memory->count) {
        put_matrix(writer, "gate.memory.label", WN_I32, memory->count, 0, memory->label);
        put_matrix(writer, "gate.memory.group", WN_I32, memory->count, 0, memory->group);
    }
    return WINNOW_OK;
}

static winnow_status collect(wn_writer *writer, const wn_gate_file *file, borrowed *made, winnow_error *error)
{
    visit_state state = {writer, file, made};
    put_metadata(writer, file);
    if (wn_network_tensors(&file->network, put_parameter, &state))
        return wn_fail_memory(error);
    if (file->int8)
        wn_gate_write_ranges(writer, file, made->ranges);
    if (file->bf16)
        wn_writer_metadata(writer, "winnow.precision", "bf16");
    if (file->classes.data)
        put_matrix(writer, "arcface.weight", WN_F32, file->classes.rows, file->classes.cols,
                   file->classes.data);
    if (file->class_count) {
        put_matrix(writer, "gate.class.weight", WN_F32, file->class_count, file->class_weight.cols,
                   file->class_weight.data);
        put_matrix(writer, "gate.class.bias", WN_F32, file->class_count, 0, file->class_bias.data);
    }
    put_scorer(writer, &file->scorer, made);
    put_calibration(writer, &file->calibration, made);
    return put_memory(writer, &file->memory, made, error);
}

/* To `path`, or, where that is NULL, to memory. */
static winnow_status write_file(const wn_gate_file *file, const char *path, void **bytes, size_t *size,
                                winnow_error *error)
{
    borrowed made = {0};
    wn_writer *writer = wn_writer_create();
    winnow_status status = writer ? collect(writer, file, &made, error) : wn_fail_memory(error);
    if (!status)
        status =
            path ? wn_writer_write(writer, path, error) : wn_writer_write_memory(writer, bytes, size, error);
    wn_writer_free(writer);
    for (int f = 0; f < WN_FEATURES; f++)
        free(made.half[f]);
    for (int i = 0; i < made.byte_tensors; i++)
        free(made.bytes[i]);
    return status;
}

winnow_status wn_gate_file_write(const wn_gate_file *file, const char *path, winnow_error *error)
{
    return write_file(file, path, NULL, NULL, error);
}

winnow_status wn_gate_file_write_memory(const wn_gate_file *file, void **bytes, size_t *size,
                                        winnow_error *error)
{
    return write_file(file, NULL, bytes, size, error);
}
