/* SPDX-License-Identifier: Apache-2.0
 * Trains the embedding alone, on features that a frozen backbone computed once: seconds instead of minutes.
 */
#ifndef WN_ENGINE_HEAD_H
#define WN_ENGINE_HEAD_H

#include "pool.h"
#include "recipe.h"
#include "trainer.h"

/* Pooled features, row-major (count, size). Borrowed. */
typedef struct wn_head_data {
    int size;
    const float *normal, *abnormal; /* to train on */
    int normals, abnormals;
    int classes;                                /* of the loss: 1 + those of the normals */
    const int *normal_class;                    /* [normals] 1 to classes-1 */
    const float *valid_normal, *valid_abnormal; /* to validate on */
    int valid_normals, valid_abnormals;
} wn_head_data;

/* weight (embedding, size) and bias (embedding): the linear layer, filled by the caller with its start; the
 * engine writes the result of keep_best / restore_best there too. class_vectors (data->classes, embedding):
 * row 0 abnormal, the others normal. All borrowed, and live for as long as the engine. Free with
 * wn_engine_head_free. */
winnow_status wn_engine_head_create(const wn_train_recipe *recipe, uint64_t seed, const wn_head_data *data,
                                    wn_pool *pool, float *weight, float *bias, float *class_vectors,
                                    wn_engine **engine, winnow_error *error);
void wn_engine_head_free(wn_engine *engine);

/* embedding[network->embedding] = W features + b, not normalised. */
void wn_head_apply(const wn_network *network, const wn_params *params, const float *features,
                   float *embedding);

/* Class vectors (classes, size) as pytorch-metric-learning starts them: Xavier normal (Glorot and Bengio,
 * 2010). */
void wn_class_vectors_initialise(int classes, int size, uint64_t seed, float *vectors);

#endif
