/* SPDX-License-Identifier: Apache-2.0
 *
 * A promise in words. */
#ifndef CLI_PROMISE_H
#define CLI_PROMISE_H

#include "../src/runtime/gate_file.h"

/* "on average", or "with 95% confidence over photos of these 3 sources": a confidence takes the photos for
 * independent draws, so it says nothing of sources that are not among them. sources: 0 where unknown. */
const char *promise_certainty(double confidence, int sources, char text[96]);

/* What a promise rests on, in the words of the gate file (docs/format.md). */
typedef struct promise_basis {
    const char *source; /* "sources", "blocks", "held-out" or "camera" */
    bool over_groups;   /* it is over new sources */
    int groups;         /* sources; 0 where unknown */
    const char *kind;   /* "folders", "cameras" or "bursts"; NULL where unknown */
    int cameras;        /* that bursts are of */
} promise_basis;

promise_basis promise_basis_of(const wn_gate_file *gate);

/* The same from the metadata: `get` gives the value of a key, or NULL. */
promise_basis promise_basis_read(const char *(*get)(const void *file, const char *key), const void *file);

/* How many cameras the sources are sessions of: 0 where they are sources of their own. */
int promise_sessions_of(const promise_basis *basis);

/* "3 sources", or "3 sessions of one camera". */
const char *promise_sources(const promise_basis *basis, char text[64]);

/* "new sources like those that it was calibrated on", or "new sessions of this camera only": what `holds for`
 * is said of. NULL where it is photos of the same sources. */
const char *promise_new(const promise_basis *basis, char text[64]);

/* All of it: "holds for this camera and place only". */
const char *promise_scope(const promise_basis *basis, char text[160]);

#endif
