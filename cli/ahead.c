/* SPDX-License-Identifier: Apache-2.0 */
#include "ahead.h"

#include "../src/runtime/metadata.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct ahead {
    const char *gate, *photo;
    pthread_t thread;
    bool joined, ready;
    int target;
    codec_picture picture;
};

/* The side of the gate's input: from the file's header, long before the gate is open. */
static bool find_target(ahead *a)
{
    wn_safetensors *file;
    winnow_error error;
    if (wn_safetensors_read(a->gate, &file, &error))
        return false;
    winnow_status status = wn_metadata_count(file, "winnow.input", 1, 4096, &a->target, &error);
    wn_safetensors_free(file);
    return !status;
}

static void *decode(void *context)
{
    ahead *a = context;
    winnow_error error;
    a->ready = find_target(a) && !codec_decode_file(a->photo, a->target, &a->picture, &error);
    return NULL;
}

ahead *ahead_start(const char *gate, const char *photo)
{
    ahead *a = calloc(1, sizeof *a);
    if (!a)
        return NULL;
    a->gate = gate;
    a->photo = photo;
    if (pthread_create(&a->thread, NULL, decode, a)) {
        free(a);
        return NULL;
    }
    return a;
}

static void join(ahead *a)
{
    if (!a->joined)
        pthread_join(a->thread, NULL);
    a->joined = true;
}

bool ahead_take(ahead *a, const char *path, int target, codec_picture *picture)
{
    if (!a || strcmp(path, a->photo))
        return false;
    join(a);
    if (!a->ready || a->target != target)
        return false;
    *picture = a->picture;
    a->ready = false;
    return true;
}

void ahead_free(ahead *a)
{
    if (!a)
        return;
    join(a);
    if (a->ready)
        codec_picture_free(&a->picture);
    free(a);
}
