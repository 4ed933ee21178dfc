/* SPDX-License-Identifier: Apache-2.0
 * Builds a plan (folds, packs, plans memory) and runs it over a batch. */
#include "plan.h"

#include "memory.h"
#include "stage.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- packing ---- */

/* Where the next packed array goes. With a NULL base it only counts, so that sizing and packing are one code.
 */
typedef struct packer {
    float *base;
    size_t used;
} packer;

static float *take(packer *p, size_t floats)
{
    float *at = p->base ? p->base + p->used : NULL;
    p->used += (floats + WN_BLOCK - 1) / WN_BLOCK * WN_BLOCK;
    return at;
}

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

/* 1x1 (cout, cin) -> panels of [cin][16]. */
static wn_packed pack_pointwise(packer *p, const wn_network *network, const wn_layer *layer,
                                const float *data)
{
    float *weight = take(p, (size_t)wn_blocks(layer->cout) * layer->cin * WN_BLOCK);
    float *bias = take(p, layer->cout);
    for (int c = 0; weight && c < layer->cout; c++) {
        const double scale = fold_scale(network, layer, data, c);
        float *to = panel_lane(weight, c, layer->cin);
        for (int k = 0; k < layer->cin; k++)
            to[k * WN_BLOCK] = (float)(scale * data[layer->weight + (size_t)c * layer->cin + k]);
    }
    if (bias)
        fold_shift(network, layer, data, bias);
    return (wn_packed){weight, bias};
}

/* Stem (cout, 3, 3, 3): colour, row, column -> panels of [row][column][colour][16]. */
static wn_packed pack_stem(packer *p, const wn_network *network, const wn_layer *layer, const float *data)
{
    float *weight = take(p, (size_t)wn_blocks(layer->cout) * 27 * WN_BLOCK);
    float *bias = take(p, layer->cout);
    for (int c = 0; weight && c < layer->cout; c++) {
        const double scale = fold_scale(network, layer, data, c);
        const float *from = data + layer->weight + (size_t)c * 27;
        float *to = panel_lane(weight, c, 27);
        for (int colour = 0; colour < 3; colour++)
            for (int tap = 0; tap < 9; tap++)
                to[(tap * 3 + colour) * WN_BLOCK] = (float)(scale * from[colour * 9 + tap]);
    }
    if (bias)
        fold_shift(network, layer, data, bias);
    return (wn_packed){weight, bias};
}

/* Depthwise (cout, kernel, kernel) -> [blocks][kernel * kernel][16]. */
static wn_packed pack_depthwise(packer *p, const wn_network *network, const wn_layer *layer,
                                const float *data)
{
    const int taps = layer->kernel * layer->kernel;
    float *weight = take(p, (size_t)wn_blocks(layer->cout) * taps * WN_BLOCK);
    float *bias = take(p, layer->cout);
    for (int c = 0; weight && c < layer->cout; c++) {
        const double scale = fold_scale(network, layer, data, c);
        float *to = panel_lane(weight, c, taps);
        for (int tap = 0; tap < taps; tap++)
            to[tap * WN_BLOCK] = (float)(scale * data[layer->weight + (size_t)c * taps + tap]);
    }
    if (bias)
        fold_shift(network, layer, data, bias);
    return (wn_packed){weight, bias};
}

/* Linear (embedding, features) with bias -> panels; the embedding is padded with zeros to whole panels. */
static wn_packed pack_embedding(packer *p, const wn_network *network, const float *data)
{
    const int features = network->features;
    float *weight = take(p, (size_t)wn_blocks(network->embedding) * features * WN_BLOCK);
    float *bias = take(p, network->embedding);
    for (int c = 0; weight && c < network->embedding; c++) {
        const float *from = data + network->embedding_weight + (size_t)c * features;
        float *to = panel_lane(weight, c, features);
        for (int k = 0; k < features; k++)
            to[k * WN_BLOCK] = from[k];
    }
    if (bias)
        memcpy(bias, data + network->embedding_bias, network->embedding * sizeof *bias);
    return (wn_packed){weight, bias};
}

static void pack(packer *p, wn_plan *plan, const float *data)
{
    const wn_network *network = &plan->network;
    for (int i = 0; i < plan->stages; i++) {
        wn_stage *stage = &plan->stage[i];
        stage->expand_packed = stage->expand->kind == WN_STEM
                                   ? pack_stem(p, network, stage->expand, data)
                                   : pack_pointwise(p, network, stage->expand, data);
        stage->depthwise_packed = pack_depthwise(p, network, stage->depthwise, data);
        stage->project_packed = pack_pointwise(p, network, stage->project, data);
    }
    plan->last = pack_pointwise(p, network, &network->layer[network->count - 1], data);
    plan->embedding = pack_embedding(p, network, data);
}

/* ---- stages ---- */

/* Groups the layers into stages: first (stem, depthwise, projection), then (expansion, depthwise, projection)
 * until the last layer. */
static winnow_status find_stages(wn_plan *plan, winnow_error *error)
{
    const wn_network *network = &plan->network;
    const int body = network->count - 1;
    for (int i = 0; i < body; i += 3) {
        const wn_layer *layer = &network->layer[i];
        const bool fits = i + 2 < body && layer[0].kind == (i ? WN_EXPAND : WN_STEM) &&
                          layer[1].kind == WN_DEPTHWISE && layer[2].kind == WN_PROJECT &&
                          (layer[2].residual < 0 || layer[2].residual == i - 1);
        if (!fits)
            return wn_fail(error, WINNOW_ERROR_INTERNAL, -1, "layer %d does not start an inverted residual",
                           i);
        wn_stage *stage = &plan->stage[plan->stages++];
        *stage = (wn_stage){.expand = layer, .depthwise = layer + 1, .project = layer + 2};
        wn_stage_shape(stage, plan->kernels.gemm_columns);
        const size_t weights = layer[0].weight_count + layer[2].weight_count;
        const size_t maps = wn_map_size(layer[0].cin, layer[0].in) + wn_map_size(layer[2].cout, layer[2].out);
        if (!stage->shared_ring || weights < maps)
            plan->early = plan->stages;
    }
    return WINNOW_OK;
}

winnow_status wn_plan_create(const wn_network *network, const wn_params *params, wn_precision precision,
                             wn_plan **result, winnow_error *error)
{
    if (precision != WN_PRECISION_FP32)
        return wn_fail(error, WINNOW_ERROR_UNSUPPORTED, -1, "this build infers in float32 only");
    wn_plan *plan = calloc(1, sizeof *plan);
    if (!plan)
        return wn_fail_memory(error);
    plan->network = *network;
    plan->kernels = wn_kernels_at(wn_cpu_level());
    winnow_status status = find_stages(plan, error);
    if (!status) {
        packer p = {0};
        pack(&p, plan, params->data);
        const size_t bytes = p.used * sizeof(float);
        plan->memory = wn_allocate(bytes);
        if (plan->memory) {
            memset(plan->memory, 0, bytes);
            p = (packer){.base = plan->memory};
            pack(&p, plan, params->data);
        } else {
            status = wn_fail_memory(error);
        }
    }
    if (status)
        wn_plan_free(plan);
    else
        *result = plan;
    return status;
}

void wn_plan_free(wn_plan *plan)
{
    if (plan)
        free(plan->memory);
    free(plan);
}

/* ---- running ---- */

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Lays out the working memory for a batch; with scratch NULL it only counts bytes. */
static wn_workspace lay_out(const wn_plan *plan, int batch, void *scratch)
{
    size_t map[2] = {0}, late[2] = {0}, ring = 0, deep = 0, zeros = 0, where = 0;
    for (int i = 0; i < plan->stages; i++) {
        const wn_stage *stage = &plan->stage[i];
        const size_t out = wn_map_size(stage->project->cout, stage->project->out);
        if (i < plan->early - 1)
            map[i % 2] = larger(map[i % 2], out);
        else
            late[i % 2] = larger(late[i % 2], out);
        ring = larger(ring, wn_stage_ring_size(stage, plan->kernels.gemm_columns));
        deep = larger(deep, wn_stage_deep_size(stage));
        zeros = larger(zeros, stage->row);
        where = larger(where, wn_stage_where_size(stage));
    }
    const wn_layer *stem = plan->stage[0].expand;
    const int grid = plan->network.grid, columns = plan->kernels.gemm_columns;
    packer p = {.base = scratch};
    wn_workspace work = {
        .map = {take(&p, map[0]), take(&p, map[1])},
        .batch = {take(&p, late[0] * batch), take(&p, late[1] * batch)},
        .ring = take(&p, ring),
        .deep = take(&p, deep),
        .zeros = take(&p, zeros),
        .image_rows = take(&p, (size_t)(stem->in + stem->pad_before + stem->pad_after) * 9),
        .column = take(&p, larger((size_t)grid * grid, batch) * columns),
        .features = take(&p, (size_t)wn_blocks(plan->network.features) * batch * WN_BLOCK),
    };
    work.where = (uint32_t *)take(&p, where);
    work.bytes = p.used * sizeof(float);
    return work;
}

size_t wn_plan_scratch(const wn_plan *plan, int batch)
{
    return lay_out(plan, batch, NULL).bytes;
}

/* Means over a map of blocks. */
static void pool(const wn_plan *plan, const float *map, int channels, int side, float *out)
{
    const int pixels = side * side;
    _Alignas(64) float mean[WN_BLOCK];
    for (int c = 0; c < channels; c += WN_BLOCK) {
        plan->kernels.mean(map + (size_t)c * pixels, mean, pixels);
        memcpy(out + c, mean, sizeof *out * (channels - c < WN_BLOCK ? channels - c : WN_BLOCK));
    }
}

/* The first `channels` channels of one pixel of a map of blocks. */
static void gather(const float *blocks, size_t pixels, size_t pixel, int channels, float *out)
{
    for (int c = 0; c < channels; c++)
        out[c] = blocks[(c / WN_BLOCK * pixels + pixel) * WN_BLOCK + c % WN_BLOCK];
}

static void pool_layer(const wn_plan *plan, const wn_layer *layer, int images, const float *maps,
                       const wn_outputs *outputs)
{
    const int index = (int)(layer - plan->network.layer);
    for (int i = 0; i < images; i++)
        if (outputs[i].layer_output && outputs[i].layer == index)
            pool(plan, maps + i * wn_map_size(layer->cout, layer->out), layer->cout, layer->out,
                 outputs[i].layer_output);
}

static void tell(const wn_workspace *work, int part)
{
    if (work->done)
        work->done(work->context, part);
}

/* Stage after stage of one image, to its place among the maps of the batch. */
static void run_early(const wn_plan *plan, const float *image, float *out, const wn_outputs *output,
                      const wn_workspace *work)
{
    const float *in = image;
    for (int i = 0; i < plan->early; i++) {
        float *to = i == plan->early - 1 ? out : work->map[i % 2];
        wn_stage_run(&plan->stage[i], &plan->kernels, 1, in, to, work);
        pool_layer(plan, plan->stage[i].project, 1, to, output);
        tell(work, i);
        in = to;
    }
}

/* The late stages over all images; returns the maps of the linear bottleneck. */
static const float *run_late(const wn_plan *plan, int batch, const wn_outputs *outputs,
                             const wn_workspace *work)
{
    for (int i = plan->early; i < plan->stages; i++) {
        const wn_stage *stage = &plan->stage[i];
        const float *in = work->batch[(i - 1) % 2];
        float *out = work->batch[i % 2];
        const size_t in_size = wn_map_size(stage->expand->cin, stage->expand->in);
        const size_t out_size = wn_map_size(stage->project->cout, stage->project->out);
        for (int from = 0; from < batch; from += stage->group) {
            const int images = batch - from < stage->group ? batch - from : stage->group;
            wn_stage_run(stage, &plan->kernels, images, in + from * in_size, out + from * out_size, work);
        }
        pool_layer(plan, stage->project, batch, out, outputs);
        tell(work, i);
    }
    return work->batch[(plan->stages - 1) % 2];
}

/* The last 1x1 convolution, pooled as it goes: its map of 1280 channels never exists, unless asked for. */
static void run_last(const wn_plan *plan, int batch, const float *in, const wn_outputs *outputs,
                     const wn_workspace *work)
{
    const wn_layer *layer = &plan->network.layer[plan->network.count - 1];
    const int pixels = layer->out * layer->out, columns = plan->kernels.gemm_columns;
    for (int c = 0; c < layer->cout; c += columns)
        for (int i = 0; i < batch; i++) {
            const int count = layer->cout - c < columns ? layer->cout - c : columns;
            plan->kernels.gemm(&(wn_gemm){
                .a = in + i * wn_map_size(layer->cin, layer->in),
                .a_block = (size_t)pixels * WN_BLOCK,
                .b = plan->last.weight + (size_t)c * layer->cin,
                .bias = plan->last.bias + c,
                .c = work->column,
                .c_block = (size_t)pixels * WN_BLOCK,
                .m = pixels,
                .n = count,
                .k = layer->cin,
                .relu6 = true,
            });
            for (int b = 0; b < count; b += WN_BLOCK)
                plan->kernels.mean(work->column + (size_t)b * pixels,
                                   work->features + ((size_t)(c + b) * batch + (size_t)i * WN_BLOCK), pixels);
            for (int pixel = 0; outputs[i].features_map && pixel < pixels; pixel++)
                gather(work->column, pixels, pixel, count,
                       outputs[i].features_map + (size_t)pixel * layer->cout + c);
        }
}

/* Pooled features of all images -> embeddings: one product with the batch as its pixels. */
static void run_embedding(const wn_plan *plan, int batch, const wn_outputs *outputs, const wn_workspace *work)
{
    const int size = plan->network.embedding, columns = plan->kernels.gemm_columns;
    for (int c = 0; c < size; c += columns) {
        const int count = size - c < columns ? size - c : columns;
        plan->kernels.gemm(&(wn_gemm){
            .a = work->features,
            .a_block = (size_t)batch * WN_BLOCK,
            .b = plan->embedding.weight + (size_t)c * plan->network.features,
            .bias = plan->embedding.bias + c,
            .c = work->column,
            .c_block = (size_t)batch * WN_BLOCK,
            .m = batch,
            .n = (count + 7) / 8 * 8,
            .k = plan->network.features,
        });
        for (int i = 0; i < batch; i++)
            if (outputs[i].embedding)
                gather(work->column, batch, i, count, outputs[i].embedding + c);
    }
}

static void write_bottleneck(const wn_plan *plan, const float *map, const wn_outputs *output)
{
    const int channels = plan->network.bottleneck, grid = plan->network.grid, pixels = grid * grid;
    if (output->bottleneck)
        pool(plan, map, channels, grid, output->bottleneck);
    for (int pixel = 0; output->bottleneck_map && pixel < pixels; pixel++)
        gather(map, pixels, pixel, channels, output->bottleneck_map + (size_t)pixel * channels);
}

static void write_features(const wn_plan *plan, int batch, int image, const wn_outputs *output,
                           const wn_workspace *work)
{
    const int channels = plan->network.features;
    if (output->features)
        gather(work->features, batch, image, channels, output->features);
    if (output->layer_output && output->layer == plan->network.count - 1)
        gather(work->features, batch, image, channels, output->layer_output);
}

static void run(const wn_plan *plan, int batch, const float *images, const wn_outputs *outputs,
                const wn_workspace *work)
{
    const wn_network *network = &plan->network;
    const wn_layer *boundary = plan->stage[plan->early - 1].project;
    float *maps = work->batch[(plan->early - 1) % 2];
    for (int i = 0; i < batch; i++)
        run_early(plan, images + (size_t)i * network->input * network->input * 3,
                  maps + i * wn_map_size(boundary->cout, boundary->out), &outputs[i], work);
    const float *bottleneck = run_late(plan, batch, outputs, work);

    bool features = false, embedding = false;
    for (int i = 0; i < batch; i++) {
        write_bottleneck(plan, bottleneck + i * wn_map_size(network->bottleneck, network->grid), &outputs[i]);
        embedding |= outputs[i].embedding != NULL;
        features |= outputs[i].features || outputs[i].features_map ||
                    (outputs[i].layer_output && outputs[i].layer == network->count - 1);
    }
    if (features || embedding) {
        run_last(plan, batch, bottleneck, outputs, work);
        tell(work, plan->stages);
    }
    for (int i = 0; i < batch; i++)
        write_features(plan, batch, i, &outputs[i], work);
    if (embedding) {
        run_embedding(plan, batch, outputs, work);
        tell(work, plan->stages + 1);
    }
}

void wn_plan_run(const wn_plan *plan, int batch, const float *images, const wn_outputs *outputs,
                 void *scratch)
{
    const wn_workspace work = lay_out(plan, batch, scratch);
    run(plan, batch, images, outputs, &work);
}

/* ---- parts ---- */

void wn_plan_trace(const wn_plan *plan, const float *image, const wn_outputs *output, void *scratch,
                   void (*done)(void *context, int part), void *context)
{
    wn_workspace work = lay_out(plan, 1, scratch);
    work.done = done;
    work.context = context;
    run(plan, 1, image, output, &work);
}

int wn_plan_parts(const wn_plan *plan)
{
    return plan->stages + 2;
}

const char *wn_plan_part_name(const wn_plan *plan, int part)
{
    if (part < plan->stages)
        return plan->stage[part].project->conv;
    return part == plan->stages ? plan->network.layer[plan->network.count - 1].conv : "embedding";
}

static uint64_t layer_macs(const wn_layer *layer)
{
    return (uint64_t)layer->out * layer->out * layer->weight_count;
}

uint64_t wn_plan_part_macs(const wn_plan *plan, int part)
{
    if (part < plan->stages) {
        const wn_stage *stage = &plan->stage[part];
        return layer_macs(stage->expand) + layer_macs(stage->depthwise) + layer_macs(stage->project);
    }
    if (part == plan->stages)
        return layer_macs(&plan->network.layer[plan->network.count - 1]);
    return (uint64_t)plan->network.features * plan->network.embedding;
}
