/* SPDX-License-Identifier: Apache-2.0
 * The fast engine's memory: measured, allocated as one block and cut up once. */
#include "fast.h"

#include <stdlib.h>
#include <string.h>

enum {
    BLOCK_FLOATS = 1 << 16, /* of scratch that a block should fill: 256 kB, half of a second-level cache */
    SLICE = 192,            /* channels */
    STREAMED = 1 << 20      /* floats of a tensor that is written past the caches: 4 MB */
};

static int block_rows(size_t floats_per_row)
{
    const int step = 24, rows = (int)(BLOCK_FLOATS / floats_per_row) / step * step;
    return rows < 2 * step ? 2 * step : rows > 10 * step ? 10 * step : rows;
}

static size_t input_stride(const wn_layer *layer)
{
    return layer->kind == WN_STEM ? WN_PATCH : wn_stride(layer->cin);
}

wn_blocking wn_block_forward(const wn_layer *layer)
{
    wn_blocking b = {.ldx = input_stride(layer)};
    b.rows = block_rows(b.ldx);
    b.floats = b.rows * b.ldx;
    return b;
}

wn_blocking wn_block_backward(const wn_layer *layer)
{
    const int cin = layer->kind == WN_STEM ? WN_PATCH : layer->cin,
              wider = cin > layer->cout ? cin : layer->cout;
    wn_blocking b = {.slice = wider < SLICE ? wider : SLICE};
    b.ldx = cin > layer->cout && layer->kind != WN_STEM ? wn_stride(b.slice) : input_stride(layer);
    b.ldd = wn_stride(cin > layer->cout ? layer->cout : b.slice);
    const size_t kept_dx = cin > layer->cout ? 0 : b.ldx;
    b.rows = block_rows(b.ldx + b.ldd + kept_dx);
    b.dz = b.rows * b.ldx;
    b.dx = b.dz + b.rows * b.ldd;
    b.floats = b.dx + b.rows * kept_dx;
    return b;
}

wn_rings wn_depthwise_rings(const wn_layer *layer)
{
    const size_t kernel = layer->kernel, channels = layer->cin;
    const size_t reach = (size_t)(layer->out - 1) * layer->stride + kernel,
                 padded = layer->pad_before + layer->in;
    wn_rings r = {.side = layer->kernel / 2};
    r.x_row = (reach > padded ? reach : padded) * channels;
    r.dz_row = (layer->out + 2 * (size_t)r.side) * channels;
    r.dz = kernel * r.x_row;
    r.zero = r.dz + kernel * r.dz_row;
    r.floats = r.zero + (r.x_row > r.dz_row ? r.x_row : r.dz_row);
    return r;
}

wn_stored wn_fast_gradient(const wn_fast *fast, const wn_layer *layer)
{
    return layer->kind == WN_DEPTHWISE ? fast->depthwise_gradient
           : layer->kind == WN_PROJECT ? (wn_stored){fast->narrow_gradient}
                                       : fast->wide_gradient;
}

bool wn_starts_residual(const wn_network *network, int layer)
{
    for (int l = layer; l < network->count && l < layer + 3; l++)
        if (network->layer[l].residual == layer - 1)
            return layer > 0;
    return false;
}

/* A block that is measured first (start NULL), then cut. */
typedef struct cutter {
    char *start;
    size_t used;
} cutter;

/* Bytes that kernels may read, and not use, behind an array; and, where AddressSanitizer looks on, bytes that
 * nobody may touch, as it would take the arrays of a block for one. */
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
enum { SLACK = 64, FENCE = 64 };
#else
#define ASAN_POISON_MEMORY_REGION(start, size) ((void)(start))
enum { SLACK = 64, FENCE = 0 };
#endif

static void *cut(cutter *c, size_t count, size_t size)
{
    void *at = c->start ? c->start + c->used : NULL;
    c->used += (count * size + SLACK + 63) / 64 * 64;
    if (at)
        ASAN_POISON_MEMORY_REGION(c->start + c->used, FENCE);
    c->used += FENCE;
    return at;
}

static float *cut_floats(cutter *c, size_t count)
{
    return cut(c, count, sizeof(float));
}

static wn_stored cut_stored(cutter *c, size_t count, bool bf16)
{
    return (wn_stored){cut(c, count, wn_stored_size(bf16)), bf16};
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Is an output of `count` values, or the gradient at it, too large to wait in a cache for the pass that reads
 * it? Then its lines need not be fetched to be written. Of whole lines alone, and of sums that are made in
 * one go. */
static bool is_streamed(const wn_layer *layer, size_t count, bool bf16)
{
    return count >= STREAMED && !bf16 && layer->cout % 16 == 0 &&
           (layer->kernel > 1 || layer->cin <= WN_DEPTH);
}

/* Frozen layers' outputs are used up by the next layers and share memory by kind; y takes turns, as the block
 * after the next needs it for its residual. */
static void cut_activations(const wn_model *model, wn_fast *f, cutter *c)
{
    const wn_network *network = &model->network;
    const int first = model->options.first_trainable, batch = model->options.batch;
    const bool bf16 = model->options.bf16;
    size_t wide = 0, depthwise = 0, narrow = 0;
    for (int l = 0; l < first; l++) {
        const wn_layer *layer = &network->layer[l];
        size_t *most = layer->kind == WN_DEPTHWISE ? &depthwise : layer->kind == WN_PROJECT ? &narrow : &wide;
        *most = larger(*most, wn_layer_outputs(layer, batch));
    }
    const wn_stored shared_wide = cut_stored(c, wide, bf16),
                    shared_depthwise = cut_stored(c, depthwise, bf16),
                    shared_narrow = cut_stored(c, narrow, false);
    float *shared_y[2] = {cut_floats(c, narrow), cut_floats(c, narrow)};
    int turn = 0;
    for (int l = 0; l < network->count; l++) {
        const wn_layer *layer = &network->layer[l];
        const size_t count = wn_layer_outputs(layer, batch);
        const bool project = layer->kind == WN_PROJECT;
        if (l >= first) {
            f->z[l] = cut_stored(c, count, bf16 && !project);
            f->y[l] = project ? cut_floats(c, count) : NULL;
        } else {
            f->z[l] = layer->kind == WN_DEPTHWISE ? shared_depthwise : project ? shared_narrow : shared_wide;
            f->y[l] = project ? shared_y[turn++ % 2] : NULL;
        }
        f->z[l].streamed = is_streamed(layer, count, f->z[l].bf16);
    }
}

static void cut_gradients(const wn_model *model, wn_fast *f, cutter *c)
{
    const wn_network *network = &model->network;
    size_t wide = 0, depthwise = 0, narrow = 0;
    for (int l = model->options.first_trainable; l < network->count; l++) {
        const wn_layer *layer = &network->layer[l];
        size_t *most = layer->kind == WN_DEPTHWISE ? &depthwise : layer->kind == WN_PROJECT ? &narrow : &wide;
        if (!wn_fuses(model, l))
            *most = larger(*most, wn_layer_outputs(layer, model->options.batch));
    }
    f->wide_gradient = cut_stored(c, wide, model->options.bf16);
    f->depthwise_gradient = cut_stored(c, depthwise, model->options.bf16);
    f->narrow_gradient = cut_floats(c, narrow);
}

static void cut_weights(const wn_model *model, wn_fast *f, cutter *c)
{
    const wn_network *network = &model->network;
    const wn_train_kernels *k = &f->kernels;
    for (int l = 0; l < network->count; l++) {
        const wn_layer *layer = &network->layer[l];
        const bool depthwise = layer->kind == WN_DEPTHWISE, back = l > model->options.first_trainable;
        const int cin = layer->kind == WN_STEM ? WN_PATCH : layer->cin;
        f->forward_weight[l] = cut_floats(c, depthwise ? layer->weight_count : k->packed(cin, layer->cout));
        f->backward_weight[l] = cut_floats(c, !back       ? 0
                                              : depthwise ? layer->weight_count
                                                          : k->packed(layer->cout, cin));
        wn_norm *norm = &f->norm[l];
        norm->scale = cut_floats(c, layer->cout);
        norm->offset = cut_floats(c, layer->cout);
        norm->mean = cut_floats(c, layer->cout);
        norm->inverse = cut_floats(c, layer->cout);
        norm->c = cut_floats(c, 3 * (size_t)layer->cout);
    }
    f->stem_weight = cut_floats(c, (size_t)network->layer[0].cout * WN_PATCH);
    f->embedding_weight = cut_floats(c, k->packed(network->features, network->embedding));
    f->embedding_backward = cut_floats(c, k->packed(network->embedding, network->features));
    f->padded_embedding = cut_floats(c, model->options.batch * wn_stride(network->embedding));
    f->d_features = cut_floats(c, (size_t)model->options.batch * network->features);
}

static void cut_workers(const wn_model *model, wn_fast *f, cutter *c)
{
    const wn_network *network = &model->network;
    size_t scratch = (size_t)network->grid * network->grid * network->features, weight = 0;
    size_t shares = 0, weights = 0, inputs = 0;
    f->widest = 0;
    for (int l = 0; l < network->count; l++) {
        const wn_layer *layer = &network->layer[l];
        size_t floats = wn_depthwise_rings(layer).floats;
        if (wn_fuses(model, l)) {
            const wn_fused fused = wn_fused_sizes(layer);
            scratch = larger(scratch, wn_depthwise_rings(layer + 1).floats + fused.floats);
            shares = larger(shares, fused.shares);
            weights = larger(weights, layer->weight_count);
            inputs = larger(inputs, layer->cin);
        }
        if (layer->kind != WN_DEPTHWISE)
            floats = larger(wn_block_forward(layer).floats, wn_block_backward(layer).floats);
        scratch = larger(scratch, floats);
        weight = larger(weight, l ? layer->weight_count : (size_t)layer->cout * WN_PATCH);
        f->widest = (int)larger(f->widest, layer->cout);
    }
    for (int t = 0; t < f->threads; t++) {
        wn_worker *w = &f->worker[t];
        w->sum = cut(c, f->widest, sizeof(double));
        w->square = cut(c, f->widest, sizeof(double));
        w->part_sum = cut_floats(c, f->widest);
        w->part_square = cut_floats(c, f->widest);
        w->shift = cut_floats(c, f->widest);
        w->dweight = cut_floats(c, weight);
        w->shares = cut_floats(c, shares);
        w->scratch = cut_floats(c, scratch);
    }
    f->scaled = cut_floats(c, weights);
    f->centre = cut_floats(c, inputs);
    f->correction = cut_floats(c, f->kernels.packed((int)inputs, (int)inputs));
    f->level = cut_floats(c, inputs);
}

static size_t cut_all(const wn_model *model, wn_fast *f, void *start)
{
    cutter c = {.start = start};
    cut_activations(model, f, &c);
    cut_gradients(model, f, &c);
    cut_weights(model, f, &c);
    cut_workers(model, f, &c);
    return c.used;
}

static winnow_status create(wn_model *model, winnow_error *error)
{
    wn_fast *f = calloc(1, sizeof *f);
    if (!f)
        return wn_fail_memory(error);
    model->engine_state = f;
    f->kernels = wn_train_kernels_at(wn_cpu_level());
    f->threads = wn_pool_threads(model->pool);
    f->worker = calloc((size_t)f->threads, sizeof *f->worker);
    if (!f->worker)
        return wn_fail_memory(error);
    f->block = wn_model_alloc(cut_all(model, f, NULL), 1);
    if (!f->block)
        return wn_fail_memory(error);
    cut_all(model, f, f->block);
    return WINNOW_OK;
}

static void destroy(wn_model *model)
{
    wn_fast *f = model->engine_state;
    if (!f)
        return;
    free(f->worker);
    free(f->block);
    free(f);
}

const wn_engine wn_engine_fast = {create, destroy, wn_fast_forward, wn_fast_backward};
