/* SPDX-License-Identifier: Apache-2.0
 * What a model is made of; shared by model.c, sgd.c and the two engines that run its layers. */
#ifndef WN_MODEL_STATE_H
#define WN_MODEL_STATE_H

#include "model.h"

/* One way to compute the network between wn_model_input and model->embedding. */
typedef struct wn_engine {
    winnow_status (*create)(wn_model *model, winnow_error *error); /* sets model->engine_state */
    void (*destroy)(wn_model *model);                              /* also after a failed create */
    /* input -> features, embedding of n images. Training uses and updates batch statistics in the layers from
     * first_trainable on. bottleneck (n, bottleneck) may be NULL. */
    void (*forward)(wn_model *model, int n, bool training, float *bottleneck);
    /* d_embedding -> gradients; after a forward with training. */
    void (*backward)(wn_model *model, int n);
} wn_engine;

extern const wn_engine wn_engine_plain, wn_engine_fast;

struct wn_model {
    wn_network network;
    wn_model_options options;
    wn_pool *pool; /* borrowed */
    const wn_engine *engine;
    void *engine_state;
    wn_params params;
    float *gradients, *momentum;                             /* [network.trainable] */
    float *class_vectors, *class_momentum, *class_gradients; /* (classes, embedding) */
    float *input;                                            /* (batch, input, input, 3) */
    float *features;                                         /* (batch, features) */
    float *embedding, *d_embedding;                          /* (batch, embedding) */
    float *target, *d_keep; /* (batch, features): NULL where nothing is kept */
    void *loss_scratch;
    /* Called when the fast engine has gone through a layer, so that a bench can time it; may be NULL. */
    void (*passed)(int layer, bool backward);
};

/* 64-byte aligned and zeroed, with 64 bytes behind that kernels may read and not use; large blocks ask for
 * huge pages. NULL where memory is short. Free with free(). */
void *wn_model_alloc(size_t count, size_t size);

/* Elements of a layer's output for n images. */
size_t wn_layer_outputs(const wn_layer *layer, int n);

/* running = (1-m) * running + m * batch, with the unbiased variance, as PyTorch. */
void wn_update_running(const wn_model *model, const wn_layer *layer, size_t rows, const float *mean,
                       const float *var);

#endif
