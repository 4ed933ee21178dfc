/* SPDX-License-Identifier: Apache-2.0
 * The oracle: one layer after the other in the plain functions of layers_plain.h, every tensor kept. */
#include "../runtime/half.h"
#include "layers_plain.h"
#include "model_state.h"

#include <stdlib.h>
#include <string.h>

typedef struct plain {
    float *z[WN_MAX_LAYERS];  /* convolution output, before the norm */
    float *y[WN_MAX_LAYERS];  /* layer output */
    float *dy[WN_MAX_LAYERS]; /* its gradient: a sum, as a residual gives a layer two readers */
    float *mean[WN_MAX_LAYERS], *var[WN_MAX_LAYERS];
    float *normal, *dz, *dx; /* the size of the largest output */
    float *d_features;       /* (batch, features) */
} plain;

static winnow_status create(wn_model *model, winnow_error *error)
{
    const wn_network *network = &model->network;
    plain *p = calloc(1, sizeof *p);
    if (!p)
        return wn_fail_memory(error);
    model->engine_state = p;
    size_t largest = 0;
    bool all = true;
    for (int l = 0; l < network->count; l++) {
        const size_t count = wn_layer_outputs(&network->layer[l], model->options.batch);
        largest = count > largest ? count : largest;
        all &= (p->z[l] = wn_model_alloc(count, sizeof(float))) != NULL;
        all &= (p->y[l] = wn_model_alloc(count, sizeof(float))) != NULL;
        all &= (p->dy[l] = wn_model_alloc(count, sizeof(float))) != NULL;
        all &= (p->mean[l] = wn_model_alloc(network->layer[l].cout, sizeof(float))) != NULL;
        all &= (p->var[l] = wn_model_alloc(network->layer[l].cout, sizeof(float))) != NULL;
    }
    all &= (p->normal = wn_model_alloc(largest, sizeof(float))) != NULL;
    all &= (p->dz = wn_model_alloc(largest, sizeof(float))) != NULL;
    all &= (p->dx = wn_model_alloc(largest, sizeof(float))) != NULL;
    p->d_features = wn_model_alloc((size_t)model->options.batch * network->features, sizeof(float));
    return all && p->d_features ? WINNOW_OK : wn_fail_memory(error);
}

static void destroy(wn_model *model)
{
    plain *p = model->engine_state;
    if (!p)
        return;
    for (int l = 0; l < model->network.count; l++) {
        free(p->z[l]);
        free(p->y[l]);
        free(p->dy[l]);
        free(p->mean[l]);
        free(p->var[l]);
    }
    free(p->normal);
    free(p->dz);
    free(p->dx);
    free(p->d_features);
    free(p);
}

/* To bfloat16 and back, as the fast engine stores values where bf16 is asked for: not those of projections.
 */
static void store_narrow(const wn_model *model, const wn_layer *layer, size_t count, float *values)
{
    if (!model->options.bf16 || layer->kind == WN_PROJECT)
        return;
    for (size_t i = 0; i < count; i++)
        values[i] = wn_bf16_to_float(wn_bf16_from_float(values[i]));
}

static void forward_layer(wn_model *model, int l, int n, bool training)
{
    const plain *p = model->engine_state;
    const wn_layer *layer = &model->network.layer[l];
    const float *w = model->params.data;
    const size_t count = wn_layer_outputs(layer, n), rows = count / layer->cout;
    wn_plain_convolution(n, layer, l ? p->y[l - 1] : model->input, w + layer->weight, p->z[l]);
    store_narrow(model, layer, count, p->z[l]);
    if (training && l >= model->options.first_trainable) {
        wn_plain_moments(rows, layer->cout, p->z[l], p->mean[l], p->var[l]);
        wn_update_running(model, layer, rows, p->mean[l], p->var[l]);
    } else {
        memcpy(p->mean[l], w + layer->mean, layer->cout * sizeof(float));
        memcpy(p->var[l], w + layer->var, layer->cout * sizeof(float));
    }
    wn_plain_normalise(rows, layer->cout, p->z[l], p->mean[l], p->var[l],
                       model->network.architecture->norm_epsilon, w + layer->gamma, w + layer->beta, p->y[l]);
    if (layer->relu6)
        wn_plain_relu6(count, p->y[l], p->y[l]);
    for (size_t i = 0; layer->residual >= 0 && i < count; i++)
        p->y[l][i] += p->y[layer->residual][i];
}

static void forward(wn_model *model, int n, bool training, float *bottleneck)
{
    const plain *p = model->engine_state;
    const wn_network *network = &model->network;
    const float *w = model->params.data;
    const int last = network->count - 1, positions = network->grid * network->grid;
    for (int l = 0; l <= last; l++)
        forward_layer(model, l, n, training);
    if (bottleneck)
        wn_plain_mean(n, positions, network->bottleneck, p->y[last - 1], bottleneck);
    wn_plain_mean(n, positions, network->features, p->y[last], model->features);
    wn_plain_linear(n, network->features, network->embedding, model->features, w + network->embedding_weight,
                    w + network->embedding_bias, model->embedding);
}

static void add(size_t count, const float *from, float *to)
{
    for (size_t i = 0; i < count; i++)
        to[i] += from[i];
}

static void backward_layer(wn_model *model, int l, int n)
{
    const plain *p = model->engine_state;
    const wn_layer *layer = &model->network.layer[l];
    const float *w = model->params.data;
    float *g = model->gradients;
    const int first = model->options.first_trainable;
    const size_t count = wn_layer_outputs(layer, n), rows = count / layer->cout;
    const float epsilon = model->network.architecture->norm_epsilon;
    if (layer->residual >= first)
        add(count, p->dy[l], p->dy[layer->residual]);
    if (layer->relu6) {
        wn_plain_normalise(rows, layer->cout, p->z[l], p->mean[l], p->var[l], epsilon, w + layer->gamma,
                           w + layer->beta, p->normal);
        wn_plain_relu6_backward(count, p->normal, p->dy[l], p->dy[l]);
    }
    store_narrow(model, layer, count, p->dy[l]);
    wn_plain_normalise_backward(rows, layer->cout, p->z[l], p->mean[l], p->var[l], epsilon, w + layer->gamma,
                                p->dy[l], p->dz, g + layer->gamma, g + layer->beta);
    wn_plain_convolution_backward(n, layer, l ? p->y[l - 1] : model->input, w + layer->weight, p->dz,
                                  l > first ? p->dx : NULL, g + layer->weight);
    if (l > first)
        add((size_t)n * layer->in * layer->in * layer->cin, p->dx, p->dy[l - 1]);
}

static void backward(wn_model *model, int n)
{
    const plain *p = model->engine_state;
    const wn_network *network = &model->network;
    const int last = network->count - 1;
    float *g = model->gradients;
    wn_plain_linear_backward(n, network->features, network->embedding, model->features,
                             model->params.data + network->embedding_weight, model->d_embedding,
                             p->d_features, g + network->embedding_weight, g + network->embedding_bias);
    if (model->d_keep)
        add((size_t)n * network->features, model->d_keep, p->d_features);
    for (int l = 0; l < last; l++)
        memset(p->dy[l], 0, wn_layer_outputs(&network->layer[l], n) * sizeof(float));
    wn_plain_mean_backward(n, network->grid * network->grid, network->features, p->d_features, p->dy[last]);
    for (int l = last; l >= model->options.first_trainable; l--)
        backward_layer(model, l, n);
}

const wn_engine wn_engine_plain = {create, destroy, forward, backward};
