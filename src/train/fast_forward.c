/* SPDX-License-Identifier: Apache-2.0
 * The forward passes of the fast engine. */
#include "fast.h"

#include <math.h>
#include <string.h>

/* ---- weights, packed anew before each forward ---- */

/* Stem weight (cout, 3 colours, 3, 3) -> (cout, WN_PATCH) in the order of a patch: row, column, colour. */
static void arrange_stem(const wn_layer *layer, const float *weight, float *to)
{
    for (int o = 0; o < layer->cout; o++)
        for (int colour = 0; colour < 3; colour++)
            for (int tap = 0; tap < 9; tap++)
                to[o * WN_PATCH + tap * 3 + colour] = weight[(o * 3 + colour) * 9 + tap];
}

/* (channels, taps) -> (taps, channels), and the same with the taps reversed unless `turned` is NULL. */
static void arrange_taps(const wn_layer *layer, const float *weight, float *to, float *turned)
{
    const int taps = layer->kernel * layer->kernel;
    for (int c = 0; c < layer->cout; c++)
        for (int tap = 0; tap < taps; tap++) {
            to[tap * layer->cout + c] = weight[c * taps + tap];
            if (turned)
                turned[(taps - 1 - tap) * layer->cout + c] = weight[c * taps + tap];
        }
}

/* W (cout, cin) for dx = dz . W: slice after slice, each packed by itself. */
static void pack_backward(const wn_fast *f, const wn_layer *layer, const float *weight, float *to)
{
    const int slice = wn_block_backward(layer).slice;
    if (layer->cin > layer->cout)
        for (int c = 0; c < layer->cin; c += slice) {
            const int width = layer->cin - c < slice ? layer->cin - c : slice;
            f->kernels.pack(layer->cout, width, weight + c, layer->cin, 1,
                            to + f->kernels.packed(layer->cout, c));
        }
    else
        for (int c = 0; c < layer->cout; c += slice) {
            const int depth = layer->cout - c < slice ? layer->cout - c : slice;
            f->kernels.pack(depth, layer->cin, weight + (size_t)c * layer->cin, layer->cin, 1,
                            to + f->kernels.packed(c, layer->cin));
        }
}

static void pack_layer(const wn_pass *pass, int l)
{
    wn_fast *f = pass->fast;
    const wn_layer *layer = &pass->model->network.layer[l];
    const float *weight = pass->model->params.data + layer->weight;
    const bool back = pass->training && l > pass->model->options.first_trainable;
    if (layer->kind == WN_DEPTHWISE) {
        arrange_taps(layer, weight, f->forward_weight[l], back ? f->backward_weight[l] : NULL);
    } else if (layer->kind == WN_STEM) {
        arrange_stem(layer, weight, f->stem_weight);
        f->kernels.pack(WN_PATCH, layer->cout, f->stem_weight, 1, WN_PATCH, f->forward_weight[l]);
    } else {
        f->kernels.pack(layer->cin, layer->cout, weight, 1, layer->cin, f->forward_weight[l]);
        if (back && !wn_fuses(pass->model, l))
            pack_backward(f, layer, weight, f->backward_weight[l]);
    }
}

static void pack_task(void *context, int index, int worker)
{
    (void)worker;
    const wn_pass *pass = context;
    wn_fast *f = pass->fast;
    const wn_network *network = &pass->model->network;
    const float *embedding = pass->model->params.data + network->embedding_weight;
    if (index > 0) { /* the largest first, so that no thread waits for another's last one */
        pack_layer(pass, network->count - index);
        return;
    }
    f->kernels.pack(network->features, network->embedding, embedding, 1, network->features,
                    f->embedding_weight);
    if (pass->training)
        f->kernels.pack(network->embedding, network->features, embedding, network->features, 1,
                        f->embedding_backward);
}

/* ---- norms ---- */

void wn_flush_sums(wn_worker *worker, int channels)
{
    for (int c = 0; c < channels; c++) {
        worker->sum[c] += worker->part_sum[c];
        worker->square[c] += worker->part_square[c];
    }
    const size_t padded = ((size_t)channels + 15) / 16 * 16; /* a register's lanes behind the last channel */
    memset(worker->part_sum, 0, padded * sizeof(float));
    memset(worker->part_square, 0, padded * sizeof(float));
}

/* Mean and variance of channel c from the workers' sums about their shifts, Chan's way: s the shift, m the
 * mean, sum (x-m)^2 = sum (x-s)^2 + 2 (s-m) sum (x-s) + n (s-m)^2. */
static void batch_moments(const wn_pass *pass, int c, float *mean, float *var)
{
    const wn_fast *f = pass->fast;
    const double pixels = (double)wn_pass_layer(pass)->out * wn_pass_layer(pass)->out;
    double total = 0, squares = 0;
    for (int t = 0; t < f->threads; t++) {
        const int images = wn_share(pass->n, t + 1, f->threads) - wn_share(pass->n, t, f->threads);
        total += f->worker[t].sum[c] + images * pixels * f->worker[t].shift[c];
    }
    const double m = total / (pass->n * pixels);
    for (int t = 0; t < f->threads; t++) {
        const int images = wn_share(pass->n, t + 1, f->threads) - wn_share(pass->n, t, f->threads);
        const double away = f->worker[t].shift[c] - m;
        squares += f->worker[t].square[c] + away * (2 * f->worker[t].sum[c] + images * pixels * away);
    }
    *mean = (float)m;
    *var = (float)fmax(squares / (pass->n * pixels), 0);
}

/* What the norm of this layer does: by the statistics of this batch, or by the running ones. */
static void finish_norm(const wn_pass *pass)
{
    wn_model *model = pass->model;
    const wn_layer *layer = wn_pass_layer(pass);
    const wn_norm *norm = &pass->fast->norm[pass->layer];
    const float *data = model->params.data;
    float *var = norm->c; /* not needed before the backward */
    if (pass->training) {
        for (int c = 0; c < layer->cout; c++)
            batch_moments(pass, c, &norm->mean[c], &var[c]);
        wn_update_running(model, layer, (size_t)pass->n * layer->out * layer->out, norm->mean, var);
    } else {
        memcpy(norm->mean, data + layer->mean, layer->cout * sizeof(float));
        memcpy(var, data + layer->var, layer->cout * sizeof(float));
    }
    for (int c = 0; c < layer->cout; c++) {
        norm->inverse[c] = (float)(1 / sqrt((double)var[c] + model->network.architecture->norm_epsilon));
        norm->scale[c] = data[layer->gamma + c] * norm->inverse[c];
        norm->offset[c] = data[layer->beta + c] - norm->mean[c] * norm->scale[c];
    }
}

/* means[channels] of `pixels` rows. */
static void mean_of_rows(int pixels, int channels, const float *rows, float *means)
{
    memset(means, 0, channels * sizeof *means);
    for (int p = 0; p < pixels; p++)
        for (int c = 0; c < channels; c++)
            means[c] += rows[(size_t)p * channels + c];
    for (int c = 0; c < channels; c++)
        means[c] /= (float)pixels;
}

/* ---- stem and 1x1 ---- */

void wn_stem_patches(const wn_pass *pass, size_t first, int rows, float *to)
{
    const wn_layer *l = wn_pass_layer(pass);
    const size_t row = first / l->out;
    int ox = (int)(first % l->out), oy = (int)(row % l->out);
    const float *image = pass->model->input + row / l->out * ((size_t)l->in * l->in * 3);
    for (int r = 0; r < rows; r++, to += WN_PATCH, ox++) {
        if (ox == l->out) {
            ox = 0;
            if (++oy == l->out) {
                oy = 0;
                image += (size_t)l->in * l->in * 3;
            }
        }
        const int x = ox * l->stride - l->pad_before, top = oy * l->stride - l->pad_before;
        if (x >= 0 && x + 3 <= l->in && top >= 0 && top + 3 <= l->in) { /* inside: copies of a known size */
            for (int ky = 0; ky < 3; ky++)
                memcpy(to + ky * 9, image + ((size_t)(top + ky) * l->in + x) * 3, 9 * sizeof *to);
            memset(to + 27, 0, (WN_PATCH - 27) * sizeof *to);
            continue;
        }
        memset(to, 0, WN_PATCH * sizeof *to);
        for (int ky = 0; ky < 3; ky++) {
            const int y = top + ky;
            const int left = x < 0 ? -x : 0, right = x + 3 > l->in ? l->in - x : 3;
            if (y >= 0 && y < l->in && left < right)
                memcpy(to + ky * 9 + left * 3, image + ((size_t)y * l->in + x + left) * 3,
                       (size_t)(right - left) * 3 * sizeof *to);
        }
    }
}

/* y = z * scale + offset [+ y of the residual], of rows [first, first + rows) of a projection's output. */
static void finish_projection(const wn_pass *pass, int l, size_t first, int rows)
{
    const wn_fast *f = pass->fast;
    const wn_layer *layer = &pass->model->network.layer[l];
    const size_t at = first * layer->cout;
    f->kernels.affine((wn_rows){rows, layer->cout}, (const float *)f->z[l].at + at, f->norm[l].scale,
                      f->norm[l].offset, layer->residual < 0 ? NULL : f->y[layer->residual] + at,
                      f->y[l] + at);
}

/* Sums from here on are about the first row of the product. */
static void shift_by_first_pixel(const wn_fast *f, wn_worker *worker, wn_product *product)
{
    wn_product one = *product;
    one.m = 1;
    one.c = (wn_stored){worker->shift};
    f->kernels.product(&one);
    product->shift = worker->shift;
    product->sum = worker->part_sum;
    product->square = worker->part_square;
}

static void dense_forward(const wn_pass *pass, wn_worker *worker, int from, int to)
{
    const wn_fast *f = pass->fast;
    const wn_layer *layer = wn_pass_layer(pass);
    const int before = pass->layer - 1;
    const wn_blocking block = wn_block_forward(layer);
    const size_t pixels = (size_t)layer->out * layer->out, end = to * pixels;
    wn_product product = {.n = layer->cout,
                          .k = layer->kind == WN_STEM ? WN_PATCH : layer->cin,
                          .a = worker->scratch,
                          .lda = block.ldx,
                          .b = f->forward_weight[pass->layer],
                          .ldc = layer->cout};
    for (size_t row = from * pixels; row < end; row += block.rows) {
        product.m = end - row < (size_t)block.rows ? (int)(end - row) : block.rows;
        product.c = wn_stored_from(f->z[pass->layer], row * layer->cout);
        if (layer->kind == WN_STEM) {
            wn_stem_patches(pass, row, product.m, worker->scratch);
        } else if (f->y[before]) {
            finish_projection(pass, before, row, product.m);
            product.a = f->y[before] + row * layer->cin;
            product.lda = layer->cin;
        } else {
            f->kernels.activate((wn_rows){product.m, layer->cin},
                                wn_stored_from(f->z[before], row * layer->cin), layer->cin,
                                f->norm[before].scale, f->norm[before].offset, worker->scratch, block.ldx);
        }
        if (pass->training && !product.shift)
            shift_by_first_pixel(f, worker, &product);
        f->kernels.product(&product);
        if (pass->training)
            wn_flush_sums(worker, layer->cout);
    }
}

/* ---- depthwise ---- */

void wn_load_row(const wn_pass *pass, int image, int row, float *to)
{
    const wn_fast *f = pass->fast;
    const wn_layer *layer = wn_pass_layer(pass);
    const int before = pass->layer - 1;
    const size_t at = ((size_t)image * layer->in + row) * layer->in * layer->cin;
    f->kernels.activate((wn_rows){layer->in, layer->cin}, wn_stored_from(f->z[before], at), layer->cin,
                        f->norm[before].scale, f->norm[before].offset,
                        to + (size_t)layer->pad_before * layer->cin, layer->cin);
}

/* Sums from here on are about the mean of the first row. */
static void shift_by_first_row(const wn_fast *f, wn_worker *worker, wn_depthwise_row *row, float *scratch)
{
    wn_depthwise_row first = *row;
    first.y = (wn_stored){scratch};
    f->kernels.depthwise(&first);
    mean_of_rows(row->out, row->channels, scratch, worker->shift);
    row->shift = worker->shift;
    row->sum = worker->part_sum;
    row->square = worker->part_square;
}

static void depthwise_forward(const wn_pass *pass, wn_worker *worker, int from, int to)
{
    const wn_fast *f = pass->fast;
    const wn_layer *layer = wn_pass_layer(pass);
    const wn_rings ring = wn_depthwise_rings(layer);
    const float *tap[5];
    wn_depthwise_row d = {.kernel = layer->kernel,
                          .stride = layer->stride,
                          .channels = layer->cout,
                          .out = layer->out,
                          .in = tap,
                          .weight = f->forward_weight[pass->layer]};
    const size_t row = (size_t)layer->out * layer->cout;
    memset(worker->scratch, 0, ring.floats * sizeof(float));
    for (int image = from; image < to; image++)
        for (int oy = 0, loaded = 0; oy < layer->out; oy++) {
            const int top = oy * layer->stride - layer->pad_before;
            for (; loaded < layer->in && loaded < top + layer->kernel; loaded++)
                wn_load_row(pass, image, loaded,
                            worker->scratch + ring.x + loaded % layer->kernel * ring.x_row);
            for (int ky = 0; ky < layer->kernel; ky++) {
                const int y = top + ky;
                const bool outside = y < 0 || y >= layer->in;
                tap[ky] = worker->scratch + (outside ? ring.zero : ring.x + y % layer->kernel * ring.x_row);
            }
            if (pass->training && !d.shift)
                shift_by_first_row(f, worker, &d, worker->scratch + ring.dz);
            d.y = wn_stored_from(f->z[pass->layer], ((size_t)image * layer->out + oy) * row);
            f->kernels.depthwise(&d);
            if (pass->training)
                wn_flush_sums(worker, layer->cout);
        }
}

/* ---- the whole ---- */

static void forward_task(void *context, int index, int worker)
{
    const wn_pass *pass = context;
    wn_fast *f = pass->fast;
    wn_worker *self = &f->worker[worker];
    const int channels = wn_pass_layer(pass)->cout;
    memset(self->sum, 0, channels * sizeof(double));
    memset(self->square, 0, channels * sizeof(double));
    const int from = wn_share(pass->n, index, f->threads), to = wn_share(pass->n, index + 1, f->threads);
    if (wn_pass_layer(pass)->kind == WN_DEPTHWISE)
        depthwise_forward(pass, self, from, to);
    else
        dense_forward(pass, self, from, to);
}

typedef struct head {
    wn_pass pass;
    float *bottleneck;
} head;

/* z of the last layer -> features, embedding; y of the bottleneck -> its mean. */
static void head_task(void *context, int index, int worker)
{
    const head *h = context;
    wn_model *model = h->pass.model;
    wn_fast *f = h->pass.fast;
    const wn_network *network = &model->network;
    const int last = network->count - 1, pixels = network->grid * network->grid, channels = network->features;
    const int from = wn_share(h->pass.n, index, f->threads), to = wn_share(h->pass.n, index + 1, f->threads);
    for (int image = from; image < to; image++) {
        f->kernels.activate((wn_rows){pixels, channels},
                            wn_stored_from(f->z[last], (size_t)image * pixels * channels), channels,
                            f->norm[last].scale, f->norm[last].offset, f->worker[worker].scratch, channels);
        mean_of_rows(pixels, channels, f->worker[worker].scratch, model->features + (size_t)image * channels);
        if (h->bottleneck)
            mean_of_rows(pixels, network->bottleneck,
                         f->y[last - 1] + (size_t)image * pixels * network->bottleneck,
                         h->bottleneck + (size_t)image * network->bottleneck);
    }
    const size_t stride = wn_stride(network->embedding);
    const wn_product product = {.m = to - from,
                                .n = network->embedding,
                                .k = channels,
                                .a = model->features + (size_t)from * channels,
                                .lda = channels,
                                .b = f->embedding_weight,
                                .c = {f->padded_embedding + from * stride},
                                .ldc = stride};
    f->kernels.product(&product);
    const float *bias = model->params.data + network->embedding_bias;
    for (int image = from; image < to; image++)
        for (int e = 0; e < network->embedding; e++)
            model->embedding[(size_t)image * network->embedding + e] =
                f->padded_embedding[image * stride + e] + bias[e];
}

void wn_fast_forward(wn_model *model, int n, bool training, float *bottleneck)
{
    wn_fast *f = model->engine_state;
    wn_pass pass = {.model = model, .fast = f, .n = n, .training = training};
    wn_pool_run(model->pool, model->network.count + 1, pack_task, &pass);
    for (pass.layer = 0; pass.layer < model->network.count; pass.layer++) {
        pass.training = training && pass.layer >= model->options.first_trainable;
        wn_pool_run(model->pool, f->threads, forward_task, &pass);
        finish_norm(&pass);
        if (model->passed)
            model->passed(pass.layer, false);
    }
    head h = {pass, bottleneck};
    wn_pool_run(model->pool, f->threads, head_task, &h);
}
