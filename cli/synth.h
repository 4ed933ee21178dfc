/* SPDX-License-Identifier: Apache-2.0
 * The two halves of `winnow synth`. Both return an exit status. */
#ifndef CLI_SYNTH_H
#define CLI_SYNTH_H

#include "train/augment.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct synth_options {
    int count;   /* pictures of each kind to train on; half as many to test with */
    int size[2]; /* width, height */
    int quality; /* of the JPEG */
    uint64_t seed;
    bool json;
} synth_options;

/* Draws DIR/{train,test}/{normal,lookalike,other}/. */
int synth_draw(const char *dir, const synth_options *options);

/* Writes a sheet of photos from `path` (a folder or a photo), each beside augmented versions of it. */
int synth_show_augment(const char *path, const char *output, wn_augment_kind kind,
                       const synth_options *options);

#endif
