/* SPDX-License-Identifier: Apache-2.0
 * The backward passes of the fast engine. */
#include "fast.h"

#include <string.h>

/* A worker's gate into the norm of layer l, whose gradient buffer is filled from pixel `first` on. */
static wn_gate gate_into(const wn_pass *pass, wn_worker *worker, int l, size_t first)
{
    const wn_fast *f = pass->fast;
    const wn_layer *layer = &pass->model->network.layer[l];
    const size_t at = first * layer->cout;
    wn_gate gate = {.channels = layer->cout,
                    .z = f->z[l] + at,
                    .mean = f->norm[l].mean,
                    .dy = wn_fast_gradient(f, layer) + at,
                    .sum = worker->part_sum,
                    .along = worker->part_square};
    if (layer->relu6) {
        gate.scale = f->norm[l].scale;
        gate.offset = f->norm[l].offset;
    }
    return gate;
}

/* ---- embedding and pooling ---- */

/* Rows of the embedding's weight are shared out, then images: d_features = d_embedding . W / grid^2, which
 * goes through every pixel of the last layer. */
static void head_task(void *context, int index, int worker)
{
    const wn_pass *pass = context;
    wn_model *model = pass->model;
    wn_fast *f = pass->fast;
    const wn_network *network = &model->network;
    const int size = network->embedding, channels = network->features, last = network->count - 1;
    const int first_row = wn_share(size, index, f->threads),
              rows = wn_share(size, index + 1, f->threads) - first_row;
    float *dweight = model->gradients + network->embedding_weight + (size_t)first_row * channels;
    float *dbias = model->gradients + network->embedding_bias;
    memset(dweight, 0, (size_t)rows * channels * sizeof *dweight);
    const wn_outer outer = {.m = pass->n,
                            .p = rows,
                            .q = channels,
                            .a = model->d_embedding + first_row,
                            .lda = size,
                            .b = model->features,
                            .ldb = channels,
                            .c = dweight,
                            .ldc = channels};
    f->kernels.outer(&outer);
    for (int e = first_row; e < first_row + rows; e++) {
        dbias[e] = 0;
        for (int image = 0; image < pass->n; image++)
            dbias[e] += model->d_embedding[(size_t)image * size + e];
    }
    if (model->options.first_trainable > last)
        return;

    const int from = wn_share(pass->n, index, f->threads), to = wn_share(pass->n, index + 1, f->threads);
    const size_t pixels = (size_t)network->grid * network->grid;
    const wn_product product = {.m = to - from,
                                .n = channels,
                                .k = size,
                                .a = model->d_embedding + (size_t)from * size,
                                .lda = size,
                                .b = f->embedding_backward,
                                .c = f->d_features + (size_t)from * channels,
                                .ldc = channels};
    f->kernels.product(&product);
    wn_worker *self = &f->worker[worker];
    for (int image = from; image < to; image++) {
        float *dx = f->d_features + (size_t)image * channels;
        for (int c = 0; c < channels; c++)
            dx[c] /= (float)pixels;
        wn_gate gate = gate_into(pass, self, last, image * pixels);
        gate.rows = pixels;
        gate.dx = dx;
        gate.lddx = 0;
        f->kernels.gate_gradient(&gate);
        wn_flush_sums(self, channels);
    }
}

/* ---- stem and 1x1 ---- */

/* Block by block: dz from dy and z, dW += dz^T . x, dx = dz . W, which is gated into the layer before. */
static void dense_backward(const wn_pass *pass, wn_worker *worker, int from, int to)
{
    const wn_fast *f = pass->fast;
    const int l = pass->layer, before = l - 1;
    const wn_layer *layer = wn_pass_layer(pass);
    const wn_blocking block = wn_block_backward(layer);
    const bool stem = layer->kind == WN_STEM, deeper = l > pass->model->options.first_trainable;
    const size_t pixels = (size_t)layer->out * layer->out, end = to * pixels;
    const int cin = stem ? WN_PATCH : layer->cin;
    float *x = worker->scratch + block.x, *dz = worker->scratch + block.dz, *dx = worker->scratch + block.dx;
    wn_outer outer = {.p = layer->cout,
                      .q = cin,
                      .a = dz,
                      .lda = block.ldd,
                      .b = x,
                      .ldb = block.ldx,
                      .c = worker->dweight,
                      .ldc = cin};
    wn_product product = {.n = cin,
                          .k = layer->cout,
                          .a = dz,
                          .lda = block.ldd,
                          .b = f->backward_weight[l],
                          .c = dx,
                          .ldc = block.ldx};
    for (size_t row = from * pixels; row < end; row += block.rows) {
        const int rows = outer.m = product.m = end - row < (size_t)block.rows ? (int)(end - row) : block.rows;
        const size_t in = row * layer->cin, out = row * layer->cout;
        f->kernels.norm_gradient((wn_rows){rows, layer->cout}, wn_fast_gradient(f, layer) + out,
                                 f->z[l] + out, f->norm[l].c, dz, block.ldd);
        if (stem) {
            wn_stem_patches(pass, row, rows, x);
        } else if (f->y[before]) {
            outer.b = f->y[before] + in;
            outer.ldb = layer->cin;
        } else {
            f->kernels.activate((wn_rows){rows, layer->cin}, f->z[before] + in, layer->cin,
                                f->norm[before].scale, f->norm[before].offset, x, block.ldx);
        }
        f->kernels.outer(&outer);
        if (!deeper)
            continue;
        f->kernels.product(&product);
        wn_gate gate = gate_into(pass, worker, before, row);
        gate.rows = rows;
        gate.dx = dx;
        gate.lddx = block.ldx;
        gate.add = wn_starts_residual(&pass->model->network, l) ? gate.dy : NULL;
        f->kernels.gate_gradient(&gate);
        wn_flush_sums(worker, layer->cin);
    }
}

/* ---- depthwise ---- */

/* Row y of dz, or zeros. */
static const float *dz_row(const wn_layer *layer, const wn_rings *ring, const float *scratch, int y)
{
    const bool outside = y < 0 || y >= layer->out;
    return scratch + (outside ? ring->zero : ring->dz + y % layer->kernel * ring->dz_row);
}

/* dx of input row iy, gated into the layer before. */
static void depthwise_dx(const wn_pass *pass, wn_worker *worker, const wn_rings *ring, int image, int iy)
{
    const wn_fast *f = pass->fast;
    const wn_layer *layer = wn_pass_layer(pass);
    const int kernel = layer->kernel, channels = layer->cin, before = layer->pad_before;
    float *dx = worker->scratch + ring->dx;
    if (layer->stride == 1) {
        const float *tap[5];
        for (int ky = 0; ky < kernel;
             ky++) /* turned: dx[iy] = sum of w[-ky] * dz[iy + before - (kernel-1) + ky] */
            tap[ky] = dz_row(layer, ring, worker->scratch, iy + before - (kernel - 1) + ky) +
                      (size_t)(ring->side + before - (kernel - 1)) * channels;
        const wn_depthwise_row d = {.kernel = kernel,
                                    .stride = 1,
                                    .channels = channels,
                                    .out = layer->in,
                                    .in = tap,
                                    .weight = f->backward_weight[pass->layer],
                                    .y = dx};
        f->kernels.depthwise(&d);
    } else {
        wn_depthwise_dx2 d = {
            .kernel = kernel, .channels = channels, .in = layer->in, .before = before, .dx = dx};
        for (int ky = (iy + before) % 2; ky < kernel; ky += 2) {
            const int oy = (iy + before - ky) / 2;
            if (iy + before < ky || oy >= layer->out)
                continue;
            d.dy[d.taps] = dz_row(layer, ring, worker->scratch, oy) + (size_t)ring->side * channels;
            d.weight[d.taps++] = f->forward_weight[pass->layer] + (size_t)ky * kernel * channels;
        }
        f->kernels.depthwise_dx2(&d);
    }
    wn_gate gate = gate_into(pass, worker, pass->layer - 1, ((size_t)image * layer->in + iy) * layer->in);
    gate.rows = layer->in;
    gate.dx = dx;
    gate.lddx = channels;
    f->kernels.gate_gradient(&gate);
    wn_flush_sums(worker, channels);
}

/* Walks down an image: output row oy gives its share of dW, and completes input rows for dx. */
static void depthwise_backward(const wn_pass *pass, wn_worker *worker, int from, int to)
{
    const wn_fast *f = pass->fast;
    const int l = pass->layer;
    const wn_layer *layer = wn_pass_layer(pass);
    const bool deeper = l > pass->model->options.first_trainable;
    const wn_rings ring = wn_depthwise_rings(layer);
    const size_t row = (size_t)layer->out * layer->cout;
    const float *tap[5], *gradient = wn_fast_gradient(f, layer);
    wn_depthwise_dweight d = {.kernel = layer->kernel,
                              .stride = layer->stride,
                              .channels = layer->cout,
                              .out = layer->out,
                              .in = tap,
                              .dweight = worker->dweight};
    memset(worker->scratch, 0, ring.floats * sizeof(float));
    for (int image = from; image < to; image++)
        for (int oy = 0, loaded = 0, done = 0; oy < layer->out; oy++) {
            const int top = oy * layer->stride - layer->pad_before;
            const size_t at = ((size_t)image * layer->out + oy) * row;
            for (; loaded < layer->in && loaded < top + layer->kernel; loaded++)
                wn_load_row(pass, image, loaded,
                            worker->scratch + ring.x + loaded % layer->kernel * ring.x_row);
            float *dz = worker->scratch + ring.dz + oy % layer->kernel * ring.dz_row +
                        (size_t)ring.side * layer->cout;
            f->kernels.norm_gradient((wn_rows){layer->out, layer->cout}, gradient + at, f->z[l] + at,
                                     f->norm[l].c, dz, layer->cout);
            for (int ky = 0; ky < layer->kernel; ky++) {
                const int y = top + ky;
                const bool outside = y < 0 || y >= layer->in;
                tap[ky] = worker->scratch + (outside ? ring.zero : ring.x + y % layer->kernel * ring.x_row);
            }
            d.dy = dz;
            f->kernels.depthwise_dweight(&d);
            const int complete =
                oy + 1 == layer->out ? layer->in : (oy + 1) * layer->stride - layer->pad_before;
            for (; deeper && done < complete; done++)
                depthwise_dx(pass, worker, &ring, image, done);
        }
}

/* ---- the whole ---- */

static void backward_task(void *context, int index, int worker)
{
    const wn_pass *pass = context;
    wn_fast *f = pass->fast;
    const wn_layer *layer = wn_pass_layer(pass);
    wn_worker *self = &f->worker[worker];
    const size_t weights = layer->kind == WN_STEM ? (size_t)layer->cout * WN_PATCH : layer->weight_count;
    memset(self->sum, 0, layer->cin * sizeof(double));
    memset(self->square, 0, layer->cin * sizeof(double));
    memset(self->dweight, 0, weights * sizeof(float));
    const int from = wn_share(pass->n, index, f->threads), to = wn_share(pass->n, index + 1, f->threads);
    if (layer->kind == WN_DEPTHWISE)
        depthwise_backward(pass, self, from, to);
    else
        dense_backward(pass, self, from, to);
}

/* Index in a worker's dweight of element i of the weight. */
static size_t dweight_index(const wn_layer *layer, size_t i)
{
    const size_t taps = (size_t)layer->kernel * layer->kernel;
    if (layer->kind == WN_DEPTHWISE)
        return i % taps * layer->cout + i / taps;
    if (layer->kind == WN_STEM)
        return i / (3 * taps) * WN_PATCH + i % taps * 3 + i / taps % 3;
    return i;
}

/* Adds up the workers' shares of a weight's gradient, in the same order whichever thread does it. */
static void reduce_task(void *context, int index, int worker)
{
    (void)worker;
    const wn_pass *pass = context;
    const wn_fast *f = pass->fast;
    const wn_layer *layer = wn_pass_layer(pass);
    float *gradient = pass->model->gradients + layer->weight;
    const size_t from = layer->weight_count * index / f->threads,
                 to = layer->weight_count * (index + 1) / f->threads;
    if (layer->kernel == 1) {
        memcpy(gradient + from, f->worker[0].dweight + from, (to - from) * sizeof(float));
        for (int t = 1; t < f->threads; t++)
            for (size_t i = from; i < to; i++)
                gradient[i] += f->worker[t].dweight[i];
        return;
    }
    for (size_t i = from; i < to; i++) {
        const size_t at = dweight_index(layer, i);
        gradient[i] = f->worker[0].dweight[at];
        for (int t = 1; t < f->threads; t++)
            gradient[i] += f->worker[t].dweight[at];
    }
}

/* With S = sum of dy and A = sum of dy * (z - mean), over the batch of `rows` pixels:
 *   dbeta = S, dgamma = A * inverse,
 *   dz = gamma * inverse * (dy - S/rows - (z - mean) * inverse^2 * A/rows). */
static void finish_norm(const wn_pass *pass)
{
    const wn_fast *f = pass->fast;
    const wn_layer *layer = wn_pass_layer(pass);
    const wn_norm *norm = &f->norm[pass->layer];
    const int n = layer->cout;
    const double rows = (double)pass->n * layer->out * layer->out;
    float *dgamma = pass->model->gradients + layer->gamma, *dbeta = pass->model->gradients + layer->beta;
    for (int c = 0; c < n; c++) {
        double sum = 0, along = 0;
        for (int t = 0; t < f->threads; t++) {
            sum += f->worker[t].sum[c];
            along += f->worker[t].square[c];
        }
        const double inverse = norm->inverse[c], slope = -norm->scale[c] * inverse * inverse * along / rows;
        dbeta[c] = (float)sum;
        dgamma[c] = (float)(along * inverse);
        norm->c[c] = norm->scale[c];
        norm->c[n + c] = (float)slope;
        norm->c[2 * n + c] = (float)(-norm->scale[c] * sum / rows - slope * norm->mean[c]);
    }
}

void wn_fast_backward(wn_model *model, int n)
{
    wn_fast *f = model->engine_state;
    wn_pass pass = {.model = model, .fast = f, .n = n, .training = true};
    const int last = model->network.count - 1;
    for (int t = 0; t < f->threads; t++) {
        memset(f->worker[t].sum, 0, model->network.features * sizeof(double));
        memset(f->worker[t].square, 0, model->network.features * sizeof(double));
    }
    wn_pool_run(model->pool, f->threads, head_task, &pass);
    for (pass.layer = last; pass.layer >= model->options.first_trainable; pass.layer--) {
        finish_norm(&pass);
        wn_pool_run(model->pool, f->threads, backward_task, &pass);
        wn_pool_run(model->pool, f->threads, reduce_task, &pass);
        if (model->passed)
            model->passed(pass.layer, true);
    }
}
