/* SPDX-License-Identifier: Apache-2.0 */
#include "engine_network.h"

#include "../runtime/plan.h"
#include "loader.h"
#include "model.h"
#include "order.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct trainee {
    wn_engine engine; /* first: a wn_engine * is a trainee * */
    const wn_train_recipe *recipe;
    const wn_network *network;
    wn_network_data data;
    uint64_t seed;
    wn_model *model;
    wn_loader *loader;       /* of the training photos: normals, then abnormals */
    wn_loader *valid_loader; /* of the validation photos, never augmented: normals, then abnormals */
    wn_params *params;       /* the caller's: start and result */
    float *class_vectors;    /* the caller's */
    float *best, *best_class;
    wn_order_entry *order;
    wn_loader_item *item;
    int *scratch;
    int *label;
    int next;              /* place in the epoch's order */
    wn_plan *start;        /* of the weights that the training began with; NULL where nothing is kept */
    char *scratch_of_plan; /* of each thread */
    size_t plan_scratch;
    wn_pool *pool;
    float *validation; /* (valid photos, embedding) */
} trainee;

static int valid_count(const trainee *t)
{
    return t->data.valid_normals + t->data.valid_abnormals;
}

static size_t class_count(const trainee *t)
{
    return (size_t)t->data.classes * (size_t)t->network->embedding;
}

/* ---- steps ---- */

static winnow_status begin_epoch(wn_engine *engine, int epoch, int first_step, winnow_error *error)
{
    trainee *t = (trainee *)engine;
    const int used = engine->steps * t->recipe->batch;
    wn_epoch_order(t->data.normals, t->data.abnormals, t->seed, epoch, t->order, t->scratch);
    for (int i = 0; i < used; i++) {
        const wn_order_entry entry = t->order[i];
        const int photo = entry.label ? entry.index : t->data.normals + entry.index;
        t->item[i] = (wn_loader_item){photo, t->seed ^ ((uint64_t)(epoch + 1) << 32 | (uint64_t)i)};
    }
    t->next = first_step * t->recipe->batch;
    return wn_loader_begin(t->loader, t->item + t->next, used - t->next, error);
}

/* What the network made of an image before it was trained: the same picture, so the same augmentation. */
static void remember(void *context, int image, int worker)
{
    const trainee *t = context;
    const wn_network *network = t->network;
    const size_t pixels = (size_t)network->input * (size_t)network->input;
    const wn_outputs outputs = {.features =
                                    wn_model_target(t->model) + (size_t)image * (size_t)network->features};
    wn_plan_run(t->start, 1, wn_model_input(t->model) + (size_t)image * pixels * 3, &outputs,
                t->scratch_of_plan + (size_t)worker * t->plan_scratch);
}

static winnow_status step(wn_engine *engine, double rate, double *loss, winnow_error *error)
{
    trainee *t = (trainee *)engine;
    const wn_train_recipe *recipe = t->recipe;
    winnow_status status = wn_loader_next(t->loader, recipe->batch, wn_model_input(t->model), error);
    if (status)
        return status;
    for (int i = 0; i < recipe->batch; i++) {
        const wn_order_entry entry = t->order[t->next++];
        t->label[i] = entry.label ? t->data.normal_class[entry.index] : 0;
    }
    if (t->start)
        wn_pool_run(t->pool, recipe->batch, remember, t);
    *loss = wn_model_train(t->model, recipe->batch, t->label);
    const wn_sgd sgd = {.rate = (float)rate,
                        .momentum = (float)recipe->momentum,
                        .weight_decay = (float)recipe->weight_decay,
                        .decay_all = recipe->decay_all,
                        .class_rate = (float)(rate * recipe->class_rate / recipe->learning_rate)};
    wn_model_step(t->model, &sgd);
    return WINNOW_OK;
}

/* ---- validation ---- */

static winnow_status validate(wn_engine *engine, wn_validation *validation, winnow_error *error)
{
    trainee *t = (trainee *)engine;
    const int count = valid_count(t), batch = t->recipe->batch;
    wn_loader_item *item = calloc((size_t)count + 1, sizeof *item);
    if (!item)
        return wn_fail_memory(error);
    for (int i = 0; i < count; i++)
        item[i] = (wn_loader_item){i, 0};
    winnow_status status = wn_loader_begin(t->valid_loader, item, count, error);
    free(item);
    for (int at = 0; at < count && !status; at += batch) {
        const int n = count - at < batch ? count - at : batch;
        status = wn_loader_next(t->valid_loader, n, wn_model_input(t->model), error);
        if (!status)
            wn_model_evaluate(t->model, n, t->validation + (size_t)at * (size_t)t->network->embedding, NULL,
                              NULL);
    }
    *validation = (wn_validation){t->validation, t->network->embedding, (size_t)t->data.valid_normals,
                                  (size_t)t->data.valid_abnormals};
    return status;
}

/* ---- state ---- */

static void list_classes(const trainee *t, wn_state *state, const char *prefix, float *vectors)
{
    wn_state_add(state, prefix, "arcface.weight", 2,
                 (uint64_t[]){(uint64_t)t->data.classes, (uint64_t)t->network->embedding}, vectors);
}

static void list_state(wn_engine *engine, wn_state *state)
{
    trainee *t = (trainee *)engine;
    const wn_network *network = t->network;
    wn_state_add_network(state, "", network, wn_model_params(t->model)->data, network->total);
    list_classes(t, state, "", wn_model_class_vectors(t->model));
    wn_state_add_network(state, "optimizer.", network, wn_model_momentum(t->model), network->trainable);
    list_classes(t, state, "optimizer.", wn_model_class_momentum(t->model));
    wn_state_add_network(state, "best.", network, t->best, network->total);
    list_classes(t, state, "best.", t->best_class);
}

static void keep_best(wn_engine *engine)
{
    trainee *t = (trainee *)engine;
    memcpy(t->best, wn_model_params(t->model)->data, t->network->total * sizeof(float));
    memcpy(t->best_class, wn_model_class_vectors(t->model), class_count(t) * sizeof(float));
}

static void restore_best(wn_engine *engine)
{
    trainee *t = (trainee *)engine;
    memcpy(t->params->data, t->best, t->network->total * sizeof(float));
    memcpy(t->class_vectors, t->best_class, class_count(t) * sizeof(float));
}

/* ---- life ---- */

static winnow_status create_loader(const trainee *t, const wn_preprocess *preprocess,
                                   const char *const *normal, const int *normal_class, int normals,
                                   const char *const *abnormal, int abnormals, bool augment,
                                   wn_loader **loader, winnow_error *error)
{
    wn_loader_photo *photo = malloc(((size_t)normals + (size_t)abnormals + 1) * sizeof *photo);
    if (!photo)
        return wn_fail_memory(error);
    for (int i = 0; i < normals; i++)
        photo[i] = (wn_loader_photo){normal[i], normal_class ? normal_class[i] : 1};
    for (int i = 0; i < abnormals; i++)
        photo[normals + i] = (wn_loader_photo){abnormal[i], 0};
    const wn_loader_options options = {.preprocess = preprocess,
                                       .augment = augment ? t->recipe->augment : WN_AUGMENT_NONE,
                                       .threads = t->data.threads,
                                       .cache_bytes =
                                           ((size_t)t->data.cache_mb << 20) / 4 * (augment ? 3 : 1),
                                       .max_bad = t->data.max_bad,
                                       .bad = t->data.bad,
                                       .context = t->data.context};
    winnow_status status = wn_loader_create(&options, photo, normals + abnormals, loader, error);
    free(photo);
    return status;
}

static bool allocate(trainee *t)
{
    const size_t pairs = 2 * (size_t)t->data.normals;
    t->best = calloc(t->network->total, sizeof(float));
    t->best_class = calloc(class_count(t), sizeof(float));
    t->order = malloc(pairs * sizeof *t->order);
    t->item = malloc(pairs * sizeof *t->item);
    t->scratch = malloc(((size_t)t->data.abnormals + 1) * sizeof *t->scratch);
    t->label = malloc((size_t)t->recipe->batch * sizeof *t->label);
    t->validation = malloc(((size_t)valid_count(t) + 1) * (size_t)t->network->embedding * sizeof(float));
    return t->best && t->best_class && t->order && t->item && t->scratch && t->label && t->validation;
}

/* The network as it is before the first step. */
static winnow_status keep_start(trainee *t, winnow_error *error)
{
    winnow_status status = wn_plan_create(t->network, t->params, WN_PRECISION_FP32, &t->start, error);
    if (status)
        return status;
    t->plan_scratch = (wn_plan_scratch(t->start, 1) + 63) / 64 * 64;
    t->scratch_of_plan = aligned_alloc(64, t->plan_scratch * (size_t)wn_pool_threads(t->pool));
    return t->scratch_of_plan ? WINNOW_OK : wn_fail_memory(error);
}

static winnow_status create_model(trainee *t, wn_pool *pool, winnow_error *error)
{
    /* two blocks of expansion, depthwise and projection, and the last convolution */
    enum { LAST_LAYERS = 7 };
    const bool early = t->recipe->freeze == WN_FREEZE_EARLY;
    const wn_model_options options = {.batch = t->recipe->batch,
                                      .first_trainable = early ? t->network->count - LAST_LAYERS : 0,
                                      .classes = t->data.classes,
                                      .margin = (float)(t->recipe->margin * M_PI / 180),
                                      .scale = (float)t->recipe->scale,
                                      .keep = (float)t->recipe->keep,
                                      .bf16 = t->recipe->bf16};
    winnow_status status = wn_model_create(t->network, &options, pool, &t->model, error);
    if (status)
        return status;
    memcpy(wn_model_params(t->model)->data, t->params->data, t->network->total * sizeof(float));
    memcpy(wn_model_class_vectors(t->model), t->class_vectors, class_count(t) * sizeof(float));
    t->pool = pool;
    return t->recipe->keep > 0 ? keep_start(t, error) : WINNOW_OK;
}

winnow_status wn_engine_network_create(const wn_train_recipe *recipe, uint64_t seed,
                                       const wn_network *network, const wn_preprocess *preprocess,
                                       const wn_network_data *data, wn_pool *pool, wn_params *params,
                                       float *class_vectors, wn_engine **engine, winnow_error *error)
{
    if (2 * data->normals < recipe->batch || !data->abnormals || !data->valid_normals ||
        !data->valid_abnormals)
        return wn_fail(error, WINNOW_ERROR_DATA, -1,
                       "%d normal and %d abnormal photos to train on, %d and %d to validate on: too few for "
                       "batches of %d",
                       data->normals, data->abnormals, data->valid_normals, data->valid_abnormals,
                       recipe->batch);
    trainee *t = calloc(1, sizeof *t);
    if (!t)
        return wn_fail_memory(error);
    *t = (trainee){.engine = {.steps = 2 * data->normals / recipe->batch,
                              .begin_epoch = begin_epoch,
                              .step = step,
                              .validate = validate,
                              .list_state = list_state,
                              .keep_best = keep_best,
                              .restore_best = restore_best},
                   .recipe = recipe,
                   .network = network,
                   .data = *data,
                   .seed = seed,
                   .params = params,
                   .class_vectors = class_vectors};
    winnow_status status = allocate(t) ? create_model(t, pool, error) : wn_fail_memory(error);
    if (!status)
        status = create_loader(t, preprocess, data->normal, data->normal_class, data->normals, data->abnormal,
                               data->abnormals, true, &t->loader, error);
    if (!status)
        status = create_loader(t, preprocess, data->valid_normal, NULL, data->valid_normals,
                               data->valid_abnormal, data->valid_abnormals, false, &t->valid_loader, error);
    if (status)
        wn_engine_network_free(&t->engine);
    else
        *engine = &t->engine;
    return status;
}

void wn_engine_network_free(wn_engine *engine)
{
    trainee *t = (trainee *)engine;
    if (!t)
        return;
    wn_loader_free(t->loader);
    wn_loader_free(t->valid_loader);
    wn_model_free(t->model);
    wn_plan_free(t->start);
    free(t->scratch_of_plan);
    free(t->best);
    free(t->best_class);
    free(t->order);
    free(t->item);
    free(t->scratch);
    free(t->label);
    free(t->validation);
    free(t);
}
