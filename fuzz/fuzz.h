/* SPDX-License-Identifier: Apache-2.0
 * A fuzz target is one function that libFuzzer calls; standalone.c calls it where there is no libFuzzer. */
#ifndef WN_FUZZ_H
#define WN_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Whether the target takes these bytes for what it reads: standalone.c asks it of the first inputs, so that
 * no reader passes by refusing everything. */
bool wn_fuzz_accepts(const uint8_t *bytes, size_t size);

/* One input in `every`, whatever its size, for what takes too long for all. */
static inline bool wn_fuzz_one_in(unsigned every, const uint8_t *bytes, size_t size)
{
    unsigned sum = 0;
    for (size_t i = 0; i < size; i++)
        sum = 31 * sum + bytes[i];
    return sum % every == 0;
}

/* As assert, but in every build, and seen by a fuzzer as a crash. */
#define REQUIRE(condition)                                                                                   \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);                        \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

#endif
