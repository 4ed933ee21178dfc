/* SPDX-License-Identifier: Apache-2.0
 * The backward passes of the fast engine. */
#include "fast.h"

#include <string.h>

/* Every other pass walks backwards, so that it begins with what the one before left in the caches: step i of
 * `count` does this one. */
static size_t turn(const wn_pass *pass, size_t i, size_t count)
{
    return pass->layer % 2 ? count - 1 - i : i;
}

/* A worker's gate into the norm of layer l, whose gradient buffer is filled from pixel `first` on. */
static wn_gate gate_into(const wn_pass *pass, wn_worker *worker, int l, size_t first)
{
    const wn_fast *f = pass->fast;
    const wn_layer *layer = &pass->model->network.layer[l];
    const size_t at = first * layer->cout;
    wn_gate gate = {.channels = layer->cout,
                    .ldz = layer->cout,
                    .z = wn_stored_from(f->z[l], at),
                    .mean = f->norm[l].mean,
                    .dy = wn_stored_from(wn_fast_gradient(f, layer), at),
                    .sum = worker->part_sum,
                    .along = worker->part_square};
    if (layer->relu6) {
        gate.dy.streamed = f->z[l].streamed; /* of the same size */
        gate.scale = f->norm[l].scale;
        gate.offset = f->norm[l].offset;
    }
    return gate;
}

/* ---- embedding and pooling ---- */

/* The gradients of the embedding's weight and bias: each thread has some of their rows. */
static void embedding_gradient(const wn_pass *pass, int index)
{
    wn_model *model = pass->model;
    const wn_fast *f = pass->fast;
    const wn_network *network = &model->network;
    const int size = network->embedding, channels = network->features;
    const int first = wn_share(size, index, f->threads), end = wn_share(size, index + 1, f->threads);
    float *dweight = model->gradients + network->embedding_weight + (size_t)first * channels;
    float *dbias = model->gradients + network->embedding_bias;
    memset(dweight, 0, (size_t)(end - first) * channels * sizeof *dweight);
    const wn_outer outer = {.m = pass->n,
                            .p = end - first,
                            .q = channels,
                            .a = model->d_embedding + first,
                            .lda = size,
                            .b = model->features,
                            .ldb = channels,
                            .c = dweight,
                            .ldc = channels};
    f->kernels.outer(&outer);
    for (int e = first; e < end; e++) {
        dbias[e] = 0;
        for (int image = 0; image < pass->n; image++)
            dbias[e] += model->d_embedding[(size_t)image * size + e];
    }
}

/* d_features = d_embedding . W of images [from, to). */
static void features_gradient(const wn_pass *pass, int from, int to)
{
    const wn_fast *f = pass->fast;
    const int size = pass->model->network.embedding, channels = pass->model->network.features;
    const wn_product product = {.m = to - from,
                                .n = channels,
                                .k = size,
                                .a = pass->model->d_embedding + (size_t)from * size,
                                .lda = size,
                                .b = f->embedding_backward,
                                .c = {f->d_features + (size_t)from * channels},
                                .ldc = channels};
    f->kernels.product(&product);
}

/* d_features [+ d_keep] / grid^2 of an image, which goes through every pixel of the last layer. */
static void pooled_gradient(const wn_pass *pass, wn_worker *worker, int image)
{
    const wn_model *model = pass->model;
    const wn_network *network = &model->network;
    const int channels = network->features;
    const size_t pixels = (size_t)network->grid * network->grid;
    float *dx = pass->fast->d_features + (size_t)image * channels;
    for (int c = 0; model->d_keep && c < channels; c++)
        dx[c] += model->d_keep[(size_t)image * channels + c];
    for (int c = 0; c < channels; c++)
        dx[c] /= (float)pixels;
    wn_gate gate = gate_into(pass, worker, network->count - 1, image * pixels);
    gate.rows = pixels;
    gate.dx = dx;
    gate.lddx = 0;
    pass->fast->kernels.gate_gradient(&gate);
    wn_flush_sums(worker, channels);
}

static void head_task(void *context, int index, int worker)
{
    const wn_pass *pass = context;
    const wn_fast *f = pass->fast;
    embedding_gradient(pass, index);
    if (pass->model->options.first_trainable == pass->model->network.count)
        return;
    const int from = wn_share(pass->n, index, f->threads), to = wn_share(pass->n, index + 1, f->threads);
    features_gradient(pass, from, to);
    for (int image = from; image < to; image++)
        pooled_gradient(pass, &f->worker[worker], image);
}

/* ---- stem and 1x1 ---- */

/* A block of a 1x1 layer or of the stem. */
typedef struct block {
    const wn_pass *pass;
    wn_worker *worker;
    wn_blocking size;
    size_t row; /* its first pixel */
    int rows;
    int cin; /* of the product: a patch of the stem */
    const float *x;
    size_t ldx;
    float *dz, *dx;
    bool deeper; /* dx is wanted */
} block;

/* dz of channels [first, first + count). */
static void load_dz(const block *b, int first, int count)
{
    const wn_fast *f = b->pass->fast;
    const wn_layer *layer = wn_pass_layer(b->pass);
    const size_t at = b->row * layer->cout + first;
    f->kernels.norm_gradient((wn_rows){b->rows, count}, wn_stored_from(wn_fast_gradient(f, layer), at),
                             wn_stored_from(f->z[b->pass->layer], at), f->norm[b->pass->layer].c + first,
                             layer->cout, b->dz, b->size.ldd);
}

/* x of channels [first, first + count). */
static void load_x(block *b, int first, int count)
{
    const wn_fast *f = b->pass->fast;
    const wn_layer *layer = wn_pass_layer(b->pass);
    const int before = b->pass->layer - 1;
    float *x = b->worker->scratch + b->size.x;
    b->x = x;
    b->ldx = b->size.ldx;
    if (layer->kind == WN_STEM) {
        wn_stem_patches(b->pass, b->row, b->rows, x);
        return;
    }
    const size_t at = b->row * layer->cin + first;
    if (!f->y[before]) {
        f->kernels.activate((wn_rows){b->rows, count}, wn_stored_from(f->z[before], at), layer->cin,
                            f->norm[before].scale + first, f->norm[before].offset + first, x, b->size.ldx);
    } else if (!wn_copies_input(layer)) {
        b->x = f->y[before] + at;
        b->ldx = layer->cin;
    } else {
        for (int r = 0; r < b->rows; r++)
            memcpy(x + r * b->size.ldx, f->y[before] + at + (size_t)r * layer->cin, count * sizeof *x);
    }
}

/* dW (cout, cin) += dz^T . x, of the outputs and the inputs that are loaded. */
static void add_dweight(const block *b, int cout, int outputs, int cin, int inputs)
{
    const wn_outer outer = {.m = b->rows,
                            .p = outputs,
                            .q = inputs,
                            .a = b->dz,
                            .lda = b->size.ldd,
                            .b = b->x,
                            .ldb = b->ldx,
                            .c = b->worker->dweight + (size_t)cout * b->cin + cin,
                            .ldc = b->cin};
    b->pass->fast->kernels.outer(&outer);
}

/* dx of `inputs` channels = or += dz of `outputs` channels . W, whose packed slice is given; it goes through
 * the gate, if there is one. */
static void add_dx(const block *b, const float *weight, int outputs, int inputs, bool add,
                   const wn_gate *gate)
{
    const wn_product product = {.m = b->rows,
                                .n = inputs,
                                .k = outputs,
                                .add = add,
                                .a = b->dz,
                                .lda = b->size.ldd,
                                .b = weight,
                                .c = {b->dx},
                                .gate = gate,
                                .ldc = b->size.ldx};
    b->pass->fast->kernels.product(&product);
}

/* The gate of the layer before, for channels [first, first + count) of dx. */
static wn_gate gate_of(const block *b, int first, int count)
{
    wn_gate gate = gate_into(b->pass, b->worker, b->pass->layer - 1, b->row);
    gate.rows = b->rows;
    gate.channels = count;
    gate.z = wn_stored_from(gate.z, first);
    gate.mean += first;
    gate.dy = wn_stored_from(gate.dy, first);
    gate.sum += first;
    gate.along += first;
    if (gate.scale) {
        gate.scale += first;
        gate.offset += first;
    }
    return gate;
}

/* Fewer outputs than inputs, as in a projection: each slice of inputs is finished by itself. */
static void backward_by_inputs(block *b)
{
    const wn_fast *f = b->pass->fast;
    const int cout = wn_pass_layer(b->pass)->cout;
    load_dz(b, 0, cout);
    for (int c = 0; c < b->cin; c += b->size.slice) {
        const int inputs = b->cin - c < b->size.slice ? b->cin - c : b->size.slice;
        load_x(b, c, inputs);
        add_dweight(b, 0, cout, c, inputs);
        if (b->deeper) {
            const wn_gate gate = gate_of(b, c, inputs);
            add_dx(b, f->backward_weight[b->pass->layer] + f->kernels.packed(cout, c), cout, inputs, false,
                   &gate);
        }
    }
}

/* More outputs than inputs, as in an expansion: each slice of outputs adds its share of dx. */
static void backward_by_outputs(block *b)
{
    const wn_fast *f = b->pass->fast;
    const int cout = wn_pass_layer(b->pass)->cout;
    load_x(b, 0, b->cin);
    for (int c = 0; c < cout; c += b->size.slice) {
        const int outputs = cout - c < b->size.slice ? cout - c : b->size.slice;
        load_dz(b, c, outputs);
        add_dweight(b, c, outputs, 0, b->cin);
        if (b->deeper)
            add_dx(b, f->backward_weight[b->pass->layer] + f->kernels.packed(c, b->cin), outputs, b->cin, c,
                   NULL);
    }
    if (b->deeper) {
        wn_gate gate = gate_of(b, 0, b->cin);
        gate.dx = b->dx;
        gate.lddx = b->size.ldx;
        gate.add = wn_starts_residual(&b->pass->model->network, b->pass->layer) ? gate.dy.at : NULL;
        b->pass->fast->kernels.gate_gradient(&gate);
    }
}

/* Block by block: dz from dy and z, dW += dz^T . x, dx = dz . W, which is gated into the layer before. */
static void dense_backward(const wn_pass *pass, wn_worker *worker, int from, int to)
{
    const wn_layer *layer = wn_pass_layer(pass);
    const wn_blocking size = wn_block_backward(layer);
    const size_t pixels = (size_t)layer->out * layer->out, start = from * pixels, end = to * pixels;
    const size_t blocks = (end - start + size.rows - 1) / size.rows;
    block b = {.pass = pass,
               .worker = worker,
               .size = size,
               .cin = layer->kind == WN_STEM ? WN_PATCH : layer->cin,
               .dz = worker->scratch + size.dz,
               .dx = worker->scratch + size.dx,
               .deeper = pass->layer > pass->model->options.first_trainable};
    for (size_t i = 0; i < blocks; i++) {
        b.row = start + turn(pass, i, blocks) * size.rows;
        b.rows = end - b.row < (size_t)size.rows ? (int)(end - b.row) : size.rows;
        if (b.cin > layer->cout)
            backward_by_inputs(&b);
        else
            backward_by_outputs(&b);
        if (b.deeper)
            wn_flush_sums(worker, layer->cin);
    }
}

/* What the dx of a fused layer lacks: dx += x . correction + level, in place. */
static void correct_dx(const wn_pass *pass, wn_worker *worker, int from, int to)
{
    const wn_fast *f = pass->fast;
    const wn_layer *layer = wn_pass_layer(pass);
    const size_t pixels = (size_t)layer->out * layer->out, cin = layer->cin;
    const int rows = wn_block_forward(layer).rows;
    for (size_t row = from * pixels; row < to * pixels; row += rows) {
        const int m = to * pixels - row < (size_t)rows ? (int)(to * pixels - row) : rows;
        float *dx = f->narrow_gradient + row * cin;
        const wn_product product = {.add = true,
                                    .m = m,
                                    .n = layer->cin,
                                    .k = layer->cin,
                                    .a = f->y[pass->layer - 1] + row * cin,
                                    .lda = cin,
                                    .b = f->correction,
                                    .c = {dx},
                                    .ldc = cin};
        f->kernels.product(&product);
        wn_gate gate = gate_into(pass, worker, pass->layer - 1, row);
        gate.rows = m;
        gate.dx = dx;
        gate.lddx = cin;
        gate.offset = f->level;
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

/* dx of input row iy, gated into the layer before; or into `dy`, for a fused one. */
static void depthwise_dx(const wn_pass *pass, wn_worker *worker, const wn_rings *ring, int image, int iy,
                         float *dy)
{
    const wn_fast *f = pass->fast;
    const wn_layer *layer = wn_pass_layer(pass);
    const int kernel = layer->kernel, channels = layer->cin, before = layer->pad_before;
    wn_gate gate = gate_into(pass, worker, pass->layer - 1, ((size_t)image * layer->in + iy) * layer->in);
    if (dy)
        gate.dy = (wn_stored){dy};
    if (layer->stride == 1) {
        const float *tap[5];
        /* turned: dx[iy] = sum of w[-ky] * dz[iy + before - (kernel-1) + ky] */
        for (int ky = 0; ky < kernel; ky++)
            tap[ky] = dz_row(layer, ring, worker->scratch, iy + before - (kernel - 1) + ky) +
                      (size_t)(ring->side + before - (kernel - 1)) * channels;
        const wn_depthwise_row d = {.kernel = kernel,
                                    .stride = 1,
                                    .channels = channels,
                                    .out = layer->in,
                                    .in = tap,
                                    .weight = f->backward_weight[pass->layer],
                                    .gate = &gate};
        f->kernels.depthwise(&d);
    } else {
        wn_depthwise_dx2 d = {
            .kernel = kernel, .channels = channels, .in = layer->in, .before = before, .gate = &gate};
        for (int ky = (iy + before) % 2; ky < kernel; ky += 2) {
            const int oy = (iy + before - ky) / 2;
            if (iy + before < ky || oy >= layer->out)
                continue;
            d.dy[d.taps] = dz_row(layer, ring, worker->scratch, oy) + (size_t)ring->side * channels;
            d.weight[d.taps++] = f->forward_weight[pass->layer] + (size_t)ky * kernel * channels;
        }
        f->kernels.depthwise_dx2(&d);
    }
    wn_flush_sums(worker, channels);
}

/* Rows [*done, complete) of dx; a fused expansion takes them in blocks. */
static void complete_rows(const wn_pass *pass, wn_worker *worker, const wn_rings *ring, int image, int *done,
                          int complete)
{
    const wn_layer *layer = wn_pass_layer(pass);
    const bool fused = wn_fuses(pass->model, pass->layer - 1);
    float *dy = worker->scratch + ring->floats; /* a block begins with it */
    for (; *done < complete; ++*done) {
        if (!fused) {
            depthwise_dx(pass, worker, ring, image, *done, NULL);
            continue;
        }
        depthwise_dx(pass, worker, ring, image, *done, dy + (size_t)worker->waiting * layer->cin);
        worker->waiting += layer->in;
        if (wn_fused_full(layer, worker->waiting, *done + 1)) {
            const size_t end = ((size_t)image * layer->in + *done + 1) * layer->in;
            wn_fused_block(pass, worker, dy, end - worker->waiting, worker->waiting);
            worker->waiting = 0;
        }
    }
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
    const float *tap[5];
    const wn_stored gradient = wn_fast_gradient(f, layer);
    wn_depthwise_dweight d = {.kernel = layer->kernel,
                              .stride = layer->stride,
                              .channels = layer->cout,
                              .out = layer->out,
                              .in = tap,
                              .dweight = worker->dweight};
    memset(worker->scratch, 0, ring.floats * sizeof(float));
    for (int i = from; i < to; i++) {
        const int image = from + (int)turn(pass, i - from, to - from);
        for (int oy = 0, loaded = 0, done = 0; oy < layer->out; oy++) {
            const int top = oy * layer->stride - layer->pad_before;
            const size_t at = ((size_t)image * layer->out + oy) * row;
            for (; loaded < layer->in && loaded < top + layer->kernel; loaded++)
                wn_load_row(pass, image, loaded,
                            worker->scratch + ring.x + loaded % layer->kernel * ring.x_row);
            float *dz = worker->scratch + ring.dz + oy % layer->kernel * ring.dz_row +
                        (size_t)ring.side * layer->cout;
            f->kernels.norm_gradient((wn_rows){layer->out, layer->cout}, wn_stored_from(gradient, at),
                                     wn_stored_from(f->z[l], at), f->norm[l].c, layer->cout, dz, layer->cout);
            for (int ky = 0; ky < layer->kernel; ky++) {
                const int y = top + ky;
                const bool outside = y < 0 || y >= layer->in;
                tap[ky] = worker->scratch + (outside ? ring.zero : ring.x + y % layer->kernel * ring.x_row);
            }
            d.dy = dz;
            f->kernels.depthwise_dweight(&d);
            const int complete =
                oy + 1 == layer->out ? layer->in : (oy + 1) * layer->stride - layer->pad_before;
            if (deeper)
                complete_rows(pass, worker, &ring, image, &done, complete);
        }
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
    if (pass->layer && wn_fuses(pass->model, pass->layer - 1))
        memset(self->shares, 0, wn_fused_sizes(layer - 1).shares * sizeof(float));
    const int from = wn_share(pass->n, index, f->threads), to = wn_share(pass->n, index + 1, f->threads);
    if (layer->kind == WN_DEPTHWISE)
        depthwise_backward(pass, self, from, to);
    else if (wn_fuses(pass->model, pass->layer))
        correct_dx(pass, self, from, to);
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
        const bool fused = wn_fuses(model, pass.layer);
        finish_norm(&pass);
        if (fused)
            wn_fused_finish(&pass);
        else if (pass.layer && wn_fuses(model, pass.layer - 1))
            wn_fused_prepare(&pass, pass.layer - 1);
        wn_pool_run(model->pool, f->threads, backward_task, &pass);
        if (!fused)
            wn_pool_run(model->pool, f->threads, reduce_task, &pass);
        if (model->passed)
            model->passed(pass.layer, true);
    }
}
