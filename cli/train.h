/* SPDX-License-Identifier: Apache-2.0
 *
 * `winnow train`: train.c reads the options, train_data.c the photos, train_run.c trains, train_gate.c
 * calibrates and writes the gate, train_report.c says how it went. */
#ifndef CLI_TRAIN_H
#define CLI_TRAIN_H

#include "../src/runtime/calibrate.h"
#include "../src/train/dataset.h"
#include "../src/train/recipe.h"
#include "options.h"

/* What was asked for, after defaults and options. */
typedef struct train_request {
    option_list normal, abnormal, valid_normal, valid_abnormal; /* folders */
    const char *output;                                         /* the gate */
    const char *backbone;                                       /* file, or NULL: random weights */
    char checkpoint[4096], log[4096], report[4096];             /* "": none is written */
    const char *reference_outputs;                              /* folder, or NULL */
    const char *scorer;                                         /* "auto" or a spec of src/runtime/scorer.h */
    wn_train_recipe recipe;
    wn_promise promise;
    double max_bad;
    int cache_mb, threads, pool; /* pool: abnormals that a frozen backbone looks at */
    uint64_t seed;
    bool classes;   /* the subfolders of the normals are classes to tell apart */
    bool embedding; /* train one on the features of a frozen backbone: asked for, or what the scorer reads */
    bool resume, json;
    const char *command; /* the command line, for provenance */
    const char *advice;  /* what an app says of anything else; NULL: words of its own */
} train_request;

/* Photos of one kind. */
typedef struct train_photos {
    size_t count;
    const char **path;       /* [count], borrowed from the data sets */
    const char **source;     /* [count], the folder, camera or burst that a photo came from; borrowed */
    const wn_photo **photo;  /* [count], what the data sets know of it; borrowed */
    const char **class_name; /* [count], or NULL: it has none; borrowed */
} train_photos;

typedef struct train_store train_store;
typedef struct train_data {
    train_photos normal, abnormal;             /* to train on */
    train_photos valid_normal, valid_abnormal; /* held out */
    bool own_validation; /* --valid-* folders were given: what is held out stays out of the scorer too */
    char hash[80];       /* of all photos, for provenance and --resume */
    train_store *store;  /* what the strings belong to */
} train_data;

/* The words of --fit, --augment, --freeze and --schedule, in the order of their enums; each ends with NULL.
 */
extern const char *const train_fits[], *const train_augments[], *const train_freezes[],
                                                                    *const train_schedules[];

/* Scans the folders, reports what cannot be used, refuses overlaps, makes the split. Returns -1, or an exit
 * status. */
int train_data_read(const train_request *request, train_data *data);
void train_data_free(train_data *data);

/* Trains, calibrates, writes everything, and prints the result. Returns an exit status. */
int train_run(const train_request *request);

#endif
