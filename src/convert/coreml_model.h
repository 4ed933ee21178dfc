/* SPDX-License-Identifier: Apache-2.0
 * What both kinds of Core ML model have in common: the interface that an app sees, and metadata. */
#ifndef WN_COREML_MODEL_H
#define WN_COREML_MODEL_H

#include "coreml.pb-c.h"
#include "export.h"
#include "graph.h"

enum { WN_COREML_OUTPUTS = 5, WN_COREML_NOTES = 1024, WN_COREML_FLOAT32 = 65568, WN_COREML_RGB = 20 };

typedef struct wn_coreml_feature {
    Coreml__FeatureDescription proto;
    Coreml__FeatureType type;
    Coreml__ArrayType array;
    Coreml__ImageType image;
    int64_t shape[1];
} wn_coreml_feature;

typedef struct wn_coreml_model {
    Coreml__Model proto;
    Coreml__ModelDescription description;
    Coreml__Metadata metadata;
    Coreml__TextEntry note[WN_COREML_NOTES], *notes[WN_COREML_NOTES];
    wn_coreml_feature input, output[WN_COREML_OUTPUTS];
    Coreml__FeatureDescription *inputs[1], *outputs[WN_COREML_OUTPUTS];
} wn_coreml_model;

/* The names of the outputs, and how they come about, in the order of the description. */
typedef struct wn_coreml_output {
    const char *name;
    int node; /* of the graph; -1: made of the similarity */
    int length;
} wn_coreml_output;

/* Fills output[WN_COREML_OUTPUTS]; returns how many. */
int wn_coreml_outputs(const wn_graph *graph, wn_coreml_output *output);

/* Fills a zeroed model but for what the network is: image "image" of the input size, RGB; outputs; metadata.
 */
void wn_coreml_describe(wn_coreml_model *model, const wn_export_source *source, const wn_graph *graph,
                        int version);

/* Whether fp16 makes halves of a node's weights: of a 1x1 convolution or a matrix, if it has at least a
 * sixteenth as many as all convolutions. Smaller ones take few bytes, and their rounding moves the score as
 * much. */
bool wn_coreml_halved(const wn_graph *graph, const wn_node *node);

/* Takes from the biases what that rounding will add to the outputs on average. */
void wn_coreml_correct_biases(const wn_gate_file *file, wn_graph *graph);

/* The p-value as a sum of steps: p = least_p + sum of step[j] over the scores[j] that are reached. */
void wn_coreml_steps(const wn_calibration *calibration, float *step);

#endif
