/* SPDX-License-Identifier: Apache-2.0
 *
 * Judges many photos with a gate, on all cores, in order. */
#ifndef CLI_JUDGE_H
#define CLI_JUDGE_H

#include "../src/train/pool.h"
#include "ahead.h"
#include "winnow.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct judge judge;

/* What became of one photo. */
typedef struct judged {
    bool failed;
    winnow_result result;
    char message[512]; /* why it failed */
} judged;

/* first: the photo that will be judged first, being decoded already; or NULL. Borrowed. */
winnow_status judge_create(const winnow_gate *gate, int threads, ahead *first, judge **out,
                           winnow_error *error);
void judge_free(judge *judge);

/* Judges path[count]; out[count]. embedding: (count, winnow_gate_embedding_size) to fill too, or NULL. */
void judge_photos(judge *judge, const char *const *path, size_t count, judged *out, float *embedding);

#endif
