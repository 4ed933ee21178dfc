/* SPDX-License-Identifier: Apache-2.0
 * Each worker takes photos one by one and owns its scratch memory; results go to the photo's own row, so that
 * neither their values nor their order depend on the number of threads. */
#include "feature_set.h"

#include "../codec/codec.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Memory of one worker. */
typedef struct worker {
    uint8_t *rgb;
    float *image;
    void *plan_scratch;
    void *resize_scratch; /* grows with the largest picture */
    size_t resize_scratch_size;
} worker;

typedef struct job {
    const wn_feature_options *options;
    const char *const *path;
    size_t count;
    worker *workers;
    wn_feature_set *set;
    char (*failure)[512]; /* of each photo: "" is well */
    pthread_mutex_t lock;
    size_t done;
} job;

static void *aligned(size_t bytes)
{
    return aligned_alloc(64, (bytes + 63) / 64 * 64);
}

static bool worker_create(worker *w, const wn_feature_options *options)
{
    const size_t values = (size_t)options->preprocess->size * (size_t)options->preprocess->size * 3;
    w->rgb = malloc(values);
    w->image = aligned(values * sizeof(float));
    w->plan_scratch = aligned(wn_plan_scratch(options->plan, 1));
    return w->rgb && w->image && w->plan_scratch;
}

static void worker_free(worker *w)
{
    free(w->rgb);
    free(w->image);
    free(w->plan_scratch);
    free(w->resize_scratch);
}

static winnow_status to_network_input(worker *w, const wn_preprocess *preprocess,
                                      const codec_picture *picture, winnow_error *error)
{
    size_t need = wn_preprocess_scratch(preprocess, picture->width, picture->height);
    if (need > w->resize_scratch_size) {
        free(w->resize_scratch);
        w->resize_scratch = malloc(need);
        w->resize_scratch_size = w->resize_scratch ? need : 0;
        if (!w->resize_scratch)
            return wn_fail_memory(error);
    }
    winnow_image image = {.plane = {picture->rgb},
                          .stride = {(ptrdiff_t)picture->width * 3},
                          .width = picture->width,
                          .height = picture->height,
                          .format = WINNOW_RGB};
    winnow_status status =
        wn_preprocess_bytes(preprocess, &image, w->rgb, w->resize_scratch, w->resize_scratch_size, error);
    if (!status)
        wn_preprocess_normalise(preprocess, w->rgb, w->image);
    return status;
}

static void one_photo(void *context, int index, int worker_index)
{
    job *j = context;
    const wn_feature_options *options = j->options;
    if (options->stop && *options->stop)
        return;
    worker *w = &j->workers[worker_index];
    codec_picture picture = {0};
    winnow_error error;
    winnow_status status =
        codec_decode_file(j->path[index], wn_preprocess_target(options->preprocess), &picture, &error);
    if (!status)
        status = to_network_input(w, options->preprocess, &picture, &error);
    codec_picture_free(&picture);
    if (status) {
        snprintf(j->failure[index], sizeof j->failure[index], "%s", error.message);
    } else {
        wn_feature_set *set = j->set;
        wn_outputs outputs = {.bottleneck = set->bottleneck + (size_t)index * (size_t)set->bottleneck_size,
                              .features = set->features + (size_t)index * (size_t)set->features_size,
                              .layer_output = {set->early + (size_t)index * (size_t)set->early_size,
                                               set->middle + (size_t)index * (size_t)set->middle_size},
                              .layer = {options->network->early, options->network->middle}};
        wn_plan_run(options->plan, 1, w->image, &outputs, w->plan_scratch);
    }
    if (options->progress) {
        pthread_mutex_lock(&j->lock);
        options->progress(options->context, ++j->done, j->count);
        pthread_mutex_unlock(&j->lock);
    }
}

/* Reports the photos that failed and closes the gaps that they left in the matrices. */
static void drop_bad(job *j)
{
    wn_feature_set *set = j->set;
    const size_t b = (size_t)set->bottleneck_size, f = (size_t)set->features_size,
                 e = (size_t)set->early_size, m = (size_t)set->middle_size;
    for (size_t i = 0; i < j->count; i++) {
        if (j->failure[i][0]) {
            if (j->options->bad)
                j->options->bad(j->options->context, i, j->failure[i]);
            continue;
        }
        memmove(set->bottleneck + set->count * b, set->bottleneck + i * b, b * sizeof(float));
        memmove(set->features + set->count * f, set->features + i * f, f * sizeof(float));
        memmove(set->early + set->count * e, set->early + i * e, e * sizeof(float));
        memmove(set->middle + set->count * m, set->middle + i * m, m * sizeof(float));
        set->index[set->count++] = i;
    }
}

winnow_status wn_features_compute(const wn_feature_options *options, const char *const *path, size_t count,
                                  wn_feature_set *set, winnow_error *error)
{
    const int threads = wn_pool_threads(options->pool);
    *set = (wn_feature_set){.bottleneck_size = options->network->bottleneck,
                            .features_size = options->network->features,
                            .early_size = options->network->layer[options->network->early].cout,
                            .middle_size = options->network->layer[options->network->middle].cout};
    job j = {.options = options, .path = path, .count = count, .set = set, .lock = PTHREAD_MUTEX_INITIALIZER};
    size_t rows = count ? count : 1;
    set->index = malloc(rows * sizeof *set->index);
    set->bottleneck = malloc(rows * (size_t)set->bottleneck_size * sizeof(float));
    set->features = malloc(rows * (size_t)set->features_size * sizeof(float));
    set->early = malloc(rows * (size_t)set->early_size * sizeof(float));
    set->middle = malloc(rows * (size_t)set->middle_size * sizeof(float));
    j.failure = calloc(rows, sizeof *j.failure);
    j.workers = calloc((size_t)threads, sizeof *j.workers);
    bool ready =
        set->index && set->bottleneck && set->features && set->early && set->middle && j.failure && j.workers;
    for (int i = 0; ready && i < threads; i++)
        ready = worker_create(&j.workers[i], options);
    winnow_status status = ready ? WINNOW_OK : wn_fail_memory(error);
    if (ready)
        wn_pool_run(options->pool, (int)count, one_photo, &j);
    if (!status && options->stop && *options->stop)
        status = wn_fail(error, WINNOW_ERROR_ARGUMENT, -1, "interrupted");
    if (!status)
        drop_bad(&j);
    for (int i = 0; j.workers && i < threads; i++)
        worker_free(&j.workers[i]);
    free(j.workers);
    free(j.failure);
    return status;
}

void wn_feature_set_free(wn_feature_set *set)
{
    free(set->index);
    free(set->bottleneck);
    free(set->features);
    free(set->early);
    free(set->middle);
    *set = (wn_feature_set){0};
}
