/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void wn_state_add(wn_state *state, const char *prefix, const char *name, int rank, const uint64_t *shape,
                  float *data)
{
    if (state->count == WN_STATE_MAX)
        return; /* cannot happen: WN_STATE_MAX covers every network */
    wn_state_array *array = &state->array[state->count++];
    snprintf(array->name, sizeof array->name, "%s%s", prefix, name);
    array->rank = rank;
    array->data = data;
    array->count = 1;
    for (int i = 0; i < rank; i++) {
        array->shape[i] = shape[i];
        array->count *= shape[i];
    }
}

typedef struct network_arrays {
    wn_state *state;
    const char *prefix;
    float *base;
    size_t limit;
} network_arrays;

static int add_tensor(const char *name, int rank, const uint64_t *shape, size_t offset, size_t count,
                      void *context)
{
    const network_arrays *arrays = context;
    if (offset + count <= arrays->limit)
        wn_state_add(arrays->state, arrays->prefix, name, rank, shape, arrays->base + offset);
    return 0;
}

void wn_state_add_network(wn_state *state, const char *prefix, const wn_network *network, float *base,
                          size_t limit)
{
    network_arrays arrays = {state, prefix, base, limit};
    wn_network_tensors(network, add_tensor, &arrays);
}

void wn_progress_free(wn_progress *progress)
{
    free(progress->fingerprint);
    free(progress->log);
    progress->fingerprint = progress->log = NULL;
}

/* Numbers go into the metadata as hexadecimal floats: exact, and read back by strtod. */
static void put_number(wn_writer *writer, const char *key, double value)
{
    char text[64];
    snprintf(text, sizeof text, "%a", value);
    wn_writer_metadata(writer, key, text);
}

winnow_status wn_checkpoint_write(const char *path, const wn_state *state, const wn_progress *progress,
                                  winnow_error *error)
{
    wn_writer *writer = wn_writer_create();
    if (!writer)
        return wn_fail_memory(error);
    for (size_t i = 0; i < state->count; i++) {
        const wn_state_array *array = &state->array[i];
        wn_writer_tensor(writer, array->name, WN_F32, array->rank, array->shape, array->data);
    }
    wn_writer_metadata(writer, "winnow.kind", "checkpoint");
    wn_writer_metadata(writer, "winnow.checkpoint.settings", progress->fingerprint);
    wn_writer_metadata(writer, "winnow.checkpoint.log", progress->log);
    put_number(writer, "winnow.checkpoint.epoch", progress->epoch);
    put_number(writer, "winnow.checkpoint.step", progress->step);
    put_number(writer, "winnow.checkpoint.loss_sum", progress->loss_sum);
    put_number(writer, "winnow.checkpoint.best_epoch", progress->best_epoch);
    put_number(writer, "winnow.checkpoint.best_auroc", progress->best_auroc);
    put_number(writer, "winnow.checkpoint.best_fpr", progress->best_fpr);
    winnow_status status = wn_writer_write(writer, path, error);
    wn_writer_free(writer);
    return status;
}

static winnow_status get_number(const wn_safetensors *file, const char *path, const char *key, double low,
                                double high, double *value, winnow_error *error)
{
    const char *text = wn_safetensors_metadata(file, key);
    char *end = NULL;
    double number = text ? strtod(text, &end) : 0;
    if (!text || end == text || *end || !(number >= low && number <= high))
        return wn_fail(error, WINNOW_ERROR_FORMAT, -1, "%s: not a checkpoint of winnow: bad or missing %s",
                       path, key);
    *value = number;
    return WINNOW_OK;
}

/* Names the first line in which two fingerprints differ. */
static winnow_status compare_settings(const char *path, const char *saved, const char *now,
                                      winnow_error *error)
{
    while (*saved || *now) {
        int saved_length = (int)strcspn(saved, "\n"), now_length = (int)strcspn(now, "\n");
        if (saved_length != now_length || memcmp(saved, now, (size_t)now_length) != 0)
            return wn_fail(
                error, WINNOW_ERROR_ARGUMENT, -1,
                "%s: was made with %.*s, this run has %.*s; resume with the same options and photos", path,
                saved_length, saved, now_length, now);
        saved += saved_length + (saved[saved_length] != 0);
        now += now_length + (now[now_length] != 0);
    }
    return WINNOW_OK;
}

static winnow_status read_progress(const wn_safetensors *file, const char *path, wn_progress *progress,
                                   winnow_error *error)
{
    double epoch = 0, step = 0, best_epoch = 0;
    winnow_status status;
    if ((status = get_number(file, path, "winnow.checkpoint.epoch", 0, 1e6, &epoch, error)) ||
        (status = get_number(file, path, "winnow.checkpoint.step", 0, 1e9, &step, error)) ||
        (status =
             get_number(file, path, "winnow.checkpoint.loss_sum", -1e30, 1e30, &progress->loss_sum, error)) ||
        (status = get_number(file, path, "winnow.checkpoint.best_epoch", 0, 1e6, &best_epoch, error)) ||
        (status =
             get_number(file, path, "winnow.checkpoint.best_auroc", 0, 1, &progress->best_auroc, error)) ||
        (status = get_number(file, path, "winnow.checkpoint.best_fpr", 0, 1, &progress->best_fpr, error)))
        return status;
    progress->epoch = (int)epoch;
    progress->step = (int)step;
    progress->best_epoch = (int)best_epoch;
    const char *log = wn_safetensors_metadata(file, "winnow.checkpoint.log");
    progress->fingerprint = strdup(wn_safetensors_metadata(file, "winnow.checkpoint.settings"));
    progress->log = strdup(log ? log : "");
    return progress->fingerprint && progress->log ? WINNOW_OK : wn_fail_memory(error);
}

winnow_status wn_checkpoint_read(const char *path, const char *fingerprint, wn_state *state,
                                 wn_progress *progress, winnow_error *error)
{
    wn_safetensors *file = NULL;
    *progress = (wn_progress){0};
    winnow_status status = wn_safetensors_read(path, &file, error);
    if (status)
        return status;
    const char *kind = wn_safetensors_metadata(file, "winnow.kind");
    const char *settings = wn_safetensors_metadata(file, "winnow.checkpoint.settings");
    if (!kind || strcmp(kind, "checkpoint") != 0 || !settings)
        status = wn_fail(error, WINNOW_ERROR_FORMAT, -1, "%s: not a checkpoint of winnow", path);
    if (!status)
        status = compare_settings(path, settings, fingerprint, error);
    for (size_t i = 0; i < state->count && !status; i++)
        status = wn_safetensors_floats(file, state->array[i].name, state->array[i].count,
                                       state->array[i].data, error);
    if (!status)
        status = read_progress(file, path, progress, error);
    if (status)
        wn_progress_free(progress);
    wn_safetensors_free(file);
    return status;
}
