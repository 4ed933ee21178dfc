/* SPDX-License-Identifier: Apache-2.0
 * Weights into the layouts of the kernels, batch norm folded in. */
#include "half.h"
#include "stage.h"

#include <math.h>
#include <string.h>

/* Biases of an int8 plan decide bytes: no fused operations, also where the build cannot say so (a Swift
 * package). */
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

enum { MOST_CHANNELS = 4096 /* 6 * 320 * 1.4, rounded up generously */ };

/* Batch norm as one multiply and add: y = scale x + shift. */
static double fold_scale(const wn_network *network, const wn_layer *layer, const float *data, int channel)
{
    return data[layer->gamma + channel] /
           sqrt((double)data[layer->var + channel] + (double)network->architecture->norm_epsilon);
}

static void fold_shift(const wn_network *network, const wn_layer *layer, const float *data, float *bias)
{
    for (int c = 0; c < layer->cout; c++)
        bias[c] =
            (float)(data[layer->beta + c] - data[layer->mean + c] * fold_scale(network, layer, data, c));
}

/* Output channel c of any layer but a depthwise one goes to lane c % 16 of panel c / 16, which holds `inner`
 * rows of 16. */
static float *panel_lane(float *weight, int channel, size_t inner)
{
    return weight + channel / WN_BLOCK * inner * WN_BLOCK + channel % WN_BLOCK;
}

/* Row c of the weights at `offset`, whose first row is `first`, as bytes, in `room` where they are not known;
 * returns their scale. */
static float narrow_row(const wn_params *params, size_t offset, int first, int c, int cin, int8_t *room,
                        const int8_t **bytes)
{
    const size_t at = offset + (size_t)c * cin;
    if (params->bytes) {
        *bytes = params->bytes + at;
        return params->scale[first + c];
    }
    const float scale = wn_row_scale(params->data + at, cin);
    wn_row_bytes(params->data + at, cin, scale, room);
    *bytes = room;
    return scale;
}

/* (cout, cin) at `offset` -> bytes in panels of [cin / 4][16][4], with the scales that make them the weights;
 * input in bytes as its range says. bias is complete but for the input's offset. scale: of each row. */
static wn_packed pack_bytes(wn_packer *p, const wn_plan *plan, int index, int cout, int cin,
                            const wn_params *params, size_t offset, int first, float *scale, float *bias)
{
    const float low = plan->ranges->low[index], high = plan->ranges->high[index];
    const float in_scale = high > low ? 127 / (high - low) : 1, in_offset = rintf(-low * in_scale);
    int8_t *bytes = (int8_t *)wn_take(p, (size_t)wn_blocks(cout) * cin * WN_BLOCK / sizeof(float));
    int8_t room[MOST_CHANNELS];
    for (int c = 0; bytes && c < cout; c++) {
        const int8_t *row;
        const float row_scale = narrow_row(params, offset, first, c, cin, room, &row);
        int8_t *to = bytes + (size_t)(c / WN_BLOCK) * cin * WN_BLOCK + c % WN_BLOCK * 4;
        int sum = 0;
        for (int k = 0; k < cin; k++)
            sum += row[k];
        for (int k = 0; k < cin; k += 4)
            memcpy(to + k * WN_BLOCK, row + k, 4);
        scale[c] *= row_scale / in_scale;
        bias[c] -= scale[c] * in_offset * (float)sum;
    }
    return (wn_packed){.bias = bias,
                       .bytes = bytes,
                       .scale = scale,
                       .in_scale = in_scale,
                       .in_offset = in_offset,
                       .layer = index};
}

/* (cout, cin) -> bf16 in panels of [cin / together][16][together]. scale: of each row. */
static wn_packed pack_halves(wn_packer *p, const wn_plan *plan, int cout, int cin, const float *weight,
                             const float *scale, const float *bias)
{
    const int together = plan->kernels.together;
    uint16_t *halves = (uint16_t *)wn_take(p, (size_t)wn_blocks(cout) * cin * WN_BLOCK / 2);
    for (int c = 0; halves && c < cout; c++) {
        uint16_t *to = halves + (size_t)(c / WN_BLOCK) * cin * WN_BLOCK + c % WN_BLOCK * together;
        for (int k = 0; k < cin; k++)
            to[k / together * WN_BLOCK * together + k % together] =
                wn_bf16_from_float(weight[(size_t)c * cin + k]);
    }
    return (wn_packed){.bias = bias, .halves = halves, .scale = scale};
}

/* A 1x1 convolution in bytes or bf16: batch norm stays apart from the weights. */
static wn_packed pack_narrow(wn_packer *p, const wn_plan *plan, const wn_layer *layer,
                             const wn_params *params)
{
    float *scale = wn_take(p, layer->cout), *bias = wn_take(p, layer->cout);
    for (int c = 0; scale && c < layer->cout; c++)
        scale[c] = (float)fold_scale(&plan->network, layer, params->data, c);
    if (bias)
        fold_shift(&plan->network, layer, params->data, bias);
    if (wn_plan_multiplies_bf16(plan))
        return pack_halves(p, plan, layer->cout, layer->cin, params->data + layer->weight, scale, bias);
    return pack_bytes(p, plan, (int)(layer - plan->network.layer), layer->cout, layer->cin, params,
                      layer->weight, layer->row, scale, bias);
}

/* As the plan's precision has it. */
static float rounded(const wn_plan *plan, float weight)
{
    return plan->bf16 ? wn_bf16_to_float(wn_bf16_from_float(weight)) : weight;
}

/* 1x1 (cout, cin) -> panels of [cin][16]. */
static wn_packed pack_pointwise(wn_packer *p, const wn_plan *plan, const wn_layer *layer,
                                const wn_params *params)
{
    const wn_network *network = &plan->network;
    const float *data = params->data;
    if (plan->ranges || wn_plan_multiplies_bf16(plan))
        return pack_narrow(p, plan, layer, params);
    float *weight = wn_take(p, (size_t)wn_blocks(layer->cout) * layer->cin * WN_BLOCK);
    float *bias = wn_take(p, layer->cout);
    for (int c = 0; weight && c < layer->cout; c++) {
        const double scale = fold_scale(network, layer, data, c);
        float *to = panel_lane(weight, c, layer->cin);
        for (int k = 0; k < layer->cin; k++)
            to[k * WN_BLOCK] =
                (float)(scale * rounded(plan, data[layer->weight + (size_t)c * layer->cin + k]));
    }
    if (bias)
        fold_shift(network, layer, data, bias);
    return (wn_packed){.weight = weight, .bias = bias, .layer = (int)(layer - network->layer)};
}

/* Biases of filters whose weights are in place; then both as an int8 plan wants them. */
static wn_packed finish_filters(const wn_plan *plan, const wn_layer *layer, const float *data, int taps,
                                float reach, float *weight, float *bias)
{
    if (bias)
        fold_shift(&plan->network, layer, data, bias);
    for (int c = 0; bias && plan->ranges && c < layer->cout; c++)
        wn_filter_to_grid(panel_lane(weight, c, taps), taps, WN_BLOCK, reach, bias + c);
    return (wn_packed){.weight = weight, .bias = bias};
}

/* Stem (cout, 3, 3, 3): colour, row, column -> panels of [row][column][colour][16]. */
static wn_packed pack_stem(wn_packer *p, const wn_plan *plan, const wn_layer *layer, const float *data)
{
    float *weight = wn_take(p, (size_t)wn_blocks(layer->cout) * 27 * WN_BLOCK);
    float *bias = wn_take(p, layer->cout);
    for (int c = 0; weight && c < layer->cout; c++) {
        const double scale = fold_scale(&plan->network, layer, data, c);
        const float *from = data + layer->weight + (size_t)c * 27;
        float *to = panel_lane(weight, c, 27);
        for (int colour = 0; colour < 3; colour++)
            for (int tap = 0; tap < 9; tap++)
                to[(tap * 3 + colour) * WN_BLOCK] = (float)(scale * from[colour * 9 + tap]);
    }
    return finish_filters(plan, layer, data, 27, WN_PIXEL_REACH, weight, bias);
}

/* Depthwise (cout, kernel, kernel) -> [blocks][kernel * kernel][16]. */
static wn_packed pack_depthwise(wn_packer *p, const wn_plan *plan, const wn_layer *layer, const float *data)
{
    const int taps = layer->kernel * layer->kernel;
    float *weight = wn_take(p, (size_t)wn_blocks(layer->cout) * taps * WN_BLOCK);
    float *bias = wn_take(p, layer->cout);
    for (int c = 0; weight && c < layer->cout; c++) {
        const double scale = fold_scale(&plan->network, layer, data, c);
        float *to = panel_lane(weight, c, taps);
        for (int tap = 0; tap < taps; tap++)
            to[tap * WN_BLOCK] = (float)(scale * data[layer->weight + (size_t)c * taps + tap]);
    }
    return finish_filters(plan, layer, data, taps, WN_RELU6_REACH, weight, bias);
}

/* Linear (embedding, features) with bias -> panels; the embedding is padded with zeros to whole panels. */
static wn_packed pack_embedding(wn_packer *p, const wn_plan *plan, const wn_params *params)
{
    const wn_network *network = &plan->network;
    const int features = network->features, embedding = network->embedding;
    const float *from = params->data + network->embedding_weight;
    float *bias = wn_take(p, embedding);
    if (bias)
        memcpy(bias, params->data + network->embedding_bias, embedding * sizeof *bias);
    if (plan->ranges || wn_plan_multiplies_bf16(plan)) {
        float *scale = wn_take(p, embedding);
        for (int c = 0; scale && c < embedding; c++)
            scale[c] = 1;
        if (!plan->ranges)
            return pack_halves(p, plan, embedding, features, from, scale, bias);
        return pack_bytes(p, plan, network->count, embedding, features, params, network->embedding_weight,
                          network->rows - embedding, scale, bias);
    }
    float *weight = wn_take(p, (size_t)wn_blocks(embedding) * features * WN_BLOCK);
    for (int c = 0; weight && c < embedding; c++, from += features) {
        float *to = panel_lane(weight, c, features);
        for (int k = 0; k < features; k++)
            to[k * WN_BLOCK] = rounded(plan, from[k]);
    }
    return (wn_packed){.weight = weight, .bias = bias, .layer = network->count};
}

void wn_pack(wn_packer *p, wn_plan *plan, const wn_params *params)
{
    const wn_network *network = &plan->network;
    const float *data = params->data;
    for (int i = 0; i < plan->stages; i++) {
        wn_stage *stage = &plan->stage[i];
        stage->expand_packed = stage->expand->kind == WN_STEM
                                   ? pack_stem(p, plan, stage->expand, data)
                                   : pack_pointwise(p, plan, stage->expand, params);
        stage->depthwise_packed = pack_depthwise(p, plan, stage->depthwise, data);
        stage->project_packed = pack_pointwise(p, plan, stage->project, params);
    }
    plan->last = pack_pointwise(p, plan, &network->layer[network->count - 1], params);
    plan->embedding = pack_embedding(p, plan, params);
}
