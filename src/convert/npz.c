/* SPDX-License-Identifier: Apache-2.0
 * A gate for NumPy: a ZIP archive, nothing compressed, of one .npy for each tensor of the gate file and
 * metadata.json. (APPNOTE.TXT of PKWARE, 4.3; numpy.lib.format, version 1.0.) */
#include "export.h"
#include "runtime/file.h"
#include "zip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LOCAL = 0x04034b50,
    CENTRAL = 0x02014b50,
    END = 0x06054b50,
    VERSION = 20,
    DATE_1980 = 0x21,
    MOST = 1024
};

typedef struct entry {
    char name[96];
    uint32_t crc, size, at;
} entry;

typedef struct archive {
    FILE *out;
    int count;
    entry entry[MOST];
} archive;

static void put16(FILE *out, uint32_t value)
{
    putc((int)(value & 255), out);
    putc((int)(value >> 8 & 255), out);
}

static void put32(FILE *out, uint32_t value)
{
    put16(out, value & 0xffff);
    put16(out, value >> 16);
}

/* What local and central headers share. */
static void put_common(FILE *out, const entry *e)
{
    put16(out, VERSION);
    put16(out, 0); /* flags */
    put16(out, 0); /* stored */
    put16(out, 0); /* time */
    put16(out, DATE_1980);
    put32(out, e->crc);
    put32(out, e->size);
    put32(out, e->size);
    put16(out, (uint32_t)strlen(e->name));
    put16(out, 0); /* extra field */
}

/* One file of two pieces. */
static void add_file(archive *a, const char *name, const char *head, size_t head_size, const void *data,
                     size_t size)
{
    entry *e = &a->entry[a->count++];
    snprintf(e->name, sizeof e->name, "%s", name);
    e->crc = wn_crc32(wn_crc32(0, head, head_size), data, size);
    e->size = (uint32_t)(head_size + size);
    e->at = (uint32_t)ftell(a->out);
    put32(a->out, LOCAL);
    put_common(a->out, e);
    fputs(e->name, a->out);
    fwrite(head, 1, head_size, a->out);
    fwrite(data, 1, size, a->out);
}

static void finish(archive *a)
{
    const uint32_t begin = (uint32_t)ftell(a->out);
    for (const entry *e = a->entry; e < a->entry + a->count; e++) {
        put32(a->out, CENTRAL);
        put16(a->out, VERSION);
        put_common(a->out, e);
        put16(a->out, 0); /* comment */
        put16(a->out, 0); /* disk */
        put16(a->out, 0); /* attributes */
        put32(a->out, 0);
        put32(a->out, e->at);
        fputs(e->name, a->out);
    }
    const uint32_t size = (uint32_t)ftell(a->out) - begin;
    put32(a->out, END);
    put16(a->out, 0);
    put16(a->out, 0);
    put16(a->out, (uint32_t)a->count);
    put16(a->out, (uint32_t)a->count);
    put32(a->out, size);
    put32(a->out, begin);
    put16(a->out, 0);
}

/* NumPy's name of a type, or NULL. */
static const char *numpy_type(wn_dtype dtype)
{
    switch (dtype) {
    case WN_F32:
        return "<f4";
    case WN_F16:
        return "<f2";
    case WN_F64:
        return "<f8";
    case WN_I64:
        return "<i8";
    case WN_I32:
        return "<i4";
    case WN_I16:
        return "<i2";
    case WN_I8:
        return "|i1";
    case WN_U8:
        return "|u1";
    case WN_BOOL:
        return "|b1";
    default:
        return NULL;
    }
}

/* The .npy header: magic, version, length, a Python literal padded with spaces to a multiple of 64 bytes. */
static size_t npy_header(const wn_tensor *tensor, char head[512])
{
    char text[400];
    int at = snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': (",
                      numpy_type(tensor->dtype));
    for (int d = 0; d < tensor->rank; d++)
        at += snprintf(text + at, sizeof text - (size_t)at, "%llu,", (unsigned long long)tensor->shape[d]);
    at += snprintf(text + at, sizeof text - (size_t)at, "), }");
    const size_t size = (10 + (size_t)at + 1 + 63) / 64 * 64, length = size - 10;
    memset(head, ' ', size);
    memcpy(head, "\x93NUMPY\x01\x00", 8);
    head[8] = (char)(length & 255);
    head[9] = (char)(length >> 8);
    memcpy(head + 10, text, (size_t)at);
    head[size - 1] = '\n';
    return size;
}

/* Whether the tensor goes out: the memory of photos stays at home. */
static bool is_exported(const wn_tensor *tensor)
{
    return strncmp(tensor->name, "gate.memory.", 12) != 0 && numpy_type(tensor->dtype) &&
           strlen(tensor->name) < 90;
}

static void put_json_text(FILE *out, const char *text)
{
    putc('"', out);
    for (; *text; text++)
        if (*text == '"' || *text == '\\')
            fprintf(out, "\\%c", *text);
        else if ((unsigned char)*text < ' ')
            fprintf(out, "\\u%04x", *text);
        else
            putc(*text, out);
    putc('"', out);
}

static bool add_metadata(archive *a, const wn_export_source *source)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    const char *key, *value, *separator = "{";
    for (size_t i = 0; out && wn_export_note(source, i, &key, &value); i++)
        if (key) {
            fprintf(out, "%s\n", separator);
            put_json_text(out, key);
            fputs(": ", out);
            put_json_text(out, value);
            separator = ",";
        }
    const bool good = out && fputs("\n}\n", out) >= 0 && !fclose(out);
    if (good)
        add_file(a, "metadata.json", "", 0, text, size);
    free(text);
    return good;
}

static void add_tensors(archive *a, const wn_export_source *source)
{
    for (size_t i = 0; i < wn_safetensors_count(source->tensors) && a->count < MOST; i++) {
        const wn_tensor *tensor = wn_safetensors_at(source->tensors, i);
        char head[512], name[96];
        if (!is_exported(tensor))
            continue;
        snprintf(name, sizeof name, "%s.npy", tensor->name);
        add_file(a, name, head, npy_header(tensor, head), tensor->data, tensor->bytes);
    }
}

winnow_status wn_export_npz(const wn_export_source *source, const char *path, winnow_error *error)
{
    char *bytes = NULL;
    size_t size = 0;
    archive *a = calloc(1, sizeof *a);
    if (!a || !(a->out = open_memstream(&bytes, &size))) {
        free(a);
        return wn_fail_memory(error);
    }
    const bool described = add_metadata(a, source);
    add_tensors(a, source);
    finish(a);
    const bool failed = !described || ferror(a->out);
    winnow_status status =
        fclose(a->out) || failed ? wn_fail_memory(error) : wn_write_file_atomic(path, bytes, size, error);
    free(bytes);
    free(a);
    return status;
}
