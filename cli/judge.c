/* SPDX-License-Identifier: Apache-2.0 */
#include "judge.h"

#include "../src/codec/codec.h"
#include "../src/runtime/error.h"

#include <stdio.h>
#include <stdlib.h>

struct judge {
    wn_pool *pool;
    winnow_session **session; /* one a thread */
    ahead *first;             /* or NULL */
    int threads, target;
    size_t embedding_size;
};

winnow_status judge_create(const winnow_gate *gate, int threads, ahead *first, judge **out,
                           winnow_error *error)
{
    judge *j = calloc(1, sizeof *j);
    if (!j)
        return wn_fail_memory(error);
    j->threads = threads;
    j->first = first;
    j->target = winnow_gate_input_size(gate);
    j->embedding_size = (size_t)winnow_gate_embedding_size(gate);
    j->pool = wn_pool_create(threads);
    j->session = calloc((size_t)threads, sizeof(winnow_session *));
    winnow_status status = j->pool && j->session ? WINNOW_OK : wn_fail_memory(error);
    for (int i = 0; i < threads && !status; i++)
        status = winnow_session_create(gate, &j->session[i], error);
    if (status)
        judge_free(j);
    else
        *out = j;
    return status;
}

void judge_free(judge *j)
{
    if (!j)
        return;
    for (int i = 0; j->session && i < j->threads; i++)
        winnow_session_free(j->session[i]);
    free(j->session);
    wn_pool_free(j->pool);
    free(j);
}

typedef struct work {
    judge *judge;
    const char *const *path;
    judged *out;
    float *embedding;
} work;

static void judge_one(void *context, int index, int worker)
{
    const work *w = context;
    judged *out = &w->out[index];
    codec_picture picture;
    winnow_error error;
    winnow_status status = WINNOW_OK;
    const int target = w->judge->target;
    *out = (judged){0};
    if (index || !ahead_take(w->judge->first, w->path[index], target, &picture))
        status = codec_decode_file(w->path[index], target, &picture, &error);
    if (!status) {
        const winnow_image image = {.plane = {picture.rgb},
                                    .stride = {(ptrdiff_t)picture.width * 3},
                                    .width = picture.width,
                                    .height = picture.height,
                                    .format = WINNOW_RGB};
        status = winnow_score(w->judge->session[worker], &image, &out->result, &error);
        if (!status && w->embedding)
            status = winnow_embed(w->judge->session[worker], &image,
                                  w->embedding + (size_t)index * w->judge->embedding_size, &error);
        codec_picture_free(&picture);
    }
    out->failed = status != WINNOW_OK;
    if (status)
        snprintf(out->message, sizeof out->message, "%s", error.message);
}

void judge_photos(judge *j, const char *const *path, size_t count, judged *out, float *embedding)
{
    work w = {j, path, out, embedding};
    wn_pool_run(j->pool, (int)count, judge_one, &w);
}
