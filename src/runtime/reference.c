/* SPDX-License-Identifier: Apache-2.0
 * The oracle of the inference plan: every layer as its definition says, in the order of the table, nothing
 * folded, packed or fused. Sums run in float64 and every map is kept in float32. */
#include "plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The tap at row dy, column dx of the filter that is centred on output (y, x); NULL in the zero padding. */
static const float *tap(const wn_layer *layer, const float *in, int y, int x, int dy, int dx)
{
    const int row = y * layer->stride - layer->pad_before + dy;
    const int column = x * layer->stride - layer->pad_before + dx;
    if (row < 0 || row >= layer->in || column < 0 || column >= layer->in)
        return NULL;
    return in + ((size_t)row * layer->in + column) * layer->cin;
}

/* Output channel c at (y, x), before the norm. */
static double convolve(const wn_layer *layer, const float *weight, const float *in, int y, int x, int c)
{
    const int kernel = layer->kernel, taps = kernel * kernel;
    double sum = 0;
    for (int t = 0; t < taps; t++) {
        const float *pixel = tap(layer, in, y, x, t / kernel, t % kernel);
        if (!pixel)
            continue;
        if (layer->kind == WN_DEPTHWISE)
            sum += (double)pixel[c] * weight[c * taps + t];
        else
            for (int k = 0; k < layer->cin; k++)
                sum += (double)pixel[k] * weight[((size_t)c * layer->cin + k) * taps + t];
    }
    return sum;
}

static void run_layer(const wn_network *network, const wn_layer *layer, const float *data, const float *in,
                      const float *residual, float *out)
{
    for (int c = 0; c < layer->cout; c++) {
        const double epsilon = network->architecture->norm_epsilon;
        const double scale = data[layer->gamma + c] / sqrt(data[layer->var + c] + epsilon);
        for (int y = 0; y < layer->out; y++)
            for (int x = 0; x < layer->out; x++) {
                const size_t at = ((size_t)y * layer->out + x) * layer->cout + c;
                const double sum = convolve(layer, data + layer->weight, in, y, x, c);
                double value = (sum - data[layer->mean + c]) * scale + data[layer->beta + c];
                if (layer->relu6)
                    value = fmin(fmax(value, 0), 6);
                out[at] = (float)(residual ? value + residual[at] : value);
            }
    }
}

static void mean_over_grid(const wn_layer *layer, const float *map, float *out)
{
    const int pixels = layer->out * layer->out;
    for (int c = 0; out && c < layer->cout; c++) {
        double sum = 0;
        for (int i = 0; i < pixels; i++)
            sum += map[(size_t)i * layer->cout + c];
        out[c] = (float)(sum / pixels);
    }
}

/* (grid, grid, channels): means over the part of a map that lies under each pixel of the last one. */
static void mean_over_parts(const wn_layer *layer, const float *map, int grid, float *out)
{
    for (int y = 0; y < grid; y++)
        for (int x = 0; x < grid; x++)
            for (int c = 0; c < layer->cout; c++) {
                const int bottom = (y + 1) * layer->out / grid, right = (x + 1) * layer->out / grid;
                double sum = 0;
                int count = 0;
                for (int row = y * layer->out / grid; row < bottom; row++)
                    for (int column = x * layer->out / grid; column < right; column++, count++)
                        sum += map[((size_t)row * layer->out + column) * layer->cout + c];
                *out++ = (float)(sum / count);
            }
}

static size_t map_size(const wn_layer *layer)
{
    return (size_t)layer->out * layer->out * layer->cout;
}

static void copy(float *to, const float *from, size_t count)
{
    if (to)
        memcpy(to, from, count * sizeof *to);
}

static void embed(const wn_network *network, const float *data, const float *features, float *out)
{
    for (int e = 0; e < network->embedding; e++) {
        double sum = data[network->embedding_bias + e];
        for (int k = 0; k < network->features; k++)
            sum += (double)features[k] * data[network->embedding_weight + (size_t)e * network->features + k];
        out[e] = (float)sum;
    }
}

winnow_status wn_plan_reference(const wn_network *network, const wn_params *params, const float *image,
                                const wn_outputs *outputs, winnow_error *error)
{
    size_t total = network->features;
    for (int i = 0; i < network->count; i++)
        total += map_size(&network->layer[i]);
    float *memory = malloc(total * sizeof *memory);
    if (!memory)
        return wn_fail_memory(error);

    const float *map[WN_MAX_LAYERS];
    float *next = memory + network->features;
    for (int i = 0; i < network->count; i++) {
        const wn_layer *layer = &network->layer[i];
        run_layer(network, layer, params->data, i ? map[i - 1] : image,
                  layer->residual >= 0 ? map[layer->residual] : NULL, next);
        for (int o = 0; o < WN_LAYER_OUTPUTS; o++) {
            if (i == outputs->layer[o])
                mean_over_grid(layer, next, outputs->layer_output[o]);
            if (outputs->layer_map[o] && i == outputs->layer[o] && layer->kind == WN_PROJECT)
                mean_over_parts(layer, next, network->grid, outputs->layer_map[o]);
        }
        map[i] = next;
        next += map_size(layer);
    }

    const int last = network->count - 1;
    mean_over_grid(&network->layer[last - 1], map[last - 1], outputs->bottleneck);
    mean_over_grid(&network->layer[last], map[last], memory);
    copy(outputs->bottleneck_map, map[last - 1], map_size(&network->layer[last - 1]));
    copy(outputs->features_map, map[last], map_size(&network->layer[last]));
    copy(outputs->features, memory, network->features);
    if (outputs->embedding)
        embed(network, params->data, memory, outputs->embedding);
    free(memory);
    return WINNOW_OK;
}
