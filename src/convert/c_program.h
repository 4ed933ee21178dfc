/* SPDX-License-Identifier: Apache-2.0
 * A gate as the steps and numbers of a C file: made by c_export.c, printed by c_text.c. */
#ifndef WN_C_PROGRAM_H
#define WN_C_PROGRAM_H

#include "export.h"
#include "graph.h"

#include <stdio.h>

enum { WN_C_MOST_SIDE = 8192, WN_C_MOST_STEPS = WN_MAX_NODES + 4 * WN_MAX_INPUTS };

/* One row of the table that the C file runs. Places in the scratch are in floats; weight, scale and bias are
 * places among the numbers (8-bit weights: among those). */
typedef struct wn_c_step {
    const char *op;
    size_t from[2], to;
    int cin, cout, kernel, stride, pad, in, out, relu6, top, quantised;
    size_t weight, scale;
    ptrdiff_t bias; /* -1: none */
} wn_c_step;

typedef struct wn_c_program {
    const wn_export_source *source;
    const wn_export_options *options;
    const wn_graph *graph;
    char name[64];  /* that the functions start with */
    float *numbers; /* all floats, one after the other */
    int8_t *small;  /* all 8-bit weights */
    int8_t *by_row; /* those of one step, before they are turned */
    size_t number_count, small_count;
    size_t memory, sums;        /* floats of scratch; where the sums of one pixel lie in it */
    size_t place[WN_MAX_NODES]; /* of each node's output in the scratch */
    size_t knot_scores, knot_p_values;
    int steps;
    wn_c_step step[WN_C_MOST_STEPS];
} wn_c_program;

void wn_c_put_code(FILE *out, const wn_c_program *program);
void wn_c_put_header(FILE *out, const wn_c_program *program);

#endif
