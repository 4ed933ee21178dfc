/* SPDX-License-Identifier: Apache-2.0
 * Any bytes are read as an ONNX file, and a network looked for in it, or refused; every number of what is
 * read lies in memory that is there. */
#include "convert/onnx_read.h"
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
    wn_weights weights = {0};
    if (wn_onnx_parse(bytes, size, &weights, &error)) {
        REQUIRE(error.where >= -1 && error.where <= (int64_t)size && strlen(error.message) > 0);
    } else {
        REQUIRE(weights.wiring_count > 0 && weights.count >= 5 * (size_t)weights.wiring_count);
        for (size_t i = 0; i < weights.count; i++)
            read_numbers(&weights.item[i]);
    }
    wn_weights_free(&weights);
    return 0;
}
