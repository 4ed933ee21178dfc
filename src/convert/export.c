/* SPDX-License-Identifier: Apache-2.0 */
#include "export.h"

#include <string.h>

winnow_status wn_export_open(const char *path, wn_export_source *source, winnow_error *error)
{
    *source = (wn_export_source){0};
    winnow_status status = wn_gate_file_read(path, false, &source->file, error);
    if (!status)
        status = wn_safetensors_read(path, &source->tensors, error);
    if (status)
        wn_export_close(source);
    else
        wn_format_number((double)source->file.calibration.unsure, source->unsure);
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
    static const char *const keys[] = {"winnow.command", "winnow.settings", "winnow.groups", "winnow.kind",
                                       "winnow.format"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!strcmp(key, keys[i]))
            return true;
    return !strncmp(key, "winnow.group.", 13);
}

bool wn_export_note(const wn_export_source *source, size_t index, const char **key, const char **value)
{
    const size_t count = wn_safetensors_metadata_count(source->tensors);
    if (index > count)
        return false;
    if (index == count) {
        *key = "winnow.unsure";
        *value = source->unsure;
        return true;
    }
    wn_safetensors_metadata_at(source->tensors, index, key, value);
    if (is_private(*key))
        *key = NULL;
    return true;
}
