/* SPDX-License-Identifier: Apache-2.0
 * A ring of slots, one picture each. Workers take the items of the list in order and fill slot (item mod
 * slots); the caller empties them in order. Decoded pictures stay in a cache, reduced to what any
 * augmentation can use: later epochs then read no files.
 *
 * A photo that cannot be read is replaced by the next of its label. Which photos those are is a property of
 * the files, so the replacement is the same whichever thread meets it first. */
#include "loader.h"

#include "../codec/codec.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STORED_SIDE = 2 /* times the input: sharp enough for a crop of a quarter of the photo */ };

/* What is known of a photo. Guarded by the lock, but for `rgb` once set, which never changes. */
typedef struct entry {
    uint8_t *rgb; /* cached pixels, or NULL */
    int width, height;
    bool tried, bad, told;
    char *failure; /* why it is bad */
} entry;

/* Memory of one worker. */
typedef struct worker {
    wn_loader *loader;
    pthread_t thread;
    void *scratch;
    size_t scratch_size;
} worker;

struct wn_loader {
    wn_loader_options options;
    wn_loader_photo *photo;
    entry *entry;
    int photos;

    pthread_mutex_t lock;
    pthread_cond_t filled, emptied;
    wn_loader_item *item;
    int items, taken, delivered;
    int generation; /* of the list: results of an older one are thrown away */
    int in_work;
    bool closing;
    winnow_error error; /* the first that a worker met; code 0: none */

    int slots;
    uint8_t *slot; /* [slots][size*size*3] */
    bool *ready;   /* [slots] */

    size_t cached;
    int tried, bad;
    int workers;
    worker *worker;
};

static size_t picture_bytes(const wn_loader *loader)
{
    const size_t size = (size_t)loader->options.preprocess->size;
    return size * size * 3;
}

/* ---- one photo ---- */

static bool grow(worker *w, size_t size)
{
    if (size <= w->scratch_size)
        return true;
    free(w->scratch);
    w->scratch = aligned_alloc(64, (size + 63) / 64 * 64);
    w->scratch_size = w->scratch ? size : 0;
    return w->scratch != NULL;
}

/* Without augmentation every epoch sees the same small picture, which is what is kept. Else the photo, at
 * most STORED_SIDE times the input on its shorter side. Replaces *picture. */
static winnow_status reduce(worker *w, codec_picture *picture, winnow_error *error)
{
    const wn_loader_options *options = &w->loader->options;
    const int size = options->preprocess->size, width = picture->width, height = picture->height;
    const int shorter = width < height ? width : height, side = STORED_SIDE * size;
    int new_width = size, new_height = size;
    if (options->augment != WN_AUGMENT_NONE) {
        if (shorter <= side)
            return WINNOW_OK;
        new_width = (int)((int64_t)width * side / shorter);
        new_height = (int)((int64_t)height * side / shorter);
    }
    const wn_augment_options none = {WN_AUGMENT_NONE, options->preprocess};
    const bool final = options->augment == WN_AUGMENT_NONE;
    uint8_t *rgb = malloc((size_t)new_width * (size_t)new_height * 3);
    if (!rgb || !grow(w, final ? wn_augment_scratch(&none, width, height)
                               : wn_resize_scratch(width, height, new_width, new_height))) {
        free(rgb);
        return wn_fail_memory(error);
    }
    if (final)
        wn_augment(&none, picture->rgb, width, height, 0, rgb, w->scratch);
    else
        wn_resize_rgb(picture->rgb, (ptrdiff_t)width * 3, width, height, 0, 0, width, height, rgb,
                      (ptrdiff_t)new_width * 3, new_width, new_height, w->scratch);
    codec_picture_free(picture);
    *picture = (codec_picture){.rgb = rgb, .width = new_width, .height = new_height};
    return WINNOW_OK;
}

/* Remembers how reading photo `index` went, and keeps its pixels where there is room. The picture is the
 * cache's if *kept. */
static void remember(wn_loader *loader, int index, const codec_picture *picture, const winnow_error *error,
                     bool *kept)
{
    entry *e = &loader->entry[index];
    const size_t bytes = (size_t)picture->width * (size_t)picture->height * 3;
    pthread_mutex_lock(&loader->lock);
    if (!e->tried) {
        e->tried = true;
        loader->tried++;
        if (error) {
            e->bad = true;
            e->failure = strdup(error->message);
            loader->bad++;
        }
    }
    *kept = !error && !e->rgb && loader->cached + bytes <= loader->options.cache_bytes;
    if (*kept) {
        loader->cached += bytes;
        e->width = picture->width;
        e->height = picture->height;
        e->rgb = picture->rgb;
    }
    pthread_mutex_unlock(&loader->lock);
}

static bool look_up(wn_loader *loader, int index, codec_picture *picture, bool *bad)
{
    const entry *e = &loader->entry[index];
    pthread_mutex_lock(&loader->lock);
    *bad = e->bad;
    *picture = (codec_picture){.rgb = e->rgb, .width = e->width, .height = e->height};
    pthread_mutex_unlock(&loader->lock);
    return picture->rgb != NULL;
}

/* The pixels of photo `index`; *kept: they belong to the cache. *bad: it cannot be read, which is not an
 * error yet. */
static winnow_status get_photo(worker *w, int index, codec_picture *picture, bool *kept, bool *bad,
                               winnow_error *error)
{
    wn_loader *loader = w->loader;
    *kept = look_up(loader, index, picture, bad);
    if (*kept || *bad)
        return WINNOW_OK;
    winnow_error failure;
    winnow_status status =
        codec_decode_file(loader->photo[index].path, loader->options.preprocess->size, picture, &failure);
    if (status == WINNOW_ERROR_MEMORY)
        return wn_fail_memory(error);
    if (!status)
        status = reduce(w, picture, error);
    else {
        *bad = true;
        *picture = (codec_picture){0};
        status = WINNOW_OK;
    }
    if (!status)
        remember(loader, index, picture, *bad ? &failure : NULL, kept);
    return status;
}

/* The photo after `index` of the same label, cyclically; `index` itself if there is no other. */
static int next_of_label(const wn_loader *loader, int index)
{
    int next = index;
    do
        next = next + 1 == loader->photos ? 0 : next + 1;
    while (loader->photo[next].label != loader->photo[index].label);
    return next;
}

static winnow_status render(worker *w, const wn_loader_item *item, uint8_t *out, winnow_error *error)
{
    const wn_loader_options *options = &w->loader->options;
    const wn_augment_options augment = {options->augment, options->preprocess};
    codec_picture picture;
    bool kept, bad;
    int index = item->photo;
    winnow_status status = get_photo(w, index, &picture, &kept, &bad, error);
    while (!status && bad) {
        index = next_of_label(w->loader, index);
        if (index == item->photo)
            return wn_fail(error, WINNOW_ERROR_DATA, -1,
                           "not one photo of its kind can be read (%s is the first)",
                           w->loader->photo[index].path);
        status = get_photo(w, index, &picture, &kept, &bad, error);
    }
    if (status)
        return status;
    if (options->augment == WN_AUGMENT_NONE)
        memcpy(out, picture.rgb, picture_bytes(w->loader));
    else if (grow(w, wn_augment_scratch(&augment, picture.width, picture.height)))
        wn_augment(&augment, picture.rgb, picture.width, picture.height, item->seed, out, w->scratch);
    else
        status = wn_fail_memory(error);
    if (!kept)
        codec_picture_free(&picture);
    return status;
}

/* ---- workers ---- */

static void *work(void *context)
{
    worker *w = context;
    wn_loader *loader = w->loader;
    uint8_t *out = malloc(picture_bytes(loader));
    pthread_mutex_lock(&loader->lock);
    if (!out && !loader->error.code)
        wn_fail_memory(&loader->error);
    while (!loader->closing) {
        if (!out || loader->error.code || loader->taken == loader->items ||
            loader->taken - loader->delivered >= loader->slots) {
            pthread_cond_wait(&loader->emptied, &loader->lock);
            continue;
        }
        const int at = loader->taken++, generation = loader->generation;
        const wn_loader_item item = loader->item[at];
        loader->in_work++;
        pthread_mutex_unlock(&loader->lock);
        winnow_error error;
        winnow_status status = render(w, &item, out, &error);
        pthread_mutex_lock(&loader->lock);
        loader->in_work--;
        if (generation == loader->generation) {
            if (status && !loader->error.code)
                loader->error = error;
            memcpy(loader->slot + (size_t)(at % loader->slots) * picture_bytes(loader), out,
                   picture_bytes(loader));
            loader->ready[at % loader->slots] = true;
        }
        pthread_cond_broadcast(&loader->filled);
    }
    pthread_mutex_unlock(&loader->lock);
    free(out);
    return NULL;
}

/* ---- the caller's side ---- */

/* Tells of the photos that turned out bad, in order of their index. Called with the lock held. */
static winnow_status tell_bad(wn_loader *loader, winnow_error *error)
{
    static const int least_tried = 20; /* a share of fewer says nothing */
    for (int i = 0; loader->bad && i < loader->photos; i++) {
        entry *e = &loader->entry[i];
        if (!e->bad || e->told)
            continue;
        e->told = true;
        if (loader->options.bad)
            loader->options.bad(loader->options.context, (size_t)i,
                                e->failure ? e->failure : loader->photo[i].path);
    }
    if (loader->tried >= least_tried && loader->bad > loader->options.max_bad * loader->tried)
        return wn_fail(error, WINNOW_ERROR_DATA, -1,
                       "%d of the first %d photos cannot be read, more than --max-bad %g%%: mend or remove "
                       "them, or raise it",
                       loader->bad, loader->tried, 100 * loader->options.max_bad);
    return WINNOW_OK;
}

winnow_status wn_loader_begin(wn_loader *loader, const wn_loader_item *item, int count, winnow_error *error)
{
    wn_loader_item *copy = malloc(((size_t)count + 1) * sizeof *copy);
    if (!copy)
        return wn_fail_memory(error);
    memcpy(copy, item, (size_t)count * sizeof *copy);
    pthread_mutex_lock(&loader->lock);
    loader->generation++;
    loader->items = loader->taken = 0; /* nothing more is taken of the old list */
    while (loader->in_work)
        pthread_cond_wait(&loader->filled, &loader->lock);
    free(loader->item);
    loader->item = copy;
    loader->items = count;
    loader->taken = loader->delivered = 0;
    memset(loader->ready, 0, (size_t)loader->slots * sizeof *loader->ready);
    pthread_cond_broadcast(&loader->emptied);
    pthread_mutex_unlock(&loader->lock);
    return WINNOW_OK;
}

winnow_status wn_loader_next(wn_loader *loader, int count, float *images, winnow_error *error)
{
    winnow_status status = WINNOW_OK;
    pthread_mutex_lock(&loader->lock);
    if (count > loader->items - loader->delivered)
        status =
            wn_fail(error, WINNOW_ERROR_INTERNAL, -1, "more pictures were asked for than were announced");
    for (int n = 0; n < count && !status; n++) {
        const int slot = loader->delivered % loader->slots;
        while (!loader->ready[slot] && !loader->error.code)
            pthread_cond_wait(&loader->filled, &loader->lock);
        if (loader->error.code) {
            if (error)
                *error = loader->error;
            status = loader->error.code;
            break;
        }
        pthread_mutex_unlock(&loader->lock); /* the slot is the caller's until `delivered` moves on */
        wn_preprocess_normalise(loader->options.preprocess,
                                loader->slot + (size_t)slot * picture_bytes(loader),
                                images + (size_t)n * picture_bytes(loader));
        pthread_mutex_lock(&loader->lock);
        loader->ready[slot] = false;
        loader->delivered++;
        pthread_cond_signal(&loader->emptied);
    }
    if (!status)
        status = tell_bad(loader, error);
    pthread_mutex_unlock(&loader->lock);
    return status;
}

/* ---- life ---- */

static bool allocate(wn_loader *loader, const wn_loader_photo *photo)
{
    const size_t photos = (size_t)loader->photos + 1, slots = (size_t)loader->slots;
    loader->photo = malloc(photos * sizeof *loader->photo);
    loader->entry = calloc(photos, sizeof *loader->entry);
    loader->slot = malloc(slots * picture_bytes(loader));
    loader->ready = calloc(slots, sizeof *loader->ready);
    loader->worker = calloc((size_t)loader->options.threads, sizeof *loader->worker);
    if (!loader->photo || !loader->entry || !loader->slot || !loader->ready || !loader->worker)
        return false;
    memcpy(loader->photo, photo, (size_t)loader->photos * sizeof *photo);
    return true;
}

winnow_status wn_loader_create(const wn_loader_options *options, const wn_loader_photo *photo, int count,
                               wn_loader **out, winnow_error *error)
{
    enum { SLOTS = 96 }; /* a few batches ahead: 5 MB at 128x128 */
    wn_loader *loader = calloc(1, sizeof *loader);
    if (!loader)
        return wn_fail_memory(error);
    loader->options = *options;
    loader->photos = count;
    loader->slots = SLOTS;
    pthread_mutex_init(&loader->lock, NULL);
    pthread_cond_init(&loader->filled, NULL);
    pthread_cond_init(&loader->emptied, NULL);
    if (!allocate(loader, photo)) {
        wn_loader_free(loader);
        return wn_fail_memory(error);
    }
    for (int i = 0; i < options->threads; i++) {
        worker *w = &loader->worker[i];
        w->loader = loader;
        if (pthread_create(&w->thread, NULL, work, w)) {
            wn_loader_free(loader);
            return wn_fail(error, WINNOW_ERROR_MEMORY, -1, "cannot start thread %d of the loader", i + 1);
        }
        loader->workers++;
    }
    *out = loader;
    return WINNOW_OK;
}

void wn_loader_free(wn_loader *loader)
{
    if (!loader)
        return;
    pthread_mutex_lock(&loader->lock);
    loader->closing = true;
    pthread_cond_broadcast(&loader->emptied);
    pthread_mutex_unlock(&loader->lock);
    for (int i = 0; i < loader->workers; i++) {
        pthread_join(loader->worker[i].thread, NULL);
        free(loader->worker[i].scratch);
    }
    for (int i = 0; loader->entry && i < loader->photos; i++) {
        free(loader->entry[i].rgb);
        free(loader->entry[i].failure);
    }
    pthread_cond_destroy(&loader->emptied);
    pthread_cond_destroy(&loader->filled);
    pthread_mutex_destroy(&loader->lock);
    free(loader->worker);
    free(loader->ready);
    free(loader->slot);
    free(loader->entry);
    free(loader->photo);
    free(loader->item);
    free(loader);
}
