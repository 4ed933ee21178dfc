/* SPDX-License-Identifier: Apache-2.0
 *
 * `winnow info`: all that a file knows: a gate, a backbone or a checkpoint. */
#include "../src/runtime/gate_file.h"
#include "../src/runtime/safetensors.h"
#include "commands.h"
#include "options.h"
#include "output.h"
#include "promise.h"
#include "provenance.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct {
    bool json, tensors;
} given;

static const option_row rows[] = {
    {"tensors", 0, OPTION_FLAG, NULL, "list the tensors too", &given.tensors},
    {"json", 0, OPTION_FLAG, NULL, "print all of it as one JSON object", &given.json},
    {0},
};

static const options_usage usage = {
    "FILE", "Shows all that a file of winnow knows: what it is, how it was made, what it promises.", rows, 1,
    1};

static const char *metadata_of(const void *file, const char *key)
{
    return wn_safetensors_metadata(file, key);
}

/* A share in percent: "5%". */
static const char *percent(const char *value, char text[96])
{
    snprintf(text, 64, "%.6g%%", 100 * atof(value));
    return text;
}

/* Numbers of the file that are words to people; the value itself where it is plain. */
static const char *in_words(const char *key, const char *value, char text[96])
{
    if (!strcmp(key, "winnow.false_reject"))
        return percent(value, text);
    if (!strcmp(key, "winnow.confidence"))
        return atof(value) > 0 ? promise_certainty(atof(value), 0, text) + strlen("with ")
                               : "none: the promise is kept on average";
    if (!strcmp(key, "winnow.seconds")) {
        snprintf(text, 64, "%.30s s", value);
        return text;
    }
    if ((!strcmp(key, "winnow.classes") || !strcmp(key, "winnow.embedding")) && !strcmp(value, "0"))
        return "none";
    return value;
}

static void print_row(const char *name, const char *value)
{
    printf("%-28s", name);
    for (const char *line = value; line; line = strchr(line, '\n')) { /* continued lines are indented */
        if (*line == '\n')
            printf("\n%-28s", "");
        line += *line == '\n';
        printf(" %.*s", (int)strcspn(line, "\n"), line);
    }
    putchar('\n');
}

/* What a file says of how it was made, its settings as options of `train`. */
static void read_provenance(const wn_safetensors *file, provenance_lines *made)
{
    const char *embedding = wn_safetensors_metadata(file, "winnow.embedding");
    provenance_read(wn_safetensors_metadata(file, "winnow.settings"), embedding && strcmp(embedding, "0"),
                    wn_safetensors_metadata(file, "winnow.backbone"), made);
}

/* The seed and the photos' hashes are rows of their own. */
static void print_settings(const provenance_lines *made, const char *settings)
{
    print_row("settings", made->options[0] ? made->options : settings);
    if (made->seed[0])
        print_row("seed", made->seed);
    if (made->photos[0])
        print_row("data hash", made->photos);
}

/* With the promise, or with the name of the source. */
static bool is_told_elsewhere(const char *key)
{
    return !strcmp(key, "winnow.calibration.promise") || !strcmp(key, "winnow.calibration.kind") ||
           !strcmp(key, "winnow.calibration.cameras") ||
           !strncmp(key, "winnow.group_", strlen("winnow.group_"));
}

static void print_text(const wn_safetensors *file, const char *path, uint64_t bytes)
{
    provenance_lines made;
    read_provenance(file, &made);
    printf("%-28s %s\n%-28s %" PRIu64 "\n", "file", path, "bytes", bytes);
    for (size_t i = 0; i < wn_safetensors_metadata_count(file); i++) {
        const char *key, *value;
        wn_safetensors_metadata_at(file, i, &key, &value);
        if (is_told_elsewhere(key))
            continue;
        char text[96], scope[160];
        if (!strcmp(key, "winnow.calibration.source")) {
            const promise_basis basis = promise_basis_read(metadata_of, file);
            key = "winnow.promise";
            value = promise_scope(&basis, scope);
        }
        value = in_words(key, value, text);
        if (!strcmp(key, "winnow.settings"))
            print_settings(&made, value);
        else if (!strcmp(key, "winnow.backbone"))
            print_row("backbone", made.backbone);
        else
            print_row(key + (strncmp(key, "winnow.", 7) ? 0 : 7), value);
    }
    uint64_t numbers = 0;
    for (size_t i = 0; i < wn_safetensors_count(file); i++) {
        const wn_tensor *tensor = wn_safetensors_at(file, i);
        numbers += tensor->bytes / wn_dtype_size(tensor->dtype);
        if (!given.tensors)
            continue;
        printf("%-44s", tensor->name);
        for (int d = 0; d < tensor->rank; d++)
            printf("%s%" PRIu64, d ? " x " : " ", tensor->shape[d]);
        putchar('\n');
    }
    printf("%-28s %zu, %" PRIu64 " numbers\n", "tensors", wn_safetensors_count(file), numbers);
}

static int print_json(const wn_safetensors *file, const char *path, uint64_t bytes)
{
    json_t *metadata = json_object(), *tensors = json_object();
    for (size_t i = 0; i < wn_safetensors_metadata_count(file); i++) {
        const char *key, *value;
        wn_safetensors_metadata_at(file, i, &key, &value);
        json_object_set_new(metadata, key, json_string(value));
    }
    for (size_t i = 0; i < wn_safetensors_count(file); i++) {
        const wn_tensor *tensor = wn_safetensors_at(file, i);
        json_t *shape = json_array();
        for (int d = 0; d < tensor->rank; d++)
            json_array_append_new(shape, json_integer((json_int_t)tensor->shape[d]));
        json_object_set_new(tensors, tensor->name, shape);
    }
    return output_json(json_pack("{s:s, s:I, s:o, s:o}", "path", path, "bytes", (json_int_t)bytes, "metadata",
                                 metadata, "tensors", tensors));
}

/* A gate must also be one: info is where people look when something is odd. */
static winnow_status check_gate(const wn_safetensors *file, const char *path, winnow_error *error)
{
    const char *kind = wn_safetensors_metadata(file, "winnow.kind");
    if (!kind || strcmp(kind, "gate") != 0)
        return WINNOW_OK;
    wn_gate_file gate;
    winnow_status status = wn_gate_file_read(path, true, &gate, error);
    if (!status)
        wn_gate_file_free(&gate);
    return status;
}

int command_info(int argc, char **argv)
{
    char **operands;
    int exit_status = options_read(&usage, argc, argv, &operands);
    if (exit_status >= 0)
        return exit_status;
    winnow_error error;
    wn_safetensors *file = NULL;
    struct stat info = {0};
    winnow_status status = wn_safetensors_read(operands[0], &file, &error);
    if (!status)
        status = check_gate(file, operands[0], &error);
    if (status) {
        exit_status = output_failure(&error);
    } else {
        stat(operands[0], &info);
        exit_status = STATUS_DONE;
        if (given.json)
            exit_status = print_json(file, operands[0], (uint64_t)info.st_size);
        else
            print_text(file, operands[0], (uint64_t)info.st_size);
    }
    wn_safetensors_free(file);
    return exit_status;
}
