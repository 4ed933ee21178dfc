/* SPDX-License-Identifier: Apache-2.0
 * Any bytes are read as a PyTorch file, and as a bare pickle, or refused; every number of what is read lies
 * in the file. */
#include "convert/pickle.h"
#include "convert/weights.h"
#include "convert/zip.h"
#include "fuzz.h"

#include <string.h>

enum { MAX_NUMBERS = 1 << 16 };

static void read_numbers(const wn_weight *weight)
{
    static float numbers[MAX_NUMBERS];
    uint64_t count = 1;
    for (int i = 0; i < weight->rank; i++)
        if (__builtin_mul_overflow(count, weight->shape[i], &count))
            return;
    if (count <= MAX_NUMBERS)
        wn_weight_floats(weight, numbers, NULL);
}

static void read_once(const uint8_t *bytes, size_t size)
{
    winnow_error error = {0};
    wn_weights weights;
    if (wn_weights_parse(bytes, size, &weights, &error)) {
        REQUIRE(error.where >= -1 && error.where <= (int64_t)size && strlen(error.message) > 0);
        return;
    }
    for (size_t i = 0; i < weights.count; i++)
        read_numbers(&weights.item[i]);
    wn_weights_free(&weights);
}

/* The bytes of the pickle that they begin with; 0: they are none. */
static size_t read_pickle(const uint8_t *bytes, size_t size)
{
    winnow_error error = {0};
    wn_arena arena = {0};
    wn_pickle pickle;
    size_t at = 0;
    const bool refused = wn_pickle_read(bytes, size, &at, 0, &arena, &pickle, &error);
    if (!refused)
        REQUIRE(at > 0 && at <= size && pickle.value != NULL);
    wn_arena_free(&arena);
    return refused ? 0 : at;
}

static uint32_t get(const uint8_t *at, int bytes)
{
    uint32_t value = 0;
    for (int i = 0; i < bytes; i++)
        value |= (uint32_t)at[i] << 8 * i;
    return value;
}

/* Puts the checksums of an archive's directory right: few changes would get past them otherwise. */
static void repair_zip(uint8_t *bytes, size_t size)
{
    enum { CENTRAL = 46, LOCAL = 30 };
    for (size_t at = 0; size >= CENTRAL && at <= size - CENTRAL; at++) {
        uint8_t *record = bytes + at;
        if (memcmp(record, "PK\1\2", 4) != 0)
            continue;
        const uint64_t length = get(record + 24, 4), local = get(record + 42, 4);
        if (local + LOCAL > size)
            continue;
        const uint64_t start = local + LOCAL + get(bytes + local + 26, 2) + get(bytes + local + 28, 2);
        if (start + length > size)
            continue;
        const uint32_t sum = wn_crc32(0, bytes + start, length);
        for (int i = 0; i < 4; i++)
            record[16 + i] = (uint8_t)(sum >> 8 * i);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    read_once(bytes, size);
    read_pickle(bytes, size);
    if (!wn_zip_recognise(bytes, size))
        return 0;
    uint8_t *repaired = malloc(size);
    REQUIRE(repaired != NULL);
    memcpy(repaired, bytes, size);
    repair_zip(repaired, size);
    read_once(repaired, size);
    free(repaired);
    return 0;
}

bool wn_fuzz_accepts(const uint8_t *bytes, size_t size)
{
    winnow_error error;
    wn_weights weights;
    if (wn_weights_parse(bytes, size, &weights, &error))
        return read_pickle(bytes, size) == size;
    wn_weights_free(&weights);
    return true;
}
