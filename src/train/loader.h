/* SPDX-License-Identifier: Apache-2.0
 * Photos for training: decoded, kept, augmented and normalised by threads of its own, delivered in the order
 * that was asked for. What is delivered depends on the photos and the seeds alone, never on the number of
 * threads, their timing, or what is in the cache. */
#ifndef WN_LOADER_H
#define WN_LOADER_H

#include "augment.h"

#include <stddef.h>
#include <stdint.h>

/* A photo of the collection. */
typedef struct wn_loader_photo {
    const char *path; /* borrowed */
    int label;        /* one that cannot be read is replaced by the next photo of the same label */
} wn_loader_photo;

typedef struct wn_loader_options {
    const wn_preprocess *preprocess; /* borrowed */
    wn_augment_kind augment;
    int threads;        /* 1 and up */
    size_t cache_bytes; /* for decoded pictures; once full, what is in stays in */
    double max_bad;     /* share of the photos that may turn out unreadable */
    double bad_before;  /* share that was left out before, which counts too */
    /* One line for each photo that cannot be read, once, in the order in which they were wanted; from the
     * thread that calls wn_loader_next. May be NULL. */
    void (*bad)(void *context, size_t index, const char *line);
    void *context;
} wn_loader_options;

/* One picture that is wanted. */
typedef struct wn_loader_item {
    int photo;     /* index into the collection */
    uint64_t seed; /* of its augmentation */
} wn_loader_item;

typedef struct wn_loader wn_loader;

/* photo[count] is copied (the paths are not). Free with wn_loader_free, which stops the threads. */
winnow_status wn_loader_create(const wn_loader_options *options, const wn_loader_photo *photo, int count,
                               wn_loader **loader, winnow_error *error);
void wn_loader_free(wn_loader *loader);

/* Starts to prepare item[count] (copied), and forgets what was left of an earlier list. Call it early: while
 * the caller does something else, such as validating, the first batches get ready. */
winnow_status wn_loader_begin(wn_loader *loader, const wn_loader_item *item, int count, winnow_error *error);

/* The next `count` pictures of the list, normalised: images (count, size, size, 3). DATA error where more
 * than max_bad cannot be read, or a label has no readable photo left. */
winnow_status wn_loader_next(wn_loader *loader, int count, float *images, winnow_error *error);

#endif
