/* SPDX-License-Identifier: Apache-2.0
 * Any bytes are read as a safetensors file, or refused; what is read can be written and read again. */
#include "fuzz.h"
#include "runtime/safetensors.h"
#include "runtime/utf8.h"

#include <string.h>

static void require_clean_refusal(const winnow_error *error, size_t size)
{
    REQUIRE(error->code == WINNOW_ERROR_FORMAT || error->code == WINNOW_ERROR_UNSUPPORTED);
    REQUIRE(error->where >= 0 && error->where <= (int64_t)size);
    size_t left = strlen(error->message);
    REQUIRE(left > 0);
    for (const char *text = error->message; left > 0;) {
        const int length = wn_utf8_length(text, left);
        REQUIRE(length > 0 && (unsigned char)*text >= 0x20);
        text += length;
        left -= (size_t)length;
    }
}

static void require_same(const wn_safetensors *a, const wn_safetensors *b)
{
    REQUIRE(wn_safetensors_count(a) == wn_safetensors_count(b));
    REQUIRE(wn_safetensors_metadata_count(a) == wn_safetensors_metadata_count(b));
    for (size_t i = 0; i < wn_safetensors_count(a); i++) {
        const wn_tensor *x = wn_safetensors_at(a, i), *y = wn_safetensors_find(b, x->name);
        REQUIRE(y && x->dtype == y->dtype && x->rank == y->rank && x->bytes == y->bytes);
        REQUIRE(!memcmp(x->shape, y->shape, (size_t)x->rank * sizeof *x->shape));
        REQUIRE(!x->bytes || !memcmp(x->data, y->data, x->bytes));
    }
    for (size_t i = 0; i < wn_safetensors_metadata_count(a); i++) {
        const char *key, *value;
        wn_safetensors_metadata_at(a, i, &key, &value);
        REQUIRE(!strcmp(wn_safetensors_metadata(b, key), value));
    }
}

static void write_and_read(const wn_safetensors *file)
{
    wn_writer *writer = wn_writer_create();
    REQUIRE(writer != NULL);
    for (size_t i = 0; i < wn_safetensors_count(file); i++) {
        const wn_tensor *t = wn_safetensors_at(file, i);
        wn_writer_tensor(writer, t->name, t->dtype, t->rank, t->shape, t->data);
    }
    for (size_t i = 0; i < wn_safetensors_metadata_count(file); i++) {
        const char *key, *value;
        wn_safetensors_metadata_at(file, i, &key, &value);
        wn_writer_metadata(writer, key, value);
    }
    void *bytes;
    size_t size;
    wn_safetensors *again;
    REQUIRE(!wn_writer_write_memory(writer, &bytes, &size, NULL));
    REQUIRE(!wn_safetensors_parse(bytes, size, &again, NULL));
    require_same(file, again);
    wn_safetensors_free(again);
    wn_writer_free(writer);
    free(bytes);
}

static void require_usable(const wn_safetensors *file, const uint8_t *bytes, size_t size)
{
    const uint8_t *expected = NULL;
    for (size_t i = 0; i < wn_safetensors_count(file); i++) {
        const wn_tensor *t = wn_safetensors_at(file, i);
        const uint8_t *data = t->data;
        REQUIRE(data >= bytes && t->bytes <= size && (size_t)(data - bytes) <= size - t->bytes);
        REQUIRE(t->offset == (uint64_t)(data - bytes) && (!expected || data == expected));
        REQUIRE(wn_safetensors_find(file, t->name) == t);
        expected = data + t->bytes;
        const size_t count = t->bytes / wn_dtype_size(t->dtype);
        float *floats = malloc((count + 1) * sizeof *floats);
        REQUIRE(floats != NULL);
        wn_safetensors_floats(file, t->name, count, floats, NULL);
        free(floats);
    }
}

static void read_once(const uint8_t *bytes, size_t size)
{
    wn_safetensors *file;
    winnow_error error;
    if (wn_safetensors_parse(bytes, size, &file, &error)) {
        require_clean_refusal(&error, size);
        return;
    }
    require_usable(file, bytes, size);
    write_and_read(file);
    wn_safetensors_free(file);
}

/* The input as it is, and with the header length put right: few changes would get past it otherwise. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    read_once(bytes, size);
    size_t end = size;
    while (end > 8 && bytes[end - 1] != '}')
        end--;
    if (end <= 8)
        return 0;
    uint8_t *repaired = malloc(size);
    REQUIRE(repaired != NULL);
    memcpy(repaired, bytes, size);
    const uint64_t length = end - 8;
    memcpy(repaired, &length, 8);
    read_once(repaired, size);
    free(repaired);
    return 0;
}

bool wn_fuzz_accepts(const uint8_t *bytes, size_t size)
{
    wn_safetensors *file;
    winnow_error error;
    if (wn_safetensors_parse(bytes, size, &file, &error))
        return false;
    wn_safetensors_free(file);
    return true;
}
