/* SPDX-License-Identifier: Apache-2.0
 *
 * A head start: the first photo is decoded while the gate is opened, so that a program that judges a single
 * one waits for the longer of the two, not for both. */
#ifndef CLI_AHEAD_H
#define CLI_AHEAD_H

#include "../src/codec/codec.h"

#include <stdbool.h>

typedef struct ahead ahead;

/* Begins to decode `photo`, at the scale that `gate`'s file asks for, on a thread of its own. Both paths are
 * borrowed until ahead_free. NULL where that is not to be had, which is no failure. */
ahead *ahead_start(const char *gate, const char *photo);

/* Waits, and hands the picture over where it is `path`'s at the scale of `target`: true, once. Whatever went
 * wrong is left to be found again by decoding the photo. Called by one thread at a time. */
bool ahead_take(ahead *ahead, const char *path, int target, codec_picture *picture);

void ahead_free(ahead *ahead);

#endif
