/* SPDX-License-Identifier: Apache-2.0
 * Any bytes are read as a PyTorch file, and as a bare pickle, or refused; every number of what is read lies
 * in the file. */
#include "convert/pickle.h"
#include "convert/weights.h"
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

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    winnow_error error = {0};
    wn_weights weights;
    if (wn_weights_parse(bytes, size, &weights, &error)) {
        REQUIRE(error.where >= -1 && error.where <= (int64_t)size && strlen(error.message) > 0);
    } else {
        for (size_t i = 0; i < weights.count; i++)
            read_numbers(&weights.item[i]);
        wn_weights_free(&weights);
    }
    wn_arena arena = {0};
    wn_pickle pickle;
    size_t at = 0;
    if (!wn_pickle_read(bytes, size, &at, 0, &arena, &pickle, &error))
        REQUIRE(at > 0 && at <= size && pickle.value != NULL);
    wn_arena_free(&arena);
    return 0;
}
