/* SPDX-License-Identifier: Apache-2.0
 *
 * Photos for a gate that exists: what `learn` and `calibrate` have in common. */
#ifndef CLI_TEACH_H
#define CLI_TEACH_H

#include "../src/runtime/gate_file.h"
#include "../src/train/dataset.h"
#include "options.h"

/* How photos are read. */
typedef struct teach_options {
    double max_bad;
    int threads; /* 0: as many as there are cores */
} teach_options;

/* A photo, by its index among those of its kind, and whether it is normal -> the group that its row gets;
 * negative: there is none. */
typedef int teach_group(wn_gate_file *gate, const wn_dataset *photos, size_t photo, bool normal);

/* Scans the folders (at most one list may be empty), reports what cannot be read, refuses photos that are in
 * both lists, and appends what the gate's network sees in them to *samples, which keeps the features that
 * gate->memory keeps. */
winnow_status teach_read(wn_gate_file *gate, const option_list *normal, const option_list *abnormal,
                         const teach_options *options, teach_group *group_of, wn_samples *samples,
                         winnow_error *error);

/* "turned away 3.2%", or "-" for NaN. Writes to text[16], and returns it. */
const char *teach_percent(double share, char text[16]);

/* Sets a metadata key to the command line and the date: what was done to a gate after its training. */
winnow_status teach_set_provenance(wn_gate_file *gate, const char *key, const char *command,
                                   winnow_error *error);

#endif
