/* SPDX-License-Identifier: Apache-2.0
 * The two tables, and their expansion into layers, offsets and tensor names. */
#include "network.h"

#include "memory.h"

#include "random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const wn_architecture architectures[] = {
    /* Sandler et al., arXiv 1801.04381, table 2, as torchvision builds it. */
    {
        .name = "mobilenet_v2",
        .stem = 32,
        .head = 1280,
        .scale_stem_and_head = true,
        .padding = WN_PADDING_SYMMETRIC,
        .norm_epsilon = 1e-5f,
        .norm_momentum = 0.1f,
        .row_count = 7,
        .row = {{3, 1, 1, 1, 16},
                {3, 2, 2, 6, 24},
                {3, 3, 2, 6, 32},
                {3, 4, 2, 6, 64},
                {3, 3, 1, 6, 96},
                {3, 3, 2, 6, 160},
                {3, 1, 1, 6, 320}},
    },
    /* Google's "lite" EfficientNet: no squeeze-excite, ReLU6, stem and head fixed (tensorflow/tpu,
     * efficientnet/lite). Its batch norm keeps 0.99 of the old statistics. */
    {
        .name = "efficientnet_lite0",
        .stem = 32,
        .head = 1280,
        .scale_stem_and_head = false,
        .padding = WN_PADDING_SAME,
        .norm_epsilon = 1e-3f,
        .norm_momentum = 0.01f,
        .row_count = 7,
        .row = {{3, 1, 1, 1, 16},
                {3, 2, 2, 6, 24},
                {5, 2, 2, 6, 40},
                {3, 3, 2, 6, 80},
                {5, 3, 1, 6, 112},
                {5, 4, 2, 6, 192},
                {3, 1, 1, 6, 320}},
    },
};

const wn_architecture *wn_architecture_at(int index)
{
    const int count = sizeof architectures / sizeof *architectures;
    return index >= 0 && index < count ? &architectures[index] : NULL;
}

const wn_architecture *wn_architecture_find(const char *name)
{
    for (int i = 0; wn_architecture_at(i); i++)
        if (name && !strcmp(architectures[i].name, name))
            return &architectures[i];
    return NULL;
}

/* torchvision's _make_divisible(channels * width, 8): the nearest multiple of 8, but never below 90%. The
 * width is taken to four decimals, so that the float 0.7f scales like the 0.7 that was meant. */
static int scale_channels(int channels, float width)
{
    const double wanted = channels * (round(width * 1e4) / 1e4);
    int rounded = (int)(wanted + 4) / 8 * 8;
    if (rounded < 8)
        rounded = 8;
    if (rounded < 0.9 * wanted)
        rounded += 8;
    return rounded;
}

int wn_stem_channels(const wn_architecture *architecture, float width)
{
    return scale_channels(architecture->stem, architecture->scale_stem_and_head ? width : 1);
}

/* Appends a layer that reads the last one's output. Names are set by the caller, offsets by place_tensors. */
static wn_layer *add_layer(wn_network *network, wn_layer_kind kind, int kernel, int stride, int cout)
{
    const wn_layer *before = network->count ? &network->layer[network->count - 1] : NULL;
    wn_layer *layer = &network->layer[network->count++];
    *layer = (wn_layer){.kind = kind, .kernel = kernel, .stride = stride, .cout = cout};
    layer->cin = before ? before->cout : 3;
    layer->in = before ? before->out : network->input;
    layer->relu6 = kind != WN_PROJECT;
    layer->residual = -1;
    layer->weight_count = (size_t)cout * kernel * kernel * (kind == WN_DEPTHWISE ? 1 : layer->cin);
    if (network->architecture->padding == WN_PADDING_SAME) {
        layer->out = (layer->in + stride - 1) / stride;
        const int total = (layer->out - 1) * stride + kernel - layer->in;
        layer->pad_before = total > 0 ? total / 2 : 0;
        layer->pad_after = total > 0 ? total - total / 2 : 0;
    } else {
        layer->pad_before = layer->pad_after = (kernel - 1) / 2;
        layer->out = (layer->in + kernel - 1 - kernel) / stride + 1;
    }
    return layer;
}

/* torchvision nests convolution + norm + activation ("conv.0.0", "conv.0.1"), but not the linear projection
 * ("conv.2", "conv.3"). */
static void name_nested(wn_layer *layer, const char *prefix, uint8_t index)
{
    snprintf(layer->conv, sizeof layer->conv, "%s.%d.0", prefix, index);
    snprintf(layer->norm, sizeof layer->norm, "%s.%d.1", prefix, index);
}

static void add_block(wn_network *network, const wn_row *row, int stride, int cout, uint8_t block)
{
    const int input = network->count - 1;
    const int cin = network->layer[input].cout;
    char prefix[24];
    uint8_t index = 0;
    snprintf(prefix, sizeof prefix, "features.%d.conv", block);
    if (row->expansion != 1)
        name_nested(add_layer(network, WN_EXPAND, 1, 1, cin * row->expansion), prefix, index++);
    name_nested(add_layer(network, WN_DEPTHWISE, row->kernel, stride, cin * row->expansion), prefix, index++);
    wn_layer *project = add_layer(network, WN_PROJECT, 1, 1, cout);
    snprintf(project->conv, sizeof project->conv, "%s.%d", prefix, index);
    snprintf(project->norm, sizeof project->norm, "%s.%d", prefix, index + 1);
    if (stride == 1 && cin == cout)
        project->residual = input;
}

/* Everything learned first, in file order, then the running statistics: SGD walks one contiguous range. */
static void place_tensors(wn_network *network)
{
    size_t at = 0;
    for (int i = 0; i < network->count; i++) {
        wn_layer *layer = &network->layer[i];
        layer->weight = at;
        layer->gamma = layer->weight + layer->weight_count;
        layer->beta = layer->gamma + layer->cout;
        at = layer->beta + layer->cout;
        layer->row = network->rows;
        network->rows += layer->cout;
    }
    network->rows += network->embedding;
    network->embedding_weight = at;
    network->embedding_bias = at + (size_t)network->embedding * network->features;
    network->trainable = at = network->embedding_bias + network->embedding;
    for (int i = 0; i < network->count; i++) {
        wn_layer *layer = &network->layer[i];
        layer->mean = at;
        layer->var = at + layer->cout;
        at = layer->var + layer->cout;
    }
    network->total = at;
}

static winnow_status check_parameters(const char *name, float width, int input, int embedding,
                                      winnow_error *error)
{
    if (!wn_architecture_find(name))
        return wn_fail(error, WINNOW_ERROR_UNSUPPORTED, -1,
                       "unknown network '%s' (known: mobilenet_v2, efficientnet_lite0)", name ? name : "");
    /* Compared with a margin, as 0.35f is not exactly 0.35; written so that NaN is refused. */
    if (!(width > 0.3499f && width < 1.4001f))
        return wn_fail(error, WINNOW_ERROR_ARGUMENT, -1, "width multiplier %g is outside 0.35 to 1.4",
                       (double)width);
    if (input < 96 || input > 224)
        return wn_fail(error, WINNOW_ERROR_ARGUMENT, -1, "input size %d is outside 96 to 224", input);
    if (embedding < 8 || embedding > 2048)
        return wn_fail(error, WINNOW_ERROR_ARGUMENT, -1, "embedding size %d is outside 8 to 2048", embedding);
    return WINNOW_OK;
}

winnow_status wn_network_create(const char *architecture, float width, int input, int embedding,
                                wn_network *network, winnow_error *error)
{
    const winnow_status status = check_parameters(architecture, width, input, embedding, error);
    if (status)
        return status;
    const wn_architecture *table = wn_architecture_find(architecture);
    const float outer = table->scale_stem_and_head ? width : 1;
    memset(network, 0, sizeof *network);
    network->architecture = table;
    network->width = width;
    network->input = input;
    network->embedding = embedding;

    uint8_t block = 0;
    name_nested(add_layer(network, WN_STEM, 3, 2, wn_stem_channels(table, width)), "features", block++);
    for (const wn_row *row = table->row; row < table->row + table->row_count; row++) {
        for (int i = 0; i < row->repeats; i++) {
            add_block(network, row, i ? 1 : row->stride, scale_channels(row->channels, width), block++);
            if (!i && 16 * network->layer[network->count - 1].out >= input)
                network->middle = network->count - 1;
        }
        if (4 * network->layer[network->count - 1].out >= input)
            network->early = network->count - 1;
    }
    network->bottleneck = network->layer[network->count - 1].cout;
    network->features = scale_channels(table->head, outer > 1 ? outer : 1);
    wn_layer *last = add_layer(network, WN_LAST, 1, 1, network->features);
    name_nested(last, "features", block);
    network->grid = last->out;
    place_tensors(network);
    return WINNOW_OK;
}

uint64_t wn_network_macs(const wn_network *network)
{
    uint64_t macs = (uint64_t)network->features * network->embedding;
    for (int i = 0; i < network->count; i++) {
        const wn_layer *layer = &network->layer[i];
        macs += (uint64_t)layer->out * layer->out * layer->weight_count;
    }
    return macs;
}

winnow_status wn_params_create(const wn_network *network, wn_params *params, winnow_error *error)
{
    *params = (wn_params){0};
    const size_t bytes = network->total * sizeof(float);
    params->data = wn_allocate(bytes);
    if (!params->data)
        return wn_fail_memory(error);
    memset(params->data, 0, bytes);
    return WINNOW_OK;
}

void wn_params_free(wn_params *params)
{
    free(params->data);
    free(params->scale);
    free(params->bytes);
    *params = (wn_params){0};
}

static void fill(float *values, size_t count, float value)
{
    for (size_t i = 0; i < count; i++)
        values[i] = value;
}

void wn_params_initialise(const wn_network *network, uint64_t seed, wn_params *params)
{
    wn_random random;
    wn_random_seed(&random, seed, 0);
    float *data = params->data;
    for (int i = 0; i < network->count; i++) {
        const wn_layer *layer = &network->layer[i];
        /* He et al., arXiv 1502.01852. PyTorch's fan_out ignores groups, also for depthwise. */
        const double deviation = sqrt(2.0 / ((double)layer->cout * layer->kernel * layer->kernel));
        for (size_t k = 0; k < layer->weight_count; k++)
            data[layer->weight + k] = (float)(deviation * wn_random_normal(&random));
        fill(data + layer->gamma, layer->cout, 1);
        fill(data + layer->beta, layer->cout, 0);
        fill(data + layer->mean, layer->cout, 0);
        fill(data + layer->var, layer->cout, 1);
    }
    const double bound = 1 / sqrt(network->features);
    for (size_t k = network->embedding_weight; k < network->trainable; k++)
        data[k] = (float)wn_random_range(&random, -bound, bound);
}

typedef struct visit_state {
    wn_tensor_visitor visit;
    void *context;
} visit_state;

static int visit_vector(const visit_state *state, const char *prefix, const char *suffix, size_t offset,
                        uint64_t count)
{
    char name[64];
    snprintf(name, sizeof name, "%s.%s", prefix, suffix);
    return state->visit(name, 1, &count, offset, count, state->context);
}

static int visit_layer(const visit_state *state, const wn_layer *layer)
{
    const uint64_t kernel = layer->kernel, cout = layer->cout;
    const uint64_t shape[4] = {cout, layer->kind == WN_DEPTHWISE ? 1 : layer->cin, kernel, kernel};
    char name[64];
    snprintf(name, sizeof name, "%s.weight", layer->conv);
    int stop = state->visit(name, 4, shape, layer->weight, layer->weight_count, state->context);
    if (!stop)
        stop = visit_vector(state, layer->norm, "weight", layer->gamma, cout);
    if (!stop)
        stop = visit_vector(state, layer->norm, "bias", layer->beta, cout);
    if (!stop)
        stop = visit_vector(state, layer->norm, "running_mean", layer->mean, cout);
    if (!stop)
        stop = visit_vector(state, layer->norm, "running_var", layer->var, cout);
    return stop;
}

int wn_network_tensors(const wn_network *network, wn_tensor_visitor visit, void *context)
{
    const visit_state state = {visit, context};
    for (int i = 0; i < network->count; i++) {
        const int stop = visit_layer(&state, &network->layer[i]);
        if (stop)
            return stop;
    }
    const uint64_t shape[2] = {network->embedding, network->features};
    const int stop =
        visit("embedding.weight", 2, shape, network->embedding_weight, shape[0] * shape[1], context);
    return stop ? stop : visit_vector(&state, "embedding", "bias", network->embedding_bias, shape[0]);
}
