/* SPDX-License-Identifier: Apache-2.0 */
#include "export.h"

#include <string.h>

static void make_notes(wn_export_source *source)
{
    const wn_calibration *calibration = &source->file.calibration;
    const wn_gauge_scale scale = wn_calibration_gauge_scale(calibration);
    source->made[0].key = "winnow.unsure";
    wn_format_number((double)calibration->unsure, source->made[0].value);
    source->made[1].key = "winnow.gauge.p_value";
    wn_format_number((double)scale.p_value, source->made[1].value);
    source->made[2].key = "winnow.gauge.spread";
    wn_format_number((double)scale.spread, source->made[2].value);
}

winnow_status wn_export_open(const char *path, wn_export_source *source, winnow_error *error)
{
    *source = (wn_export_source){0};
    winnow_status status = wn_gate_file_read(path, false, &source->file, error);
    if (!status)
        status = wn_safetensors_read(path, &source->tensors, error);
    if (status)
        wn_export_close(source);
    else
        make_notes(source);
    return status;
}

void wn_export_close(wn_export_source *source)
{
    wn_gate_file_free(&source->file);
    wn_safetensors_free(source->tensors);
    *source = (wn_export_source){0};
}

/* Folders, command lines and names of sources are nobody else's business. */
static bool is_private(const char *key)
{
    static const char *const keys[] = {"winnow.command", "winnow.settings", "winnow.kind", "winnow.format"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!strcmp(key, keys[i]))
            return true;
    return !strncmp(key, "winnow.group", strlen("winnow.group"));
}

bool wn_export_note(const wn_export_source *source, size_t index, const char **key, const char **value)
{
    const size_t count = wn_safetensors_metadata_count(source->tensors);
    if (index >= count) {
        const size_t made = index - count;
        if (made >= sizeof source->made / sizeof *source->made)
            return false;
        *key = source->made[made].key;
        *value = source->made[made].value;
        return true;
    }
    wn_safetensors_metadata_at(source->tensors, index, key, value);
    if (is_private(*key))
        *key = NULL;
    return true;
}
