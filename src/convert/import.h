/* SPDX-License-Identifier: Apache-2.0
 * Other people's weights -> a backbone file (docs/format.md, docs/backbones.md). */
#ifndef WN_IMPORT_H
#define WN_IMPORT_H

#include "naming.h"

#include "../runtime/preprocess.h"

/* What the network expects of its input. */
typedef struct wn_input {
    bool bgr;
    float mean[3], std[3]; /* of x/255, in the network's channel order */
    const char *origin;    /* how we know; static */
} wn_input;

typedef struct wn_import_result {
    wn_identity identity; /* its pointers are dead after the import: only network, scheme are of use */
    bool has_embedding;
    bool folded; /* the norms were folded into the convolutions: their statistics are lost */
    wn_input input;
    const char *format; /* of the file read; static */
    char sha256[65];    /* of the file read */
} wn_import_result;

/* Reads weights from bytes[size]: what wn_import does before it writes. Fills all of *result but sha256. Free
 * params with wn_params_free; on failure there is nothing to free. */
winnow_status wn_import_read(const void *bytes, size_t size, wn_import_result *result, wn_params *params,
                             winnow_error *error);

/* Reads weights from `path` and writes them to `output` as a backbone. `input` says what the network expects;
 * NULL takes what is known of files of that kind, as *result then tells. `licence` is recorded where it is
 * not NULL. */
winnow_status wn_import(const char *path, const char *output, const wn_input *input, const char *licence,
                        wn_import_result *result, winnow_error *error);

#endif
