/* SPDX-License-Identifier: Apache-2.0 */
#include "exported.h"
#include "../runtime/file.h"
#include "budget.h"
#include "coreml.pb-c.h"
#include "export.h"
#include "onnx_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LARGEST_FILE = 1 << 30 };

/* ---- ONNX ---- */

static bool has_name(Onnx__ValueInfoProto *const *value, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (value[i]->name && !strcmp(value[i]->name, name))
            return true;
    return false;
}

static winnow_status check_graph(const Onnx__GraphProto *graph, winnow_error *error)
{
    static const char *const outputs[] = {"similarity", "p_value", "is_normal"};
    if (!has_name(graph->input, graph->n_input, "image"))
        return wn_fail(error, WINNOW_ERROR_DATA, -1,
                       "no gate's ONNX file: it has no input 'image' (`--raw` writes the embedding alone, "
                       "which cannot be compared)");
    for (size_t i = 0; i < sizeof outputs / sizeof *outputs; i++)
        if (!has_name(graph->output, graph->n_output, outputs[i]))
            return wn_fail(error, WINNOW_ERROR_DATA, -1, "no gate's ONNX file: it has no output '%s'",
                           outputs[i]);
    return WINNOW_OK;
}

typedef winnow_status check(const void *bytes, size_t size, wn_arena *arena, winnow_error *error);

static winnow_status check_file(const char *path, check *what, winnow_error *error)
{
    const void *bytes;
    size_t size;
    winnow_status status = wn_map_file(path, LARGEST_FILE, &bytes, &size, error);
    if (status)
        return status;
    wn_arena arena = {0};
    status = what(bytes, size, &arena, error);
    wn_arena_free(&arena);
    wn_unmap_file(bytes, size);
    return status ? wn_fail_prefix(error, status, path) : WINNOW_OK;
}

static winnow_status check_onnx(const void *bytes, size_t size, wn_arena *arena, winnow_error *error)
{
    wn_onnx_model model;
    winnow_status status = wn_onnx_model_read(bytes, size, arena, &model, error);
    return status ? status : check_graph(model.graph, error);
}

winnow_status wn_exported_onnx_check(const char *path, winnow_error *error)
{
    return check_file(path, check_onnx, error);
}

/* ---- Core ML ---- */

static bool has_feature(Coreml__FeatureDescription *const *feature, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(feature[i]->name, name))
            return true;
    return false;
}

static winnow_status check_description(const Coreml__Model *model, winnow_error *error)
{
    static const char *const outputs[] = {"similarity", "p_value", "is_normal", "embedding"};
    const Coreml__ModelDescription *description = model ? model->description : NULL;
    if (!description || model->type_case == COREML__MODEL__TYPE__NOT_SET)
        return wn_fail(error, WINNOW_ERROR_FORMAT, -1,
                       "not a whole Core ML model: it is cut off, or damaged, or of another kind");
    if (!has_feature(description->input, description->n_input, "image"))
        return wn_fail(error, WINNOW_ERROR_DATA, -1, "no gate's Core ML model: it has no input 'image'");
    for (size_t i = 0; i < sizeof outputs / sizeof *outputs; i++)
        if (!has_feature(description->output, description->n_output, outputs[i]))
            return wn_fail(error, WINNOW_ERROR_DATA, -1, "no gate's Core ML model: it has no output '%s'",
                           outputs[i]);
    return WINNOW_OK;
}

static winnow_status check_specification(const void *bytes, size_t size, wn_arena *arena, winnow_error *error)
{
    wn_budget budget;
    wn_budget_open(&budget, arena, size);
    return check_description(coreml__model__unpack(&budget.allocator, size, bytes), error);
}

static winnow_status check_there(const char *path, winnow_error *error)
{
    const void *bytes;
    size_t size;
    winnow_status status = wn_map_file(path, LARGEST_FILE, &bytes, &size, error);
    if (!status)
        wn_unmap_file(bytes, size);
    return status;
}

static winnow_status check_package(const char *path, winnow_error *error)
{
    static const char *const others[] = {"/Manifest.json", "/Data/com.apple.CoreML/weights/weight.bin"};
    const size_t length = strlen(path) + 64;
    char *name = malloc(length);
    if (!name)
        return wn_fail_memory(error);
    snprintf(name, length, "%s/Data/com.apple.CoreML/model.mlmodel", path);
    winnow_status status = check_file(name, check_specification, error);
    for (size_t i = 0; i < sizeof others / sizeof *others && !status; i++) {
        snprintf(name, length, "%s%s", path, others[i]);
        status = check_there(name, error);
    }
    free(name);
    return status;
}

winnow_status wn_exported_coreml_check(const char *path, winnow_error *error)
{
    struct stat info;
    return !stat(path, &info) && S_ISDIR(info.st_mode) ? check_package(path, error)
                                                       : check_file(path, check_specification, error);
}

/* ---- C ---- */

/* Steps over `word`; NULL where something else is at `at`. */
static const char *skip(const char *at, const char *end, const char *word)
{
    const size_t length = strlen(word);
    return at && (size_t)(end - at) >= length && !memcmp(at, word, length) ? at + length : NULL;
}

static const char *find(const char *at, const char *end, const char *word)
{
    while (at && at < end && !skip(at, end, word))
        at = memchr(at + 1, *word, (size_t)(end - at - 1));
    return at && at < end ? at + strlen(word) : NULL;
}

/* What the header says that the weights weigh: 0 where they are in the source, -1 where it says nothing. */
static long long header_weights(const char *path, const char *name, winnow_error *error)
{
    char define[96], digits[19] = "";
    const void *bytes;
    size_t size;
    if (wn_map_file(path, LARGEST_FILE, &bytes, &size, error))
        return -1;
    const char *text = bytes, *end = text + size;
    snprintf(define, sizeof define, "\n#define %s_WEIGHTS ", name);
    const char *at = find(skip(text, end, WN_EXPORTED_C), end, define);
    for (size_t i = 0; at && at < end && i + 1 < sizeof digits && *at >= '0' && *at <= '9'; i++)
        digits[i] = *at++;
    wn_unmap_file(bytes, size);
    if (*digits)
        return atoll(digits);
    wn_fail(error, WINNOW_ERROR_DATA, -1, "%s is not the header that winnow wrote", path);
    return -1;
}

static winnow_status check_weights(const char *path, size_t expected, winnow_error *error)
{
    const void *bytes;
    size_t size;
    winnow_status status = wn_map_file(path, LARGEST_FILE, &bytes, &size, error);
    if (status)
        return status;
    wn_unmap_file(bytes, size);
    return size == expected
               ? WINNOW_OK
               : wn_fail(error, WINNOW_ERROR_DATA, -1, "%s holds %zu bytes, where its header promises %zu",
                         path, size, expected);
}

static winnow_status check_code(const char *path, const char *name, winnow_error *error)
{
    char include[96];
    const void *bytes;
    size_t size;
    winnow_status status = wn_map_file(path, LARGEST_FILE, &bytes, &size, error);
    if (status)
        return status;
    const char *text = bytes, *end = text + size;
    const char *line = memchr(text, '\n', size), *at = skip(text, end, WN_EXPORTED_C);
    snprintf(include, sizeof include, "\n#include \"%s.h\"\n", name);
    if (!at)
        status = wn_fail(error, WINNOW_ERROR_DATA, -1, "%s is not C that winnow wrote; nothing was compiled",
                         path);
    else if (!skip(line, end, include))
        status = wn_fail(error, WINNOW_ERROR_DATA, -1,
                         "%s does not include %s.h: it was written under another name, which is in it", path,
                         name);
    wn_unmap_file(bytes, size);
    return status;
}

winnow_status wn_exported_c_check(const char *path, winnow_error *error)
{
    const size_t length = strlen(path);
    char name[64], *other = malloc(length + 4);
    if (!other)
        return wn_fail_memory(error);
    wn_export_c_name(path, name);
    winnow_status status = check_code(path, name, error);
    if (!status) {
        snprintf(other, length + 4, "%.*sh", (int)length - 1, path);
        const long long weights = header_weights(other, name, error);
        snprintf(other, length + 4, "%.*sbin", (int)length - 1, path);
        status = weights < 0 ? WINNOW_ERROR_DATA
                 : weights   ? check_weights(other, (size_t)weights, error)
                             : WINNOW_OK;
    }
    free(other);
    return status;
}
