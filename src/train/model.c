/* SPDX-License-Identifier: Apache-2.0
 * Owns the weights, the optimizer's state and the loss; an engine runs the layers. */
#include "model_state.h"

#include "arcface.h"
#include "keep.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

enum { MAX_BATCH = 4096, MAX_CLASSES = 65536 };

void *wn_model_alloc(size_t count, size_t size)
{
    const size_t huge = (size_t)2 << 20, slack = 64;
    if (size && count > (SIZE_MAX - huge - slack) / size)
        return NULL;
    const size_t align = count * size >= huge ? huge : 64;
    const size_t bytes = (count * size + slack + align - 1) / align * align;
    void *block = aligned_alloc(align, bytes);
    if (!block)
        return NULL;
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    if (align == huge)
        (void)madvise(block, bytes, MADV_HUGEPAGE); /* only a hint */
#endif
    return memset(block, 0, bytes);
}

size_t wn_layer_outputs(const wn_layer *layer, int n)
{
    return (size_t)n * layer->out * layer->out * layer->cout;
}

void wn_update_running(const wn_model *model, const wn_layer *layer, size_t rows, const float *mean,
                       const float *var)
{
    const float m = model->network.architecture->norm_momentum;
    const float unbiased = (float)rows / (float)(rows - 1);
    float *running_mean = model->params.data + layer->mean, *running_var = model->params.data + layer->var;
    for (int c = 0; c < layer->cout; c++) {
        running_mean[c] = (1 - m) * running_mean[c] + m * mean[c];
        running_var[c] = (1 - m) * running_var[c] + m * var[c] * unbiased;
    }
}

static winnow_status check_options(const wn_network *network, const wn_model_options *options,
                                   winnow_error *error)
{
    if (options->batch < 1 || options->batch > MAX_BATCH)
        return wn_fail(error, WINNOW_ERROR_ARGUMENT, -1, "batch size %d is outside 1 to %d", options->batch,
                       MAX_BATCH);
    if (options->classes < 2 || options->classes > MAX_CLASSES)
        return wn_fail(error, WINNOW_ERROR_ARGUMENT, -1, "%d classes: ArcFace needs 2 to %d",
                       options->classes, MAX_CLASSES);
    if (!(options->margin >= 0 && options->margin < 1.5f && options->scale > 0 && options->scale < 1e4f))
        return wn_fail(error, WINNOW_ERROR_ARGUMENT, -1,
                       "ArcFace margin %g (radians) or scale %g is out of range: 0 to 1.5, and 0 to 10000",
                       (double)options->margin, (double)options->scale);
    if (options->first_trainable < 0 || options->first_trainable > network->count)
        return wn_fail(error, WINNOW_ERROR_ARGUMENT, -1, "first trainable layer %d is outside 0 to %d",
                       options->first_trainable, network->count);
    return WINNOW_OK;
}

static wn_arcface arcface_of(const wn_model *model)
{
    return (wn_arcface){model->network.embedding, model->options.classes, model->options.margin,
                        model->options.scale};
}

static winnow_status allocate(wn_model *model, winnow_error *error)
{
    const wn_network *network = &model->network;
    const size_t batch = (size_t)model->options.batch, trainable = network->trainable;
    const size_t classes = (size_t)model->options.classes * network->embedding;
    const wn_arcface loss = arcface_of(model);
    model->gradients = wn_model_alloc(trainable, sizeof(float));
    model->momentum = wn_model_alloc(trainable, sizeof(float));
    model->class_vectors = wn_model_alloc(classes, sizeof(float));
    model->class_momentum = wn_model_alloc(classes, sizeof(float));
    model->class_gradients = wn_model_alloc(classes, sizeof(float));
    model->input = wn_model_alloc(batch * network->input * network->input * 3, sizeof(float));
    model->features = wn_model_alloc(batch * network->features, sizeof(float));
    model->embedding = wn_model_alloc(batch * network->embedding, sizeof(float));
    model->d_embedding = wn_model_alloc(batch * network->embedding, sizeof(float));
    model->loss_scratch = wn_model_alloc(1, wn_arcface_scratch(&loss));
    if (!model->gradients || !model->momentum || !model->class_vectors || !model->class_momentum ||
        !model->class_gradients || !model->input || !model->features || !model->embedding ||
        !model->d_embedding || !model->loss_scratch)
        return wn_fail_memory(error);
    if (model->options.keep > 0) {
        model->target = wn_model_alloc(batch * network->features, sizeof(float));
        model->d_keep = wn_model_alloc(batch * network->features, sizeof(float));
        if (!model->target || !model->d_keep)
            return wn_fail_memory(error);
    }
    return wn_params_create(network, &model->params, error);
}

winnow_status wn_model_create(const wn_network *network, const wn_model_options *options, wn_pool *pool,
                              wn_model **result, winnow_error *error)
{
    winnow_status status = check_options(network, options, error);
    if (status)
        return status;
    wn_model *model = calloc(1, sizeof *model);
    if (!model)
        return wn_fail_memory(error);
    model->network = *network;
    model->options = *options;
    model->pool = pool;
    model->engine = options->plain ? &wn_engine_plain : &wn_engine_fast;
    status = allocate(model, error);
    if (!status)
        status = model->engine->create(model, error);
    if (status)
        wn_model_free(model);
    else
        *result = model;
    return status;
}

void wn_model_free(wn_model *model)
{
    if (!model)
        return;
    model->engine->destroy(model);
    wn_params_free(&model->params);
    free(model->gradients);
    free(model->momentum);
    free(model->class_vectors);
    free(model->class_momentum);
    free(model->class_gradients);
    free(model->input);
    free(model->features);
    free(model->embedding);
    free(model->d_embedding);
    free(model->target);
    free(model->d_keep);
    free(model->loss_scratch);
    free(model);
}

wn_params *wn_model_params(wn_model *model)
{
    return &model->params;
}

float *wn_model_momentum(wn_model *model)
{
    return model->momentum;
}

float *wn_model_class_vectors(wn_model *model)
{
    return model->class_vectors;
}

float *wn_model_class_momentum(wn_model *model)
{
    return model->class_momentum;
}

float *wn_model_gradients(wn_model *model)
{
    return model->gradients;
}

float *wn_model_class_gradients(wn_model *model)
{
    return model->class_gradients;
}

float *wn_model_input(wn_model *model)
{
    return model->input;
}

float *wn_model_target(wn_model *model)
{
    return model->target;
}

float wn_model_train(wn_model *model, int n, const int *labels)
{
    const wn_arcface loss = arcface_of(model);
    model->engine->forward(model, n, true, NULL);
    double value = wn_arcface_loss(&loss, n, model->embedding, model->class_vectors, labels,
                                   model->d_embedding, model->class_gradients, model->loss_scratch);
    if (model->d_keep)
        value += wn_keep_loss(n, model->network.features, model->options.keep, model->features, model->target,
                              model->d_keep);
    model->engine->backward(model, n);
    return (float)value;
}

void wn_model_evaluate(wn_model *model, int n, float *embedding, float *features, float *bottleneck)
{
    model->engine->forward(model, n, false, bottleneck);
    if (embedding)
        memcpy(embedding, model->embedding, (size_t)n * model->network.embedding * sizeof(float));
    if (features)
        memcpy(features, model->features, (size_t)n * model->network.features * sizeof(float));
}
