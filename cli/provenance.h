/* SPDX-License-Identifier: Apache-2.0
 *
 * How a gate was made, for people: the settings that its file carries as `name=value` words
 * (winnow.settings, docs/format.md), as options of `winnow train`. */
#ifndef CLI_PROVENANCE_H
#define CLI_PROVENANCE_H

#include "winnow.h"

#include <stdbool.h>
#include <stddef.h>

enum { PROVENANCE_TEXT = 1024 };

typedef struct provenance_lines {
    char options[PROVENANCE_TEXT];  /* "--input-size 128 --fit stretch ...": those that acted; or "" */
    char seed[32], photos[256];     /* "1"; "normal 0123..., abnormal 4567..."; or "" */
    char backbone[PROVENANCE_TEXT]; /* its name and the start of its hash, or what `backbone` says alone */
} provenance_lines;

/* settings: of a gate file, or NULL; embedding: whether one was trained; backbone: its name, or NULL. Words
 * that are no settings are passed over. */
void provenance_read(const char *settings, bool embedding, const char *backbone, provenance_lines *out);

/* Of a gate that is open. */
void provenance_of_gate(const winnow_gate *gate, provenance_lines *out);

#endif
