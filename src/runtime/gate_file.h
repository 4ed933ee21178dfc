/* SPDX-License-Identifier: Apache-2.0
 * Everything that a gate file says (docs/format.md), in memory: what the trainer, `learn` and `calibrate`
 * build and write, and what a gate is opened from. */
#ifndef WN_GATE_FILE_H
#define WN_GATE_FILE_H

#include "calibrate.h"
#include "network.h"
#include "plan.h"
#include "preprocess.h"
#include "safetensors.h"
#include "scorer.h"

enum { WN_MAX_CLASSES = 256, WN_MEMORY = 2048 };

/* Where the calibration scores come from. */
typedef enum wn_calibration_source {
    WN_CALIBRATED_BY_SOURCE, /* each source was scored by a gate made of the others */
    WN_CALIBRATED_BY_BLOCK,  /* one or two sources, or nearly so: each block of neighbouring photos by a gate
                                of the others */
    WN_CALIBRATED_HELD_OUT,  /* photos kept out of training, scored by the gate as it is */
    WN_CALIBRATED_BY_CAMERA  /* photos of a new camera, scored by the gate as it is (`winnow calibrate`) */
} wn_calibration_source;

/* "sources", "blocks", "held-out", "camera". */
const char *wn_calibration_source_name(wn_calibration_source source);

/* "folders", "cameras", "bursts"; NULL for unknown. */
const char *wn_source_kind_name(wn_source_kind kind);

/* What is known of one source. */
typedef struct wn_origin {
    wn_source_kind kind;
    char *camera; /* of a camera or a burst, else NULL */
} wn_origin;

/* All of it is owned; start from {0} and free with wn_gate_file_free. */
typedef struct wn_gate_file {
    wn_network network;
    wn_params params;
    bool has_embedding; /* a trained embedding; else the network's is unused, and not stored */
    wn_preprocess preprocess;
    bool int8;        /* computes in bytes, as winnow.precision says; params are what its bytes stand for */
    wn_ranges ranges; /* then: of the layers' inputs */
    bool bf16;        /* likewise in bf16; its weights are written as such */

    wn_scorer_spec spec;
    wn_scorer scorer;
    wn_calibration calibration;
    wn_calibration_source source;
    bool held_out; /* source was WN_CALIBRATED_HELD_OUT before `winnow calibrate` */

    wn_samples memory; /* what `learn` and `calibrate` start from; may be empty */
    int groups;        /* sources named */
    char **group_name; /* [groups] */
    wn_origin *origin; /* [groups] */

    wn_class_vectors
        classes; /* (2 or more, embedding) of the loss, row 0 abnormal: "arcface.weight"; or none */

    /* Classes told apart among normals, by multinomial logistic regression. */
    int class_count;          /* 0: none */
    char **class_name;        /* [class_count] */
    wn_feature class_feature; /* x, L2-normalised, that they are told by */
    wn_table class_weight;    /* (class_count, dim) */
    wn_table class_bias;      /* (class_count, 0): logits are weight . x + bias; the temperature is in both */

    int metadata_count; /* all "winnow." keys of the file that are not listed in docs/format.md as the above
                         */
    char **metadata;    /* [2 * metadata_count]: key, value, key, value ... */
} wn_gate_file;

void wn_gate_file_free(wn_gate_file *file);

/* Sets a metadata key; the strings are copied. */
winnow_status wn_gate_file_set(wn_gate_file *file, const char *key, const char *value, winnow_error *error);

/* Value of a metadata key, or NULL. */
const char *wn_gate_file_get(const wn_gate_file *file, const char *key);

/* Id of the source of that name, which is added where it is new; -1 where there are WN_MAX_GROUPS or memory
 * runs out. */
int wn_gate_file_group(wn_gate_file *file, const char *name);

/* Says what a source is, where that is not known yet. camera: of a camera or a burst, else NULL; copied. */
winnow_status wn_gate_file_set_origin(wn_gate_file *file, int group, wn_source_kind kind, const char *camera,
                                      winnow_error *error);

/* Forgets the sources from id `groups` on. */
void wn_gate_file_drop_groups(wn_gate_file *file, int groups);

/* Fills calibration->kind and cameras: of the sources of the normals in the memory's rows from `first` on. */
winnow_status wn_gate_file_tell_sources(const wn_gate_file *file, int first, wn_calibration *calibration,
                                        winnow_error *error);

/* Appends a class name. */
winnow_status wn_gate_file_add_class(wn_gate_file *file, const char *name, winnow_error *error);

/* Length of a feature of this network. */
int wn_feature_size(const wn_network *network, wn_feature feature);

/* Where a forward pass leaves each feature; NULL ones are not wanted. */
wn_outputs wn_feature_outputs(const wn_network *network, float *const feature[WN_FEATURES]);

/* Lengths of the network's features; 0 for an embedding that is not trained. */
void wn_gate_file_dims(const wn_gate_file *file, int dim[WN_FEATURES]);

/* The plan that the gate computes with: of the precision that it is for. Free with wn_plan_free. */
winnow_status wn_gate_file_plan(const wn_gate_file *file, wn_plan **plan, winnow_error *error);

/* Reads and checks everything; nothing of `bytes` is kept. `memory` false is for judging alone: file->memory
 * stays empty, and file->metadata is all that the file says, also of what is written from other members and
 * could be stale once they change. On failure *file is empty. */
winnow_status wn_gate_file_parse(const void *bytes, size_t size, bool memory, wn_gate_file *file,
                                 winnow_error *error);
/* A gate with its memory, or a backbone: then there is no scorer (spec.parts is 0), calibration or memory
 * yet.
 */
winnow_status wn_gate_file_parse_start(const void *bytes, size_t size, wn_gate_file *file,
                                       winnow_error *error);
winnow_status wn_gate_file_read(const char *path, bool memory, wn_gate_file *file, winnow_error *error);

/* Writes the whole file, or leaves what was there (see wn_writer_write). */
winnow_status wn_gate_file_write(const wn_gate_file *file, const char *path, winnow_error *error);
winnow_status wn_gate_file_write_memory(const wn_gate_file *file, void **bytes, size_t *size,
                                        winnow_error *error);

/* ---- shared by reader and writer ---- */

/* Name of table t of a part of that kind in "gate.<part>.<name>", NULL where the kind has none. */
const char *wn_table_name(wn_scorer_kind kind, int t);

#endif
