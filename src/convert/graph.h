/* SPDX-License-Identifier: Apache-2.0
 * A gate as a short list of operations, from the normalised picture to the score: what every export writes
 * in its own words. Batch norms are folded, BGR networks get their first convolution's channels swapped
 * (every export takes RGB), each kind of scorer is spelled out, and what nobody looks at is left out. */
#ifndef WN_GRAPH_H
#define WN_GRAPH_H

#include "runtime/gate_file.h"

typedef enum wn_op {
    WN_OP_IMAGE,     /* the input, node 0: a map of 3 channels, normalised, RGB */
    WN_OP_CONVOLVE,  /* as `layer` says, with weight and bias; then clipped to 0..6 where layer->relu6 */
    WN_OP_ADD,       /* input[0] + input[1], maps */
    WN_OP_MEAN,      /* of a map, over its grid */
    WN_OP_DENSE,     /* weight (channels, channels of the input) x + bias */
    WN_OP_JOIN,      /* vectors, one after the other */
    WN_OP_NORMALISE, /* (x + bias) / |x + bias|; 0 stays 0 */
    WN_OP_TOP,       /* mean of the `top` largest elements: a number */
    WN_OP_SQUARES,   /* sum of squares: a number */
    WN_OP_COMBINE,   /* weight[i] * input[i], summed, + bias[0]: a number from numbers */
    WN_OP_SOFTMAX
} wn_op;

enum { WN_MAX_INPUTS = 2 * WN_MAX_PARTS, WN_MAX_NODES = 2 * WN_MAX_LAYERS + 64, WN_NODE_NAME = 48 };

/* Norms are divided by no less than this. */
#define WN_LEAST_NORM 1e-12f

typedef struct wn_node {
    wn_op op;
    char name[WN_NODE_NAME];
    int inputs, input[WN_MAX_INPUTS];
    int channels;          /* of the output: a map's, a vector's length, 1 for a number */
    int side;              /* of the output map; 0 for vectors and numbers */
    const wn_layer *layer; /* WN_OP_CONVOLVE: borrowed from the gate */
    int top;
    float *weight, *bias; /* owned; bias may be NULL: zeros. Convolutions: (cout, cin / groups, k, k) */
    float *scale;         /* owned: where the gate's weights are bytes, of each output channel; else NULL */
    float low, high;      /* then: the range of the input, low <= 0 <= high */
} wn_node;

typedef struct wn_graph {
    int count;
    wn_node node[WN_MAX_NODES];
    int similarity, embedding, probability; /* nodes, or -1: only the embedding is never missing */
    float mean[3], std[3];                  /* of x/255, in the order R, G, B */
    float scale, shift[3];                  /* see wn_graph_scale_pixels */
    winnow_status status;                   /* of building; the first failure */
} wn_graph;

/* Numbers in a node's weight, and what it is grouped by. */
size_t wn_node_weights(const wn_graph *graph, const wn_node *node);
static inline int wn_node_groups(const wn_node *node)
{
    return node->layer->kind == WN_DEPTHWISE ? node->channels : 1;
}

/* All weights of all nodes. */
size_t wn_graph_weights(const wn_graph *graph);

/* For formats that know one scale for all colours: from now on the first convolution takes x * scale +
 * shift[c] of a byte x instead of (x/255 - mean)/std. The mean stays out of its weights, because the
 * padding's zeros come after it. */
void wn_graph_scale_pixels(wn_graph *graph);

enum {
    WN_GRAPH_RAW = 1, /* only the embedding as it is before normalising, of a picture in the network's own
                         channel order */
    WN_GRAPH_WHOLE_NETWORK = 2 /* also the last layer, where nothing reads it */
};

/* The whole gate; `how`: some of WN_GRAPH_... *file must outlive *graph. Free with wn_graph_free, which also
 * takes what a failure left. */
winnow_status wn_graph_create(const wn_gate_file *file, unsigned how, wn_graph **graph, winnow_error *error);
void wn_graph_free(wn_graph *graph);

#endif
