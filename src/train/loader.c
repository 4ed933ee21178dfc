/* SPDX-License-Identifier: Apache-2.0
 * A ring of slots, one picture each. Workers take the items of the list in order and fill slot (item mod
 * slots); the caller empties them in order. Decoded pictures stay in a cache, reduced to what any
 * augmentation can use: later epochs then read no files.
 *
 * The pool of abnormals may be far larger than the cache, and each of its photos wanted once in many epochs;
 * the normals are wanted in each. So the cache keeps room for the scarcer label.
 *
 * A photo that cannot be read is replaced by the next of its label. Which photos those are is a property of
 * the files, so the replacement is the same whichever thread meets it first. */
#include "loader.h"

#include "../codec/codec.h"

#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    STORED_SIDE = 2,   /* times the input: sharp enough for a crop of a quarter of the photo */
    LEAST_COUNTED = 20 /* the share of bad ones among fewer photos says nothing */
};

/* What is known of a photo. Guarded by the lock, but for `rgb` once set, which never changes. */
typedef struct entry {
    uint8_t *rgb; /* cached pixels, or NULL */
    int width, height;
    bool tried, bad;
    bool counted;  /* the caller has met it */
    bool told;     /* the caller knows that it is bad */
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
    int in_work;
    bool closing;
    winnow_error error; /* the first that a worker met; code 0: none */

    int slots;
    uint8_t *slot; /* [slots][size*size*3] */
    bool *ready;   /* [slots] */

    size_t cached;
    int scarce;          /* the label of which there are fewest photos */
    int scarces;         /* photos of it */
    int scarce_untried;  /* of them, those that were not decoded yet */
    size_t scarce_bytes; /* pixels of those that were */
    int counted, bad;    /* photos that the caller has met, and of them the bad ones */
    int workers;
    worker *worker;
};

static size_t picture_bytes(const wn_loader *loader)
{
    const size_t size = (size_t)loader->options.preprocess->size;
    return size * size * 3;
}

static uint8_t *slot_of(const wn_loader *loader, int slot)
{
    return loader->slot + (size_t)slot * picture_bytes(loader);
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

/* Every label has the same share of an epoch, so that photos of the scarce one come round more often: room is
 * kept for those of them that are still to come, of the size of those that came. */
static bool fits(const wn_loader *loader, int index, size_t bytes)
{
    size_t wanted = loader->cached + bytes;
    if (loader->photo[index].label != loader->scarce) {
        const size_t untried = (size_t)loader->scarce_untried, tried = (size_t)loader->scarces - untried;
        wanted += untried * (tried ? loader->scarce_bytes / tried : bytes);
    }
    return wanted <= loader->options.cache_bytes;
}

/* Remembers how reading photo `index` went, and keeps its pixels where there is room. The picture is the
 * cache's if *kept. */
static void remember(wn_loader *loader, int index, const codec_picture *picture, const winnow_error *error,
                     bool *kept)
{
    entry *e = &loader->entry[index];
    const size_t bytes = (size_t)picture->width * (size_t)picture->height * 3;
    pthread_mutex_lock(&loader->lock);
    if (!e->tried && loader->photo[index].label == loader->scarce) {
        loader->scarce_untried--;
        loader->scarce_bytes += bytes;
    }
    e->tried = true;
    if (error && !e->bad) { /* on the first try, or later: files vanish, drives fail */
        e->bad = true;
        e->failure = strdup(error->message);
    }
    *kept = !error && !e->rgb && fits(loader, index, bytes);
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
    winnow_status status = codec_decode_file(
        loader->photo[index].path, wn_preprocess_target(loader->options.preprocess), picture, &failure);
    if (status == WINNOW_ERROR_MEMORY)
        return wn_fail_memory(error);
    if (status) {
        *bad = true;
        *picture = (codec_picture){0};
    } else if ((status = reduce(w, picture, error))) {
        codec_picture_free(picture);
        return status;
    }
    remember(loader, index, picture, *bad ? &failure : NULL, kept);
    return WINNOW_OK;
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
    for (int tries = 1; !status && bad; tries++) {
        index = next_of_label(w->loader, index);
        if (index == item->photo || (tries >= LEAST_COUNTED && tries > options->max_bad * w->loader->photos))
            return wn_fail(error, WINNOW_ERROR_DATA, -1,
                           "%d photo%s in a row cannot be read, %s the first; mend or remove them", tries,
                           tries == 1 ? "" : "s", w->loader->photo[item->photo].path);
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
    pthread_mutex_lock(&loader->lock);
    while (!loader->closing) {
        if (loader->error.code || loader->taken == loader->items ||
            loader->taken - loader->delivered >= loader->slots) {
            pthread_cond_wait(&loader->emptied, &loader->lock);
            continue;
        }
        const wn_loader_item item = loader->item[loader->taken];
        const int slot = loader->taken++ % loader->slots;
        loader->in_work++;
        pthread_mutex_unlock(&loader->lock);
        winnow_error error; /* the slot is this worker's until it is ready */
        const winnow_status status = render(w, &item, slot_of(loader, slot), &error);
        pthread_mutex_lock(&loader->lock);
        loader->in_work--;
        if (status && !loader->error.code)
            loader->error = error;
        loader->ready[slot] = !status;
        pthread_cond_broadcast(&loader->filled);
    }
    pthread_mutex_unlock(&loader->lock);
    return NULL;
}

/* ---- the caller's side ---- */

/* Counts a photo that the caller meets for the first time, and tells of it once it is bad. Called with the
 * lock held. */
static void count_photo(wn_loader *loader, int index)
{
    entry *e = &loader->entry[index];
    loader->counted += !e->counted;
    e->counted = true;
    if (!e->bad || e->told)
        return;
    e->told = true;
    loader->bad++;
    if (loader->options.bad)
        loader->options.bad(loader->options.context, (size_t)index,
                            e->failure ? e->failure : loader->photo[index].path);
}

/* The photos that stood in for each other until one could be read: the same ones, in the same order, in every
 * run, whenever they were tried. */
static void count_item(wn_loader *loader, const wn_loader_item *item)
{
    int index = item->photo;
    count_photo(loader, index);
    while (loader->entry[index].bad && loader->entry[index = next_of_label(loader, index)].tried &&
           index != item->photo)
        count_photo(loader, index);
}

static winnow_status check_bad(const wn_loader *loader, winnow_error *error)
{
    const double before = loader->options.bad_before;
    const double share = before + (1 - before) * loader->bad / (loader->counted ? loader->counted : 1);
    if (share <= loader->options.max_bad ||
        (loader->counted < LEAST_COUNTED && loader->counted < loader->photos))
        return WINNOW_OK;
    return wn_fail(error, WINNOW_ERROR_DATA, -1,
                   "%d of the first %d photos cannot be read, more than --max-bad allows (%g%%); mend or "
                   "remove them",
                   loader->bad, loader->counted, 100 * loader->options.max_bad);
}

winnow_status wn_loader_begin(wn_loader *loader, const wn_loader_item *item, int count, winnow_error *error)
{
    wn_loader_item *copy = malloc(((size_t)count + 1) * sizeof *copy);
    if (!copy)
        return wn_fail_memory(error);
    memcpy(copy, item, (size_t)count * sizeof *copy);
    pthread_mutex_lock(&loader->lock);
    loader->items = loader->taken; /* nothing more is taken of the old list */
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

/* Waits for the next picture and normalises it. Called with the lock held. */
static winnow_status deliver(wn_loader *loader, float *image, winnow_error *error)
{
    const int slot = loader->delivered % loader->slots;
    while (!loader->ready[slot] && !loader->error.code)
        pthread_cond_wait(&loader->filled, &loader->lock);
    count_item(loader, &loader->item[loader->delivered]);
    if (!loader->ready[slot]) {
        if (error)
            *error = loader->error;
        return loader->error.code;
    }
    pthread_mutex_unlock(&loader->lock); /* the slot is the caller's until `delivered` moves on */
    wn_preprocess_normalise(loader->options.preprocess, slot_of(loader, slot), image);
    pthread_mutex_lock(&loader->lock);
    loader->ready[slot] = false;
    loader->delivered++;
    pthread_cond_signal(&loader->emptied);
    return WINNOW_OK;
}

winnow_status wn_loader_next(wn_loader *loader, int count, float *images, winnow_error *error)
{
    winnow_status status = WINNOW_OK;
    pthread_mutex_lock(&loader->lock);
    if (count > loader->items - loader->delivered)
        status =
            wn_fail(error, WINNOW_ERROR_INTERNAL, -1, "more pictures were asked for than were announced");
    for (int n = 0; n < count && !status; n++)
        status = deliver(loader, images + (size_t)n * picture_bytes(loader), error);
    if (!status)
        status = check_bad(loader, error);
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

static int by_value(const void *a, const void *b)
{
    const int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

static bool find_scarce_label(wn_loader *loader)
{
    int *label = malloc(((size_t)loader->photos + 1) * sizeof *label);
    if (!label)
        return false;
    for (int i = 0; i < loader->photos; i++)
        label[i] = loader->photo[i].label;
    qsort(label, (size_t)loader->photos, sizeof *label, by_value);
    loader->scarces = INT_MAX;
    for (int i = 0, start = 0; i < loader->photos; i++) {
        if (i + 1 < loader->photos && label[i + 1] == label[i])
            continue;
        if (i + 1 - start < loader->scarces) {
            loader->scarces = i + 1 - start;
            loader->scarce = label[i];
        }
        start = i + 1;
    }
    loader->scarce_untried = loader->scarces;
    free(label);
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
    if (!allocate(loader, photo) || !find_scarce_label(loader)) {
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
