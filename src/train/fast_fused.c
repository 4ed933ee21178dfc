/* SPDX-License-Identifier: Apache-2.0
 * The backward of a large expansion, within the pass of the depthwise layer behind it.
 *
 * An expansion z = W x makes six channels of one, and dy, the gradient at its norm's output, is as large as
 * z: too large for the caches on a large grid. Both of its uses are linear in dz = dy*c0 + z*c1 + c2, where
 * c0 is known beforehand, and c1 and c2 once the sums of dy are:
 *
 *     dx = dz W          = dy (c0 W) + x (W' c1 W) + c2 W
 *     dW = dz' (x - s)   = c0 dy' (x - s) + c1 W (x - s)'(x - s) + (c2 + c1 W s) sum(x - s)'
 *
 * (' transposes; the sum of dz is 0, so that x may be taken about any s, here its mean, and nothing is lost
 * to cancellation). So a block of dy gives its share of the first terms as soon as the depthwise layer has
 * made it, and is never stored; what is left are products as narrow as x, and z is not read again. */
#include "fast.h"

#include <string.h>

enum { GRID = 16, BLOCK = 64 }; /* the least grid; pixels of a block, but for those of its last row */

/* Not behind a frozen norm: its beta may be far from its mean, and much would be lost to cancellation. */
bool wn_fuses(const wn_model *model, int layer)
{
    const wn_network *network = &model->network;
    if (network->layer[layer].kind != WN_EXPAND || network->layer[layer].out < GRID)
        return false;
    for (int from = layer - 1; from >= 0; from = network->layer[from].residual)
        if (from < model->options.first_trainable)
            return false;
    return true;
}

wn_fused wn_fused_sizes(const wn_layer *layer)
{
    const size_t slack = 16, pixels = BLOCK + layer->out;
    wn_fused size = {.dy = 0};
    size.x = size.dy + pixels * layer->cout + slack;
    size.floats = size.x + pixels * layer->cin + slack;
    size.gram = (size_t)layer->cout * layer->cin;
    size.sums = size.gram + (size_t)layer->cin * layer->cin;
    size.shares = size.sums + layer->cin;
    return size;
}

/* to (cout, cin) = W, its rows times `factor`. */
static void scale_rows(const wn_layer *layer, const float *weight, const float *factor, float *to)
{
    for (int o = 0; o < layer->cout; o++)
        for (int i = 0; i < layer->cin; i++)
            to[(size_t)o * layer->cin + i] = weight[(size_t)o * layer->cin + i] * factor[o];
}

void wn_fused_prepare(const wn_pass *pass, int l)
{
    wn_fast *f = pass->fast;
    const wn_network *network = &pass->model->network;
    const wn_layer *layer = &network->layer[l];
    const float *data = pass->model->params.data;
    scale_rows(layer, data + layer->weight, f->norm[l].scale, f->scaled);
    f->kernels.pack(layer->cout, layer->cin, f->scaled, layer->cin, 1, f->backward_weight[l]);
    memcpy(f->centre, data + network->layer[l - 1].beta, layer->cin * sizeof(float));
    for (int from = network->layer[l - 1].residual; from >= 0; from = network->layer[from].residual)
        for (int i = 0; i < layer->cin; i++)
            f->centre[i] += data[network->layer[from].beta + i];
}

/* to (rows, n) = x about its mean, and its sums. */
static void centre_rows(int rows, int n, const float *restrict x, const float *restrict centre,
                        float *restrict to, float *restrict sums)
{
    for (int r = 0; r < rows; r++)
        for (int i = 0; i < n; i++) {
            const float value = x[r * n + i] - centre[i];
            to[r * n + i] = value;
            sums[i] += value;
        }
}

bool wn_fused_full(const wn_layer *depthwise, int rows, int next)
{
    return rows >= BLOCK || next == depthwise->in;
}

void wn_fused_block(const wn_pass *pass, const wn_worker *worker, float *block, size_t first, int rows)
{
    const wn_fast *f = pass->fast;
    const int l = pass->layer - 1;
    const wn_layer *layer = &pass->model->network.layer[l];
    const int cin = layer->cin, cout = layer->cout;
    const wn_fused size = wn_fused_sizes(layer);
    const float *dy = block + size.dy;
    float *x = block + size.x;
    centre_rows(rows, cin, f->y[l - 1] + first * cin, f->centre, x, worker->shares + size.sums);
    const wn_outer dweight = {rows, cout, cin, dy, x, cout, cin, cin, worker->shares};
    f->kernels.outer(&dweight);
    const wn_outer gram = {rows, cin, cin, x, x, cin, cin, cin, worker->shares + size.gram};
    f->kernels.outer(&gram);
    const wn_product dx = {.add = wn_starts_residual(&pass->model->network, l),
                           .m = rows,
                           .n = cin,
                           .k = cout,
                           .a = dy,
                           .lda = cout,
                           .b = f->backward_weight[l],
                           .c = {f->narrow_gradient + first * cin},
                           .ldc = cin};
    f->kernels.product(&dx);
}

/* dW from the threads' shares, added up in the same order whatever they did. */
static void finish_dweight(const wn_pass *pass, const wn_layer *layer, float *shares)
{
    wn_fast *f = pass->fast;
    const int cin = layer->cin, cout = layer->cout;
    const wn_fused size = wn_fused_sizes(layer);
    const float *c = f->norm[pass->layer].c, *weight = pass->model->params.data + layer->weight;
    for (int t = 1; t < f->threads; t++)
        for (size_t i = 0; i < size.shares; i++)
            shares[i] += f->worker[t].shares[i];
    f->kernels.pack(cin, cin, shares + size.gram, cin, 1, f->correction);
    const wn_product spread = {.m = cout,
                               .n = cin,
                               .k = cin,
                               .a = weight,
                               .lda = cin,
                               .b = f->correction,
                               .c = {f->scaled},
                               .ldc = cin};
    f->kernels.product(&spread);
    for (int o = 0; o < cout; o++) {
        double level = c[2 * cout + o];
        for (int i = 0; i < cin; i++)
            level += (double)c[cout + o] * weight[(size_t)o * cin + i] * f->centre[i];
        for (int i = 0; i < cin; i++) {
            const size_t at = (size_t)o * cin + i;
            pass->model->gradients[layer->weight + at] =
                (float)(c[o] * shares[at] + c[cout + o] * f->scaled[at] + level * shares[size.sums + i]);
        }
    }
}

/* Packs W' c1 W, and leaves c2 W in `level`. */
static void prepare_dx(const wn_pass *pass, const wn_layer *layer, float *narrow)
{
    wn_fast *f = pass->fast;
    const int cin = layer->cin, cout = layer->cout;
    const float *c = f->norm[pass->layer].c, *weight = pass->model->params.data + layer->weight;
    scale_rows(layer, weight, c + cout, f->scaled);
    memset(narrow, 0, (size_t)cin * cin * sizeof(float));
    const wn_outer outer = {cout, cin, cin, f->scaled, weight, cin, cin, cin, narrow};
    f->kernels.outer(&outer);
    f->kernels.pack(cin, cin, narrow, cin, 1, f->correction);
    for (int i = 0; i < cin; i++) {
        double level = 0;
        for (int o = 0; o < cout; o++)
            level += (double)c[2 * cout + o] * weight[(size_t)o * cin + i];
        f->level[i] = (float)level;
    }
}

void wn_fused_finish(const wn_pass *pass)
{
    const wn_layer *layer = wn_pass_layer(pass);
    float *shares = pass->fast->worker[0].shares;
    finish_dweight(pass, layer, shares);
    prepare_dx(pass, layer, shares);
}
