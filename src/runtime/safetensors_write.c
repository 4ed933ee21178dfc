/* SPDX-License-Identifier: Apache-2.0
 * The writer. Mistakes are remembered where they are made and reported by the write, so that a caller with
 * three hundred tensors checks once. */
#include "file.h"
#include "safetensors.h"
#include "utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST_HEADER = 100 * 1000 * 1000, ALIGNMENT = 64 };

typedef struct written_tensor {
    char *name;
    wn_dtype dtype;
    int rank;
    uint64_t shape[WN_MAX_RANK];
    const void *data;
    uint64_t bytes;
} written_tensor;

typedef struct written_pair {
    char *key, *value;
} written_pair;

struct wn_writer {
    winnow_status status;
    winnow_error error;
    written_tensor *tensor;
    size_t tensor_count, tensor_capacity;
    written_pair *pair; /* sorted by key */
    size_t pair_count, pair_capacity;
};

wn_writer *wn_writer_create(void)
{
    return calloc(1, sizeof(wn_writer));
}

void wn_writer_free(wn_writer *writer)
{
    if (!writer)
        return;
    for (size_t i = 0; i < writer->tensor_count; i++)
        free(writer->tensor[i].name);
    for (size_t i = 0; i < writer->pair_count; i++) {
        free(writer->pair[i].key);
        free(writer->pair[i].value);
    }
    free(writer->tensor);
    free(writer->pair);
    free(writer);
}

/* Makes room for one more element in *array, or remembers that there is none. */
static bool grow(wn_writer *writer, void **array, size_t count, size_t *capacity, size_t element)
{
    if (count < *capacity)
        return true;
    const size_t wanted = *capacity ? *capacity * 2 : 64;
    void *larger = realloc(*array, wanted * element);
    if (!larger) {
        writer->status = wn_fail_memory(&writer->error);
        return false;
    }
    *array = larger;
    *capacity = wanted;
    return true;
}

/* A copy in which every byte that is not UTF-8 (file names may hold anything) is U+FFFD. */
static char *copy_as_utf8(wn_writer *writer, const char *text)
{
    const size_t size = strlen(text);
    char *copy = malloc(size * 3 + 1), *out = copy;
    if (!copy) {
        writer->status = wn_fail_memory(&writer->error);
        return NULL;
    }
    for (size_t i = 0; i < size;) {
        const int length = wn_utf8_length(text + i, size - i);
        if (length) {
            memcpy(out, text + i, (size_t)length);
            out += length;
        } else {
            out += wn_utf8_encode(0xfffd, out);
        }
        i += length ? (size_t)length : 1;
    }
    *out = 0;
    return copy;
}

static bool is_utf8(const char *text)
{
    size_t left = strlen(text);
    for (int length; left; text += length, left -= (size_t)length)
        if (!(length = wn_utf8_length(text, left)))
            return false;
    return true;
}

/* False, and remembered, where this tensor cannot be written. */
static bool check_tensor(wn_writer *writer, const char *name, int rank, const uint64_t *shape,
                         uint64_t *bytes)
{
    const char *fault = NULL;
    for (size_t i = 0; !fault && i < writer->tensor_count; i++)
        if (!strcmp(writer->tensor[i].name, name))
            fault = "is given twice";
    if (!strcmp(name, "__metadata__"))
        fault = "has a reserved name";
    if (!is_utf8(name))
        fault = "has a name that is not UTF-8";
    if (rank < 0 || rank > WN_MAX_RANK)
        fault = "has more than 8 dimensions";
    for (int i = 0; !fault && i < rank; i++)
        if (__builtin_mul_overflow(*bytes, shape[i], bytes) || *bytes > INT64_MAX)
            fault = "is too large";
    if (fault)
        writer->status =
            wn_fail(&writer->error, WINNOW_ERROR_ARGUMENT, -1, "tensor '%.100s' %s", name, fault);
    return !fault;
}

void wn_writer_tensor(wn_writer *writer, const char *name, wn_dtype dtype, int rank, const uint64_t *shape,
                      const void *data)
{
    uint64_t bytes = wn_dtype_size(dtype);
    if (writer->status || !check_tensor(writer, name, rank, shape, &bytes) ||
        !grow(writer, (void **)&writer->tensor, writer->tensor_count, &writer->tensor_capacity,
              sizeof *writer->tensor))
        return;
    written_tensor *tensor = &writer->tensor[writer->tensor_count];
    *tensor = (written_tensor){.dtype = dtype, .rank = rank, .data = data, .bytes = bytes};
    if (rank)
        memcpy(tensor->shape, shape, (size_t)rank * sizeof *shape);
    tensor->name = copy_as_utf8(writer, name);
    writer->tensor_count += tensor->name != NULL;
}

void wn_writer_metadata(wn_writer *writer, const char *key, const char *value)
{
    if (!writer->status && !is_utf8(key))
        writer->status =
            wn_fail(&writer->error, WINNOW_ERROR_ARGUMENT, -1, "metadata key '%.100s' is not UTF-8", key);
    char *copy = writer->status ? NULL : copy_as_utf8(writer, value);
    if (!copy)
        return;
    size_t at = 0;
    while (at < writer->pair_count && strcmp(writer->pair[at].key, key) < 0)
        at++;
    if (at < writer->pair_count && !strcmp(writer->pair[at].key, key)) {
        free(writer->pair[at].value);
        writer->pair[at].value = copy;
        return;
    }
    char *key_copy = copy_as_utf8(writer, key);
    if (!key_copy || !grow(writer, (void **)&writer->pair, writer->pair_count, &writer->pair_capacity,
                           sizeof *writer->pair)) {
        free(key_copy);
        free(copy);
        return;
    }
    memmove(writer->pair + at + 1, writer->pair + at, (writer->pair_count - at) * sizeof *writer->pair);
    writer->pair[at] = (written_pair){key_copy, copy};
    writer->pair_count++;
}

/* ---- header ---- */

/* Text that grows; once an allocation has failed, `failed` is set and appending does nothing. */
typedef struct text {
    char *bytes;
    size_t size, capacity;
    bool failed;
} text;

static void append(text *out, const char *bytes, size_t size)
{
    if (!out->failed && out->capacity - out->size < size) {
        const size_t wanted = (out->size + size) * 2;
        char *larger = realloc(out->bytes, wanted);
        out->failed = !larger;
        if (larger) {
            out->bytes = larger;
            out->capacity = wanted;
        }
    }
    if (out->failed)
        return;
    memcpy(out->bytes + out->size, bytes, size);
    out->size += size;
}

static void append_text(text *out, const char *string)
{
    append(out, string, strlen(string));
}

static void append_number(text *out, uint64_t number)
{
    char digits[24];
    append(out, digits, (size_t)snprintf(digits, sizeof digits, "%llu", (unsigned long long)number));
}

static void append_string(text *out, const char *string)
{
    append(out, "\"", 1);
    for (; *string; string++) {
        static const char special[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
        const unsigned char c = (unsigned char)*string;
        const char *found = strchr(special, c);
        char escape[8];
        if (found)
            append(out, (const char[]){'\\', letters[found - special]}, 2);
        else if (c < 0x20)
            append(out, escape, (size_t)snprintf(escape, sizeof escape, "\\u%04x", c));
        else
            append(out, string, 1);
    }
    append(out, "\"", 1);
}

static void append_tensor(text *out, const written_tensor *tensor, uint64_t begin)
{
    append_string(out, tensor->name);
    append_text(out, ":{\"dtype\":");
    append_string(out, wn_dtype_name(tensor->dtype));
    append_text(out, ",\"shape\":[");
    for (int i = 0; i < tensor->rank; i++) {
        append_text(out, i ? "," : "");
        append_number(out, tensor->shape[i]);
    }
    append_text(out, "],\"data_offsets\":[");
    append_number(out, begin);
    append_text(out, ",");
    append_number(out, begin + tensor->bytes);
    append_text(out, "]}");
}

/* The length field and the header, padded so that the data starts at a multiple of ALIGNMENT. */
static winnow_status build_header(const wn_writer *writer, text *out, uint64_t *data_bytes,
                                  winnow_error *error)
{
    const char *comma = "";
    *data_bytes = 0;
    append(out, "        {", 9);
    if (writer->pair_count) {
        append_text(out, "\"__metadata__\":{");
        for (size_t i = 0; i < writer->pair_count; i++) {
            append_text(out, i ? "," : "");
            append_string(out, writer->pair[i].key);
            append_text(out, ":");
            append_string(out, writer->pair[i].value);
        }
        append_text(out, "}");
        comma = ",";
    }
    for (size_t i = 0; i < writer->tensor_count; i++, comma = ",") {
        append_text(out, comma);
        append_tensor(out, &writer->tensor[i], *data_bytes);
        *data_bytes += writer->tensor[i].bytes;
    }
    append_text(out, "}");
    while (!out->failed && out->size % ALIGNMENT)
        append_text(out, " ");
    if (out->failed)
        return wn_fail_memory(error);
    const uint64_t length = out->size - sizeof length;
    if (length > LARGEST_HEADER)
        return wn_fail(error, WINNOW_ERROR_DATA, -1, "the header has %llu bytes, more than the format allows",
                       (unsigned long long)length);
    memcpy(out->bytes, &length, sizeof length);
    return WINNOW_OK;
}

/* The file as pieces: the header, then each tensor. */
static winnow_status build_pieces(const wn_writer *writer, text *header, wn_piece **pieces, uint64_t *size,
                                  winnow_error *error)
{
    if (writer->status)
        return wn_fail(error, writer->status, writer->error.where, "%s", writer->error.message);
    const winnow_status status = build_header(writer, header, size, error);
    if (status)
        return status;
    *pieces = calloc(writer->tensor_count + 1, sizeof **pieces);
    if (!*pieces)
        return wn_fail_memory(error);
    (*pieces)[0] = (wn_piece){header->bytes, header->size};
    for (size_t i = 0; i < writer->tensor_count; i++)
        (*pieces)[i + 1] = (wn_piece){writer->tensor[i].data, (size_t)writer->tensor[i].bytes};
    *size += header->size;
    return WINNOW_OK;
}

winnow_status wn_writer_write(const wn_writer *writer, const char *path, winnow_error *error)
{
    text header = {0};
    wn_piece *pieces = NULL;
    uint64_t size;
    winnow_status status = build_pieces(writer, &header, &pieces, &size, error);
    if (!status)
        status = wn_write_pieces_atomic(path, pieces, writer->tensor_count + 1, error);
    else
        status = wn_fail_prefix(error, status, path);
    free(pieces);
    free(header.bytes);
    return status;
}

winnow_status wn_writer_write_memory(const wn_writer *writer, void **bytes, size_t *size, winnow_error *error)
{
    text header = {0};
    wn_piece *pieces = NULL;
    uint64_t total;
    winnow_status status = build_pieces(writer, &header, &pieces, &total, error);
    char *out = status ? NULL : malloc(total);
    if (!status && !out)
        status = wn_fail_memory(error);
    if (!status) {
        *bytes = out;
        *size = total;
        for (size_t i = 0; i <= writer->tensor_count; out += pieces[i++].size)
            if (pieces[i].size)
                memcpy(out, pieces[i].bytes, pieces[i].size);
    }
    free(pieces);
    free(header.bytes);
    return status;
}
