/* SPDX-License-Identifier: Apache-2.0
 * e = W f + b on cached features, ArcFace on e, SGD. Work is split between threads by rows of W: each thread
 * owns its rows, in the forward pass, in the gradient and in the update, so that results do not depend on the
 * number of threads. */
#include "engine_head.h"

#include "../runtime/random.h"
#include "arcface.h"
#include "order.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct head {
    wn_engine engine; /* first: a wn_engine * is a head * */
    const wn_train_recipe *recipe;
    wn_head_data data;
    wn_arcface loss;
    wn_pool *pool;
    uint64_t seed;
    int size, embedding, batch;
    /* parameters, their momentum, and the best so far: weight, bias, class vectors one after the other */
    float *weight, *bias, *classes;
    float *momentum, *best;
    /* one batch */
    const float **row;               /* [batch] features */
    int *label;                      /* [batch] */
    float *output, *output_gradient; /* (batch, embedding) */
    float *class_gradient;           /* (classes, embedding) */
    void *loss_scratch;
    double rate;
    /* one epoch */
    wn_order_entry *order;
    int *scratch;
    int next;
    float *validation; /* (valid_normals + valid_abnormals, embedding) */
} head;

static size_t weight_count(const head *h)
{
    return (size_t)h->embedding * (size_t)h->size;
}

static size_t class_count(const head *h)
{
    return (size_t)h->data.classes * (size_t)h->embedding;
}

static size_t parameter_count(const head *h)
{
    return weight_count(h) + (size_t)h->embedding + class_count(h);
}

static float dot(const float *restrict a, const float *restrict b, int size)
{
    float lane[16] = {0}; /* as many chains as the widest vectors have lanes */
    int i = 0;
    for (; i + 16 <= size; i += 16)
        for (int j = 0; j < 16; j++)
            lane[j] += a[i + j] * b[i + j];
    float sum = 0;
    for (; i < size; i++)
        sum += a[i] * b[i];
    for (int j = 0; j < 16; j++)
        sum += lane[j];
    return sum;
}

/* ---- one step ---- */

static void forward_output(void *context, int unit, int worker)
{
    (void)worker;
    head *h = context;
    const float *weight = h->weight + (size_t)unit * (size_t)h->size;
    for (int n = 0; n < h->batch; n++)
        h->output[(size_t)n * (size_t)h->embedding + (size_t)unit] =
            dot(weight, h->row[n], h->size) + h->bias[unit];
}

/* Gradient and SGD update of one row of W and its bias: g += decay * w; v = momentum * v + g; w -= rate * v.
 */
static void update_output(void *context, int unit, int worker)
{
    (void)worker;
    head *h = context;
    const int size = h->size;
    const float rate = (float)h->rate, keep = (float)h->recipe->momentum,
                decay = (float)h->recipe->weight_decay;
    float *restrict weight = h->weight + (size_t)unit * (size_t)size;
    float *restrict velocity = h->momentum + (size_t)unit * (size_t)size;
    for (int i = 0; i < size; i++)
        velocity[i] = keep * velocity[i] + decay * weight[i];
    float bias_gradient = 0;
    for (int n = 0; n < h->batch; n++) {
        const float g = h->output_gradient[(size_t)n * (size_t)h->embedding + (size_t)unit];
        const float *restrict feature = h->row[n];
        bias_gradient += g;
        for (int i = 0; i < size; i++)
            velocity[i] += g * feature[i];
    }
    for (int i = 0; i < size; i++)
        weight[i] -= rate * velocity[i];
    float *bias_velocity = h->momentum + weight_count(h) + unit;
    *bias_velocity =
        keep * *bias_velocity + bias_gradient + (h->recipe->decay_all ? decay * h->bias[unit] : 0);
    h->bias[unit] -= rate * *bias_velocity;
}

static winnow_status step(wn_engine *engine, double rate, double *loss, winnow_error *error)
{
    (void)error;
    head *h = (head *)engine;
    for (int n = 0; n < h->batch; n++) {
        wn_order_entry entry = h->order[h->next++];
        h->row[n] = (entry.label ? h->data.normal : h->data.abnormal) + (size_t)entry.index * (size_t)h->size;
        h->label[n] = entry.label ? h->data.normal_class[entry.index] : 0;
    }
    wn_pool_run(h->pool, h->embedding, forward_output, h);
    *loss = wn_arcface_loss(&h->loss, h->batch, h->output, h->classes, h->label, h->output_gradient,
                            h->class_gradient, h->loss_scratch);
    h->rate = rate;
    wn_pool_run(h->pool, h->embedding, update_output, h);
    const float class_rate = (float)(rate * h->recipe->class_rate / h->recipe->learning_rate);
    for (size_t i = 0; i < class_count(h); i++)
        h->classes[i] -= class_rate * h->class_gradient[i];
    return WINNOW_OK;
}

static winnow_status begin_epoch(wn_engine *engine, int epoch, int first_step, winnow_error *error)
{
    (void)error;
    head *h = (head *)engine;
    wn_epoch_order(h->data.normals, h->data.abnormals, h->seed, epoch, h->order, h->scratch);
    h->next = first_step * h->batch;
    return WINNOW_OK;
}

/* ---- validation ---- */

static void embed_one(void *context, int index, int worker)
{
    (void)worker;
    head *h = context;
    const wn_head_data *data = &h->data;
    const float *feature =
        index < data->valid_normals
            ? data->valid_normal + (size_t)index * (size_t)h->size
            : data->valid_abnormal + (size_t)(index - data->valid_normals) * (size_t)h->size;
    for (int unit = 0; unit < h->embedding; unit++)
        h->validation[(size_t)index * (size_t)h->embedding + (size_t)unit] =
            dot(h->weight + (size_t)unit * (size_t)h->size, feature, h->size) + h->bias[unit];
}

static winnow_status validate(wn_engine *engine, wn_validation *validation, winnow_error *error)
{
    (void)error;
    head *h = (head *)engine;
    wn_pool_run(h->pool, h->data.valid_normals + h->data.valid_abnormals, embed_one, h);
    *validation = (wn_validation){h->validation, h->embedding, (size_t)h->data.valid_normals,
                                  (size_t)h->data.valid_abnormals};
    return WINNOW_OK;
}

/* ---- state ---- */

static void list_part(head *h, wn_state *state, const char *prefix, float *weight, float *bias,
                      float *classes)
{
    wn_state_add(state, prefix, "embedding.weight", 2,
                 (uint64_t[]){(uint64_t)h->embedding, (uint64_t)h->size}, weight);
    wn_state_add(state, prefix, "embedding.bias", 1, (uint64_t[]){(uint64_t)h->embedding}, bias);
    wn_state_add(state, prefix, "arcface.weight", 2,
                 (uint64_t[]){(uint64_t)h->data.classes, (uint64_t)h->embedding}, classes);
}

static void list_state(wn_engine *engine, wn_state *state)
{
    head *h = (head *)engine;
    const size_t bias = weight_count(h), classes = bias + (size_t)h->embedding;
    list_part(h, state, "", h->weight, h->bias, h->classes);
    list_part(h, state, "optimizer.", h->momentum, h->momentum + bias, h->momentum + classes);
    list_part(h, state, "best.", h->best, h->best + bias, h->best + classes);
}

static void keep_best(wn_engine *engine)
{
    head *h = (head *)engine;
    const size_t weights = weight_count(h), units = (size_t)h->embedding;
    memcpy(h->best, h->weight, weights * sizeof(float));
    memcpy(h->best + weights, h->bias, units * sizeof(float));
    memcpy(h->best + weights + units, h->classes, class_count(h) * sizeof(float));
}

static void restore_best(wn_engine *engine)
{
    head *h = (head *)engine;
    const size_t weights = weight_count(h), units = (size_t)h->embedding;
    memcpy(h->weight, h->best, weights * sizeof(float));
    memcpy(h->bias, h->best + weights, units * sizeof(float));
    memcpy(h->classes, h->best + weights + units, class_count(h) * sizeof(float));
}

static bool allocate(head *h)
{
    const size_t batch = (size_t)h->batch, units = (size_t)h->embedding;
    const size_t valid = (size_t)(h->data.valid_normals + h->data.valid_abnormals);
    h->momentum = calloc(parameter_count(h), sizeof(float));
    h->best = calloc(parameter_count(h), sizeof(float));
    h->row = malloc(batch * sizeof *h->row);
    h->label = malloc(batch * sizeof *h->label);
    h->output = malloc(batch * units * sizeof(float));
    h->output_gradient = malloc(batch * units * sizeof(float));
    h->loss_scratch = malloc(wn_arcface_scratch(&h->loss));
    h->class_gradient = malloc(class_count(h) * sizeof(float));
    h->order = malloc(2 * (size_t)h->data.normals * sizeof *h->order);
    h->scratch = malloc((size_t)h->data.abnormals * sizeof *h->scratch);
    h->validation = malloc((valid + 1) * units * sizeof(float));
    return h->momentum && h->best && h->row && h->label && h->output && h->output_gradient &&
           h->class_gradient && h->loss_scratch && h->order && h->scratch && h->validation;
}

winnow_status wn_engine_head_create(const wn_train_recipe *recipe, uint64_t seed, const wn_head_data *data,
                                    wn_pool *pool, float *weight, float *bias, float *class_vectors,
                                    wn_engine **engine, winnow_error *error)
{
    if (2 * data->normals < recipe->batch || data->abnormals < 1)
        return wn_fail(error, WINNOW_ERROR_DATA, -1,
                       "%d normal and %d abnormal photos to train on: a batch of %d needs more",
                       data->normals, data->abnormals, recipe->batch);
    head *h = calloc(1, sizeof *h);
    if (!h)
        return wn_fail_memory(error);
    *h = (head){.engine = {.steps = 2 * data->normals / recipe->batch,
                           .begin_epoch = begin_epoch,
                           .step = step,
                           .validate = validate,
                           .list_state = list_state,
                           .keep_best = keep_best,
                           .restore_best = restore_best},
                .recipe = recipe,
                .data = *data,
                .loss = {.size = recipe->embedding,
                         .classes = data->classes,
                         .margin = (float)(recipe->margin * M_PI / 180),
                         .scale = (float)recipe->scale},
                .pool = pool,
                .seed = seed,
                .size = data->size,
                .embedding = recipe->embedding,
                .batch = recipe->batch,
                .weight = weight,
                .bias = bias,
                .classes = class_vectors};
    if (!allocate(h)) {
        wn_engine_head_free(&h->engine);
        return wn_fail_memory(error);
    }
    *engine = &h->engine;
    return WINNOW_OK;
}

void wn_engine_head_free(wn_engine *engine)
{
    head *h = (head *)engine;
    if (!h)
        return;
    free(h->momentum);
    free(h->best);
    free(h->row);
    free(h->label);
    free(h->output);
    free(h->output_gradient);
    free(h->class_gradient);
    free(h->loss_scratch);
    free(h->order);
    free(h->scratch);
    free(h->validation);
    free(h);
}

void wn_head_apply(const wn_network *network, const wn_params *params, const float *features,
                   float *embedding)
{
    const float *weight = params->data + network->embedding_weight,
                *bias = params->data + network->embedding_bias;
    for (int unit = 0; unit < network->embedding; unit++)
        embedding[unit] =
            dot(weight + (size_t)unit * (size_t)network->features, features, network->features) + bias[unit];
}

void wn_class_vectors_initialise(int classes, int size, uint64_t seed, float *vectors)
{
    enum { STREAM = 0x3000000 };
    const double deviation = sqrt(2.0 / (classes + size));
    wn_random random;
    wn_random_seed(&random, seed, STREAM);
    for (int i = 0; i < classes * size; i++)
        vectors[i] = (float)(deviation * wn_random_normal(&random));
}
