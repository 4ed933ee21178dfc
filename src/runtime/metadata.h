/* SPDX-License-Identifier: Apache-2.0
 * Values of a file's metadata, checked and named in every refusal: gates and backbones are read, and written,
 * by the same code (docs/format.md). */
#ifndef WN_METADATA_H
#define WN_METADATA_H

#include "preprocess.h"
#include "safetensors.h"

/* Each reads the value of a key that must be there. Numbers have to lie in [low, high]. */
winnow_status wn_metadata_text(const wn_safetensors *file, const char *key, const char **text,
                               winnow_error *error);
winnow_status wn_metadata_number(const wn_safetensors *file, const char *key, double low, double high,
                                 double *value, winnow_error *error);
winnow_status wn_metadata_count(const wn_safetensors *file, const char *key, int low, int high, int *count,
                                winnow_error *error);
/* The index of the value among names (NULL-terminated). */
winnow_status wn_metadata_choice(const wn_safetensors *file, const char *key, const char *const *names,
                                 int *choice, winnow_error *error);

/* Fails: the key's value `text` is not what was expected, e.g. "a whole number". */
winnow_status wn_metadata_refuse(const char *key, const char *text, const char *expected,
                                 winnow_error *error);

/* What the network expects of its input: winnow.channels, .mean and .std <-> bgr, mean and std. */
winnow_status wn_metadata_input(const wn_safetensors *file, wn_preprocess *preprocess, winnow_error *error);
void wn_metadata_put_input(wn_writer *writer, const wn_preprocess *preprocess);

void wn_metadata_put_number(wn_writer *writer, const char *key, double value);

#endif
