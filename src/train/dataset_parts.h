/* SPDX-License-Identifier: Apache-2.0
 * What the parts of the dataset share. */
#ifndef WN_DATASET_PARTS_H
#define WN_DATASET_PARTS_H

#include "../codec/codec.h"
#include "dataset.h"

/* Bytes of a file that are read to probe and to hash it. */
enum { WN_DATASET_HEAD = 32 * 1024 };

/* What a glance at a file told. */
typedef struct wn_probe {
    codec_info info;
    uint64_t size, head[2]; /* as in wn_photo */
    winnow_status status;
    char *message; /* where status is not WINNOW_OK; malloc'ed */
} wn_probe;

/* Fills info, size and head. The message starts with the path. */
winnow_status wn_probe_file(const char *path, wn_probe *probe, winnow_error *error);

/* Index of name[0..length) in the table, where it is added if need be; -1 where memory ran out. */
int wn_names_add(wn_names *names, const char *name, size_t length);
void wn_names_free(wn_names *names);

/* A file's content. */
typedef struct wn_content {
    const wn_photo *photo;
    uint64_t id[2]; /* the photo's head, or the hash of the whole file where another has the same head */
    int set;        /* 0 or 1: of which of two datasets */
} wn_content;

wn_content wn_content_of(const wn_photo *photo, int set);

/* Sorts so that equal contents are neighbours, in the order of sets and of photos. A file that cannot be read
 * (any more) equals no other. False where memory ran out. `pool` may be NULL. */
bool wn_contents_sort(wn_content *content, size_t count, wn_pool *pool);
bool wn_contents_equal(const wn_content *a, const wn_content *b);

/* Fills source, subfolder, group, what is known of it and class_name of every photo. `folder` as given to
 * wn_dataset_open. */
winnow_status wn_dataset_assign_groups(wn_dataset *dataset, const char *const *folder, size_t folders,
                                       bool classes, winnow_error *error);

#endif
