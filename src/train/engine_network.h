/* SPDX-License-Identifier: Apache-2.0
 * Trains every layer of the network on photos. */
#ifndef WN_ENGINE_NETWORK_H
#define WN_ENGINE_NETWORK_H

#include "pool.h"
#include "recipe.h"
#include "trainer.h"

/* Paths are borrowed, and live for as long as the engine. */
typedef struct wn_network_data {
    const char *const *normal, *const *abnormal, *const *valid_normal, *const *valid_abnormal;
    int normals, abnormals, valid_normals, valid_abnormals;
    int classes;             /* of the loss: 1 + those of the normals */
    const int *normal_class; /* [normals] 1 to classes-1 */
    int cache_mb, threads;   /* of the loader */
    double max_bad;
    void (*bad)(void *context, size_t index,
                const char *line); /* one line for each photo that cannot be read */
    void *context;
} wn_network_data;

/* params: the start, overwritten by restore_best; class_vectors (data->classes, embedding): row 0 abnormal.
 * Both are borrowed for as long as the engine. Free with wn_engine_network_free. */
winnow_status wn_engine_network_create(const wn_train_recipe *recipe, uint64_t seed,
                                       const wn_network *network, const wn_preprocess *preprocess,
                                       const wn_network_data *data, wn_pool *pool, wn_params *params,
                                       float *class_vectors, wn_engine **engine, winnow_error *error);
void wn_engine_network_free(wn_engine *engine);

#endif
