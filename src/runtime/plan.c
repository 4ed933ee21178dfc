/* SPDX-License-Identifier: Apache-2.0
 * Builds a plan (its stages, its memory) and runs it over a batch. */
#include "plan.h"

#include "memory.h"
#include "stage.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

winnow_status wn_plan_build(const wn_kernels *kernels, const wn_network *network, const wn_params *params,
                            wn_precision precision, const wn_ranges *ranges, wn_plan **result,
                            winnow_error *error)
{
    wn_plan *plan = calloc(1, sizeof *plan);
    if (!plan)
        return wn_fail_memory(error);
    plan->network = *network;
    plan->kernels = *kernels;
    plan->ranges = ranges;
    plan->int8 = ranges != NULL;
    plan->bf16 = precision == WN_PRECISION_BF16;
    winnow_status status = find_stages(plan, error);
    if (!status) {
        wn_packer p = {0};
        wn_pack(&p, plan, params);
        const size_t bytes = p.used * sizeof(float);
        plan->memory = wn_allocate(bytes);
        if (plan->memory) {
            memset(plan->memory, 0, bytes);
            p = (wn_packer){.base = plan->memory};
            wn_pack(&p, plan, params);
        } else {
            status = wn_fail_memory(error);
        }
    }
    plan->ranges = NULL;
    if (status)
        wn_plan_free(plan);
    else
        *result = plan;
    return status;
}

winnow_status wn_plan_create(const wn_network *network, const wn_params *params, wn_precision precision,
                             wn_plan **plan, winnow_error *error)
{
    if (precision == WN_PRECISION_INT8)
        return wn_fail(error, WINNOW_ERROR_ARGUMENT, -1, "an int8 plan needs ranges");
    const wn_kernels kernels = wn_kernels_at(wn_cpu_level());
    return wn_plan_build(&kernels, network, params, precision, NULL, plan, error);
}

winnow_status wn_plan_create_int8(const wn_network *network, const wn_params *params, const wn_ranges *ranges,
                                  wn_plan **plan, winnow_error *error)
{
    const wn_kernels kernels = wn_kernels_at(wn_cpu_level());
    return wn_plan_build(&kernels, network, params, WN_PRECISION_INT8, ranges, plan, error);
}

bool wn_plan_multiplies_bf16(const wn_plan *plan)
{
    return plan->bf16 && plan->kernels.gemm16;
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
    size_t map[2] = {0}, late[2] = {0}, ring = 0, deep = 0, zeros = 0, where = 0, narrow = 0;
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
        narrow = larger(narrow, stage->group * wn_map_size(stage->expand->cin, stage->expand->in));
    }
    const size_t features = (size_t)wn_blocks(plan->network.features) * batch * WN_BLOCK;
    narrow = larger(narrow, wn_map_size(plan->network.bottleneck, plan->network.grid) * batch);
    narrow = larger(narrow, features);
    const wn_layer *stem = plan->stage[0].expand;
    const int grid = plan->network.grid, columns = plan->kernels.gemm_columns;
    wn_packer p = {.base = scratch};
    wn_workspace work = {
        .map = {wn_take(&p, map[0]), wn_take(&p, map[1])},
        .batch = {wn_take(&p, late[0] * batch), wn_take(&p, late[1] * batch)},
        .ring = wn_take(&p, ring),
        .deep = wn_take(&p, deep),
        .zeros = wn_take(&p, zeros),
        .image_rows = wn_take(&p, (size_t)(stem->in + stem->pad_before + stem->pad_after) * 9),
        .column = wn_take(&p, larger((size_t)grid * grid, batch) * columns),
        .features = wn_take(&p, features),
    };
    work.where = (uint32_t *)wn_take(&p, where);
    const int together = plan->int8                      ? 4
                         : wn_plan_multiplies_bf16(plan) ? 2
                                                         : 0; /* numbers in a float's room */
    if (together) {
        work.narrow = wn_take(&p, narrow / together);
        work.narrow_deep = wn_take(&p, deep / together);
    }
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

/* Means over the part of a map of blocks that lies under each pixel of a map of grid x grid. */
static void pool_parts(const wn_plan *plan, const float *map, int channels, int side, float *out)
{
    const int grid = plan->network.grid;
    _Alignas(64) float mean[WN_BLOCK];
    memset(out, 0, sizeof *out * grid * grid * channels);
    for (int part = 0; part < grid * grid; part++, out += channels) {
        const int top = part / grid * side / grid, bottom = (part / grid + 1) * side / grid;
        const int left = part % grid * side / grid, right = (part % grid + 1) * side / grid;
        for (int c = 0; c < channels; c += WN_BLOCK)
            for (int y = top; y < bottom; y++) {
                plan->kernels.mean(map + ((size_t)c * side + (size_t)y * WN_BLOCK) * side + left * WN_BLOCK,
                                   mean, right - left);
                for (int i = 0; i < WN_BLOCK && c + i < channels; i++)
                    out[c + i] += mean[i] / (bottom - top);
            }
    }
}

static void pool_layer(const wn_plan *plan, const wn_layer *layer, int images, const float *maps,
                       const wn_outputs *outputs)
{
    const int index = (int)(layer - plan->network.layer);
    for (int i = 0; i < images; i++) {
        const float *map = maps + i * wn_map_size(layer->cout, layer->out);
        for (int o = 0; o < WN_LAYER_OUTPUTS; o++) {
            if (outputs[i].layer_output[o] && outputs[i].layer[o] == index)
                pool(plan, map, layer->cout, layer->out, outputs[i].layer_output[o]);
            if (outputs[i].layer_map[o] && outputs[i].layer[o] == index)
                pool_parts(plan, map, layer->cout, layer->out, outputs[i].layer_map[o]);
        }
    }
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
    const size_t size = wn_map_size(layer->cin, layer->in);
    for (int i = 0; i < batch; i++)
        wn_observe(work, &plan->last, in + i * size, layer->cin, pixels, (size_t)pixels * WN_BLOCK);
    const void *narrow = wn_narrow(&plan->kernels, &plan->last, in, batch * size, work->narrow);
    for (int c = 0; c < layer->cout; c += columns)
        for (int i = 0; i < batch; i++) {
            const int count = layer->cout - c < columns ? layer->cout - c : columns;
            const wn_gemm g = {
                .a_block = (size_t)pixels * WN_BLOCK,
                .c = work->column,
                .c_block = (size_t)pixels * WN_BLOCK,
                .m = pixels,
                .n = count,
                .k = layer->cin,
                .relu6 = true,
            };
            wn_multiply(&plan->kernels, &plan->last, c, narrow, i * size, g);
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
    const int size = plan->network.embedding, features = plan->network.features,
              columns = plan->kernels.gemm_columns;
    const size_t count = (size_t)wn_blocks(features) * batch * WN_BLOCK;
    wn_observe(work, &plan->embedding, work->features, features, batch, (size_t)batch * WN_BLOCK);
    const void *in = wn_narrow(&plan->kernels, &plan->embedding, work->features, count, work->narrow);
    for (int c = 0; c < size; c += columns) {
        const int left = size - c < columns ? size - c : columns;
        const wn_gemm g = {
            .a_block = (size_t)batch * WN_BLOCK,
            .c = work->column,
            .c_block = (size_t)batch * WN_BLOCK,
            .m = batch,
            .n = (left + 7) / 8 * 8,
            .k = features,
        };
        wn_multiply(&plan->kernels, &plan->embedding, c, in, 0, g);
        for (int i = 0; i < batch; i++)
            if (outputs[i].embedding)
                gather(work->column, batch, i, left, outputs[i].embedding + c);
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
    for (int o = 0; o < WN_LAYER_OUTPUTS; o++)
        if (output->layer_output[o] && output->layer[o] == plan->network.count - 1)
            gather(work->features, batch, image, channels, output->layer_output[o]);
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

    bool features = false, embedding = work->ranges != NULL; /* observing needs the last layers too */
    for (int i = 0; i < batch; i++) {
        write_bottleneck(plan, bottleneck + i * wn_map_size(network->bottleneck, network->grid), &outputs[i]);
        embedding |= outputs[i].embedding != NULL;
        features |= outputs[i].features || outputs[i].features_map;
        for (int o = 0; o < WN_LAYER_OUTPUTS; o++)
            features |= outputs[i].layer_output[o] && outputs[i].layer[o] == network->count - 1;
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

void wn_plan_embed(const wn_plan *plan, const float *features, float *embedding, void *scratch)
{
    const wn_workspace work = lay_out(plan, 1, scratch);
    const wn_outputs output = {.embedding = embedding};
    memset(work.features, 0, sizeof *work.features * wn_blocks(plan->network.features) * WN_BLOCK);
    memcpy(work.features, features, sizeof *features * plan->network.features);
    run_embedding(plan, 1, &output, &work);
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

void wn_plan_observe(const wn_plan *plan, const float *image, void *scratch, wn_ranges *ranges)
{
    wn_workspace work = lay_out(plan, 1, scratch);
    work.ranges = ranges;
    run(plan, 1, image, &(const wn_outputs){0}, &work);
}

int wn_plan_parts(const wn_plan *plan)
{
    return plan->stages + 2;
}

static uint64_t layer_macs(const wn_layer *layer)
{
    return (uint64_t)layer->out * layer->out * layer->weight_count;
}

static wn_part_cost block_part(const wn_stage *stage)
{
    const wn_layer *expand = stage->expand, *depthwise = stage->depthwise, *project = stage->project;
    const bool stem = expand->kind == WN_STEM;
    const uint64_t first = layer_macs(expand), filter = layer_macs(depthwise), last = layer_macs(project);
    wn_part_cost part = {.macs = first + filter + last, .dense = stem ? last : first + last};
    snprintf(part.name, sizeof part.name, "features.%s%d %d>%d>%d s%d", stem ? "0-" : "",
             atoi(project->conv + strlen("features.")), expand->cin, depthwise->cout, project->cout,
             expand->stride * depthwise->stride);
    return part;
}

wn_part_cost wn_plan_part(const wn_plan *plan, int index)
{
    const wn_network *network = &plan->network;
    const wn_layer *last = &network->layer[network->count - 1];
    if (index < plan->stages)
        return block_part(&plan->stage[index]);
    wn_part_cost part = {.macs = index == plan->stages ? layer_macs(last)
                                                       : (uint64_t)network->features * network->embedding};
    part.dense = part.macs;
    if (index == plan->stages)
        snprintf(part.name, sizeof part.name, "%s %d>%d", last->conv, last->cin, last->cout);
    else
        snprintf(part.name, sizeof part.name, "embedding %d>%d", network->features, network->embedding);
    return part;
}
