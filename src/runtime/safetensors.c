/* SPDX-License-Identifier: Apache-2.0
 * The reader. The header is parsed in one pass into a list of tensors; only then, sorted by offset, are they
 * checked to tile the data exactly, so that no byte of a file is hidden and none is shared. */
#include "safetensors.h"

#include "file.h"
#include "json.h"

#include <stdlib.h>
#include <string.h>

#if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "safetensors data is little-endian and is used in place"
#endif

enum { LARGEST_HEADER = 100 * 1000 * 1000 };

typedef struct entry {
    wn_tensor tensor;
    uint64_t begin, end;      /* in the data */
    size_t name_at, range_at; /* in the header, for refusals */
} entry;

typedef struct pair {
    const char *key, *value;
    size_t at; /* of the key in the header */
} pair;

struct wn_safetensors {
    const void *mapped; /* the file's bytes, where it is ours to let go of them */
    size_t size;
    char *strings; /* every name, key and value */
    entry *entry;  /* in order of data */
    size_t count, capacity;
    size_t *by_name; /* [count] indices of entry, sorted by name */
    pair *pair;      /* sorted by key */
    size_t pair_count, pair_capacity;
};

/* ---- header ---- */

/* Makes room for one more element in *array. */
static winnow_status grow(void **array, size_t count, size_t *capacity, size_t element, winnow_error *error)
{
    if (count < *capacity)
        return WINNOW_OK;
    const size_t wanted = *capacity ? *capacity * 2 : 64;
    void *larger = realloc(*array, wanted * element);
    if (!larger)
        return wn_fail_memory(error);
    *array = larger;
    *capacity = wanted;
    return WINNOW_OK;
}

static winnow_status parse_dtype(wn_json *json, wn_tensor *tensor)
{
    wn_json_peek(json);
    const size_t at = json->at;
    const char *name;
    const winnow_status status = wn_json_string(json, "a dtype", &name);
    if (status)
        return status;
    if (wn_dtype_find(name, &tensor->dtype))
        return WINNOW_OK;
    return wn_fail(json->error, WINNOW_ERROR_UNSUPPORTED, json->base + (int64_t)at,
                   "byte %lld: dtype '%.20s' is not supported", (long long)json->base + (long long)at, name);
}

static winnow_status parse_shape(wn_json *json, wn_tensor *tensor)
{
    winnow_status status = wn_json_expect(json, '[', "before a shape");
    tensor->rank = 0;
    if (status || wn_json_accept(json, ']'))
        return status;
    do {
        if (tensor->rank == WN_MAX_RANK)
            return wn_json_fail(json, json->at, "a shape has more than 8 dimensions");
        status = wn_json_number(json, "a dimension", &tensor->shape[tensor->rank++]);
    } while (!status && wn_json_accept(json, ','));
    return status ? status : wn_json_expect(json, ']', "after a shape");
}

static winnow_status parse_range(wn_json *json, entry *e)
{
    winnow_status status = wn_json_expect(json, '[', "before data_offsets");
    e->range_at = json->at - 1;
    if (!status)
        status = wn_json_number(json, "an offset", &e->begin);
    if (!status)
        status = wn_json_expect(json, ',', "between two offsets");
    if (!status)
        status = wn_json_number(json, "an offset", &e->end);
    return status ? status : wn_json_expect(json, ']', "after data_offsets");
}

/* The bytes between the offsets must be what dtype and shape ask for. */
static winnow_status check_size(const wn_json *json, entry *e)
{
    uint64_t bytes = wn_dtype_size(e->tensor.dtype);
    for (int i = 0; i < e->tensor.rank; i++)
        if (__builtin_mul_overflow(bytes, e->tensor.shape[i], &bytes))
            return wn_json_fail(json, e->name_at, "the shape of this tensor overflows");
    if (e->end < e->begin || e->end - e->begin != bytes)
        return wn_json_fail(json, e->range_at, "data_offsets do not match dtype and shape");
    e->tensor.bytes = (size_t)bytes;
    return WINNOW_OK;
}

/* {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, the keys once each in any order. */
static winnow_status parse_tensor(wn_json *json, entry *e)
{
    enum { DTYPE = 1, SHAPE = 2, RANGE = 4, ALL = 7 };
    int seen = 0;
    winnow_status status = wn_json_expect(json, '{', "before a tensor");
    const size_t start = json->at - 1;
    if (!status && wn_json_accept(json, '}'))
        return wn_json_fail(json, start, "a tensor needs dtype, shape and data_offsets");
    while (!status) {
        wn_json_peek(json);
        const size_t at = json->at;
        const char *key;
        status = wn_json_string(json, "a key of a tensor", &key);
        if (!status)
            status = wn_json_expect(json, ':', "after a key");
        if (status)
            break;
        const int field = !strcmp(key, "dtype")          ? DTYPE
                          : !strcmp(key, "shape")        ? SHAPE
                          : !strcmp(key, "data_offsets") ? RANGE
                                                         : 0;
        if (!field || seen & field)
            return wn_json_fail(json, at, field ? "this key stands twice" : "a tensor has no such key");
        seen |= field;
        status = field == DTYPE   ? parse_dtype(json, &e->tensor)
                 : field == SHAPE ? parse_shape(json, &e->tensor)
                                  : parse_range(json, e);
        if (!status && !wn_json_accept(json, ','))
            break;
    }
    if (!status)
        status = wn_json_expect(json, '}', "after a tensor");
    if (!status && seen != ALL)
        status = wn_json_fail(json, start, "a tensor needs dtype, shape and data_offsets");
    return status ? status : check_size(json, e);
}

static winnow_status parse_metadata(wn_json *json, wn_safetensors *file)
{
    winnow_status status = wn_json_expect(json, '{', "before __metadata__");
    if (status || wn_json_accept(json, '}'))
        return status;
    do {
        status = grow((void **)&file->pair, file->pair_count, &file->pair_capacity, sizeof *file->pair,
                      json->error);
        if (status)
            return status;
        pair *next = &file->pair[file->pair_count];
        wn_json_peek(json);
        next->at = json->at;
        status = wn_json_string(json, "a metadata key", &next->key);
        if (!status)
            status = wn_json_expect(json, ':', "after a metadata key");
        if (!status)
            status = wn_json_string(json, "a metadata value (a string)", &next->value);
        file->pair_count++;
    } while (!status && wn_json_accept(json, ','));
    return status ? status : wn_json_expect(json, '}', "after __metadata__");
}

/* One member of the header: a tensor or the metadata. */
static winnow_status parse_member(wn_json *json, wn_safetensors *file, bool *has_metadata)
{
    const char *name;
    wn_json_peek(json);
    const size_t at = json->at;
    winnow_status status = wn_json_string(json, "a tensor name", &name);
    if (!status)
        status = wn_json_expect(json, ':', "after a tensor name");
    if (status)
        return status;
    if (!strcmp(name, "__metadata__")) {
        if (*has_metadata)
            return wn_json_fail(json, at, "__metadata__ stands twice");
        *has_metadata = true;
        return parse_metadata(json, file);
    }
    status = grow((void **)&file->entry, file->count, &file->capacity, sizeof *file->entry, json->error);
    if (status)
        return status;
    entry *e = &file->entry[file->count++];
    memset(e, 0, sizeof *e);
    e->tensor.name = name;
    e->name_at = at;
    return parse_tensor(json, e);
}

static winnow_status parse_header(wn_json *json, wn_safetensors *file)
{
    bool has_metadata = false;
    if (json->size == 0 || *json->text != '{')
        return wn_json_fail(json, 0, "a safetensors header starts with '{'");
    json->at = 1;
    winnow_status status = WINNOW_OK;
    if (!wn_json_accept(json, '}')) {
        do
            status = parse_member(json, file, &has_metadata);
        while (!status && wn_json_accept(json, ','));
        if (!status)
            status = wn_json_expect(json, '}', "at the end of the header");
    }
    if (!status && (wn_json_peek(json) || json->at < json->size))
        status = wn_json_fail(json, json->at, "unexpected bytes after the header");
    return status;
}

/* ---- what the header as a whole must be ---- */

static int compare_ranges(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    if (x->end != y->end)
        return x->end < y->end ? -1 : 1;
    return x->name_at < y->name_at ? -1 : 1;
}

static winnow_status check_tiling(const wn_json *json, wn_safetensors *file, const char *data, uint64_t size)
{
    uint64_t expected = 0;
    if (file->count)
        qsort(file->entry, file->count, sizeof *file->entry, compare_ranges);
    for (size_t i = 0; i < file->count; i++) {
        entry *e = &file->entry[i];
        if (e->end > size)
            return wn_json_fail(json, e->range_at, "this tensor ends beyond the end of the file");
        if (e->begin != expected)
            return wn_json_fail(json, e->range_at,
                                e->begin < expected ? "this tensor overlaps another"
                                                    : "there is a hole before this tensor");
        e->tensor.data = data + e->begin;
        e->tensor.offset = (uint64_t)json->base + json->size + e->begin;
        expected = e->end;
    }
    if (expected != size)
        return wn_json_fail(json, json->size + expected, "the file goes on after the last tensor");
    return WINNOW_OK;
}

typedef struct named {
    const char *name;
    size_t index, at;
} named;

static int compare_names(const void *a, const void *b)
{
    const named *x = a, *y = b;
    const int order = strcmp(x->name, y->name);
    return order ? order : x->at < y->at ? -1 : 1;
}

static winnow_status index_names(const wn_json *json, wn_safetensors *file)
{
    named *names = calloc(file->count + 1, sizeof *names);
    file->by_name = calloc(file->count + 1, sizeof *file->by_name);
    winnow_status status = names && file->by_name ? WINNOW_OK : wn_fail_memory(json->error);
    for (size_t i = 0; !status && i < file->count; i++)
        names[i] = (named){file->entry[i].tensor.name, i, file->entry[i].name_at};
    if (!status)
        qsort(names, file->count, sizeof *names, compare_names);
    for (size_t i = 0; !status && i < file->count; i++) {
        file->by_name[i] = names[i].index;
        if (i && !strcmp(names[i - 1].name, names[i].name))
            status = wn_json_fail(json, names[i].at, "a tensor of this name stands before");
    }
    free(names);
    return status;
}

static int compare_pairs(const void *a, const void *b)
{
    const pair *x = a, *y = b;
    const int order = strcmp(x->key, y->key);
    return order ? order : x->at < y->at ? -1 : 1;
}

static winnow_status index_metadata(const wn_json *json, wn_safetensors *file)
{
    if (file->pair_count)
        qsort(file->pair, file->pair_count, sizeof *file->pair, compare_pairs);
    for (size_t i = 1; i < file->pair_count; i++)
        if (!strcmp(file->pair[i - 1].key, file->pair[i].key))
            return wn_json_fail(json, file->pair[i].at, "this metadata key stands before");
    return WINNOW_OK;
}

/* ---- opening ---- */

static winnow_status parse_into(wn_safetensors *file, const char *bytes, size_t size, winnow_error *error)
{
    uint64_t length;
    if (size < sizeof length)
        return wn_fail(error, WINNOW_ERROR_FORMAT, (int64_t)size,
                       "byte %zu: the file ends before the length of its header", size);
    memcpy(&length, bytes, sizeof length);
    if (length > LARGEST_HEADER)
        return wn_fail(error, WINNOW_ERROR_FORMAT, 0,
                       "byte 0: not a safetensors file, as gates and backbones are");
    if (length > size - sizeof length)
        return wn_fail(error, WINNOW_ERROR_FORMAT, (int64_t)size, "byte %zu: the file ends in its header",
                       size);
    file->strings = malloc(length + 1);
    if (!file->strings)
        return wn_fail_memory(error);
    wn_json json = {.text = bytes + sizeof length,
                    .size = length,
                    .base = sizeof length,
                    .strings = file->strings,
                    .error = error};
    winnow_status status = parse_header(&json, file);
    if (!status)
        status = check_tiling(&json, file, json.text + length, size - sizeof length - length);
    if (!status)
        status = index_names(&json, file);
    return status ? status : index_metadata(&json, file);
}

winnow_status wn_safetensors_parse(const void *bytes, size_t size, wn_safetensors **file, winnow_error *error)
{
    wn_safetensors *parsed = calloc(1, sizeof *parsed);
    if (!parsed)
        return wn_fail_memory(error);
    const winnow_status status = parse_into(parsed, bytes, size, error);
    if (status) {
        wn_safetensors_free(parsed);
        return status;
    }
    *file = parsed;
    return WINNOW_OK;
}

winnow_status wn_safetensors_read(const char *path, wn_safetensors **file, winnow_error *error)
{
    const void *bytes;
    size_t size;
    winnow_status status = wn_map_file(path, SIZE_MAX / 2, &bytes, &size, error);
    if (status)
        return status;
    status = wn_safetensors_parse(bytes, size, file, error);
    if (status) {
        wn_unmap_file(bytes, size);
        return wn_fail_prefix(error, status, path);
    }
    (*file)->mapped = bytes;
    (*file)->size = size;
    return WINNOW_OK;
}

void wn_safetensors_free(wn_safetensors *file)
{
    if (!file)
        return;
    if (file->mapped)
        wn_unmap_file(file->mapped, file->size);
    free(file->strings);
    free(file->entry);
    free(file->by_name);
    free(file->pair);
    free(file);
}

/* ---- access ---- */

size_t wn_safetensors_count(const wn_safetensors *file)
{
    return file->count;
}

const wn_tensor *wn_safetensors_at(const wn_safetensors *file, size_t index)
{
    return index < file->count ? &file->entry[index].tensor : NULL;
}

const wn_tensor *wn_safetensors_find(const wn_safetensors *file, const char *name)
{
    for (size_t low = 0, high = file->count; low < high;) {
        const size_t middle = low + (high - low) / 2;
        const wn_tensor *tensor = &file->entry[file->by_name[middle]].tensor;
        const int order = strcmp(name, tensor->name);
        if (order == 0)
            return tensor;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static int compare_key(const void *key, const void *element)
{
    return strcmp(key, ((const pair *)element)->key);
}

const char *wn_safetensors_metadata(const wn_safetensors *file, const char *key)
{
    const pair *found =
        file->pair_count ? bsearch(key, file->pair, file->pair_count, sizeof *file->pair, compare_key) : NULL;
    return found ? found->value : NULL;
}

size_t wn_safetensors_metadata_count(const wn_safetensors *file)
{
    return file->pair_count;
}

void wn_safetensors_metadata_at(const wn_safetensors *file, size_t index, const char **key,
                                const char **value)
{
    *key = file->pair[index].key;
    *value = file->pair[index].value;
}
