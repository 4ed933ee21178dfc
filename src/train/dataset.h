/* SPDX-License-Identifier: Apache-2.0
 * The photos of some folders: which can be read, which are copies of others, and which belong together.
 *
 * Only the beginning of each file is read, and the whole of those whose size and beginning equal another's: a
 * pool of 100,000 photos takes seconds. See docs/photos.md for the rules as a user meets them. */
#ifndef WN_DATASET_H
#define WN_DATASET_H

#include "../runtime/calibrate.h"
#include "pool.h"
#include "scan.h"

#include <stdint.h>

typedef struct wn_photo {
    char *path;
    size_t relative; /* path + relative is the way from its folder */
    int root;        /* index of the folder */
    /* Names are in the dataset's tables. */
    int source;    /* where it comes from: the subfolder directly below the folder, or the folder itself */
    int subfolder; /* the folder that holds it: "uci_rice_leaf_diseases/brown_spot"; for tables */
    int group;     /* what it must not be parted from, see wn_dataset_open */
    wn_source_kind group_kind; /* what parts that group from others */
    const char *group_camera;  /* of a camera, or a burst, whose folder counts as one where EXIF names none;
                                  else  NULL. The dataset's */
    int class_name;    /* the subfolder directly below the folder, without the folder's name; -1: none */
    int camera;        /* make and model from EXIF; -1: unknown */
    int64_t taken;     /* EXIF, seconds since 1970; 0: unknown */
    int width, height; /* upright */
    uint64_t size;     /* of the file, bytes */
    uint64_t head[2];  /* XXH3-128 of its first 32 KiB (of all of it where it is no longer) */
} wn_photo;

typedef struct wn_names {
    char **name;
    size_t count;
} wn_names;

typedef struct wn_dataset {
    wn_photo *photo; /* in the order of wn_scan_folders, copies left out */
    size_t count;
    size_t found;  /* files that were looked at: photos, copies and what cannot be read */
    size_t bad;    /* of them, what cannot be read; a line was reported for each */
    size_t copies; /* of them, byte-identical copies of photos that are counted */
    wn_names source, subfolder, group, class_name, camera;
} wn_dataset;

typedef struct wn_dataset_options {
    const char *name;        /* for messages: "normal", "validation abnormal" */
    double max_bad;          /* the largest share of the files that may be bad: 0.05 */
    bool classes;            /* the subfolders directly below each folder are classes, and part nothing */
    wn_pool *pool;           /* NULL: one thread */
    const wn_report *report; /* may be NULL */
    const volatile sig_atomic_t
        *stop; /* non-zero: give up with WINNOW_ERROR_ARGUMENT "interrupted"; or NULL */
} wn_dataset_options;

/* Reads folders of photos. Fails where a folder is missing, unreadable or without photos, or where more than
 * max_bad of the files are bad. A photo that only its pixels betray is found when it is decoded.
 *
 * The group is taken from the coarsest of these that parts the photos: the folder, where three or more are
 * given; in each folder by itself the subfolders directly below it, where three or more hold photos; all
 * subfolders that hold photos, where there are two or more; the cameras in EXIF, likewise; bursts, whose
 * photos were taken no more than 5 minutes after another (a photo without a time belongs to the group of the
 * folder); else the folder is one group. Folders that hold nothing but one folder are passed through. Names
 * begin with the name of the folder where several are given. Where the first subfolders are classes, the
 * folders below them, if any, are looked at instead, and nothing is passed through. */
winnow_status wn_dataset_open(const char *const *folder, size_t folders, const wn_dataset_options *options,
                              wn_dataset **dataset, winnow_error *error);
void wn_dataset_free(wn_dataset *dataset);

/* WINNOW_ERROR_DATA where more than the share max_bad of `found` files are bad. */
winnow_status wn_check_bad(const char *name, size_t bad, size_t found, double max_bad, winnow_error *error);

/* Fails with WINNOW_ERROR_DATA, naming both, where a photo (its bytes) is in a and in b. */
winnow_status wn_dataset_check_disjoint(const wn_dataset *a, const char *name_a, const wn_dataset *b,
                                        const char *name_b, winnow_error *error);

/* Names the data for provenance: depends on the relative paths, sizes and beginnings of the photos, in order,
 * not on where the folders are. 32 hexadecimal digits. */
void wn_dataset_hash(const wn_dataset *dataset, char hash[33]);

#endif
