/* SPDX-License-Identifier: Apache-2.0
 * The network in training: parameters, activations, gradients and optimizer state for a fixed largest batch,
 * allocated once.
 *
 *     image batch (N, S, S, 3) -> layers of wn_network -> mean over the grid (N, features) -> linear (N,
 * embedding)
 *       -> ArcFace with K class vectors -> softmax cross-entropy, mean over the batch
 */
#ifndef WN_MODEL_H
#define WN_MODEL_H

#include "../runtime/network.h"
#include "pool.h"

typedef struct wn_model wn_model;

typedef struct wn_model_options {
    int batch;           /* the largest N */
    int classes;         /* K >= 2 */
    float margin;        /* ArcFace, radians; 28.6 degrees in the reference */
    float scale;         /* ArcFace; 64 in the reference */
    int first_trainable; /* layers before this one are frozen: run in evaluation mode, no gradient; 0 trains
                            all, network->count only the embedding */
    float keep;          /* weight of the distance to wn_model_target (keep.h); 0: none */
    bool bf16;           /* activations and their gradients are stored in 16 bits; with fast kernels alone */
    bool plain;          /* the plain reference layers (the oracle), not the fast kernels */
} wn_model_options;

winnow_status wn_model_create(const wn_network *network, const wn_model_options *options, wn_pool *pool,
                              wn_model **model, winnow_error *error);
void wn_model_free(wn_model *model);

/* Parameters, to be filled by the caller (initialised, or loaded) and read for saving: wn_network's layout.
 */
wn_params *wn_model_params(wn_model *model);
float *wn_model_momentum(wn_model *model);        /* [network.trainable] */
float *wn_model_class_vectors(wn_model *model);   /* (K, embedding): "arcface.weight" */
float *wn_model_class_momentum(wn_model *model);  /* (K, embedding) */
float *wn_model_gradients(wn_model *model);       /* [network.trainable], after a backward */
float *wn_model_class_gradients(wn_model *model); /* (K, embedding) */

/* Where the next batch goes: (batch, input, input, 3) normalised floats. */
float *wn_model_input(wn_model *model);

/* What the features of the next batch are kept near, (batch, features); NULL where keep is 0. */
float *wn_model_target(wn_model *model);

/* One forward and backward pass over the first n images with labels[n] in [0, K); batch statistics are used
 * and the running ones updated. Returns the loss. Gradients are left in wn_model_gradients. The result does
 * not depend on timing: for a given thread count it is the same bits every time. */
float wn_model_train(wn_model *model, int n, const int *labels);

/* Forward in evaluation mode; embedding (n, embedding), features (n, features), bottleneck (n, bottleneck);
 * any may be NULL. */
void wn_model_evaluate(wn_model *model, int n, float *embedding, float *features, float *bottleneck);

/* SGD as torch.optim.SGD (no Nesterov, dampening 0): g += decay*w; v = momentum*v + g; w -= rate*v. */
typedef struct wn_sgd {
    float rate, momentum, weight_decay;
    bool decay_all; /* also biases and norms (the reference recipe); default convolution and linear weights
                       only */
    float class_rate, class_momentum; /* for the class vectors; no decay */
} wn_sgd;
void wn_model_step(wn_model *model, const wn_sgd *sgd);

#endif
