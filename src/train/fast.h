/* SPDX-License-Identifier: Apache-2.0
 * The fast engine: what its files share.
 *
 * Only the convolutions' outputs z are kept, and the outputs y of the narrow projections. Norm and ReLU6 of a
 * layer are applied where the next one loads its input, in blocks that stay in the second-level cache; the
 * sums that a batch norm needs are taken while z is written. The backward of a norm is dz = dy*c0 + z*c1 + c2
 * once two sums over the batch are known, so the pass that produces dy (already gated by the ReLU6) takes the
 * sums, and the pass of the layer itself applies the rest where it loads. Every layer is thus one pass over
 * its tensors in each direction, and one barrier. Each thread keeps to its own images from layer to layer.
 *
 * With wn_model_options.bf16, z and dy of all layers but the projections are stored in 16 bits, half the
 * memory to move; what is computed, and what runs along the residuals, is float32. */
#ifndef WN_FAST_H
#define WN_FAST_H

#include "kernels/kernels.h"
#include "model_state.h"

/* A norm as it is applied: y = z * scale + offset; c (3, cout) as wn_train_kernels.norm_gradient wants it. */
typedef struct wn_norm {
    float *scale, *offset, *mean, *inverse, *c;
} wn_norm;

/* One thread's own memory. */
typedef struct wn_worker {
    double *sum, *square;          /* [widest] of this pass; forward: about `shift` */
    float *part_sum, *part_square; /* of this block */
    float *shift;   /* a value of each channel: sums of squares about 0 would lose a small variance */
    float *dweight; /* its share of a weight's gradient */
    int waiting;    /* pixels of a fused block that is not full */
    float *shares;  /* of a fused expansion's gradients: see wn_fused */
    float *scratch;
} wn_worker;

typedef struct wn_fast {
    wn_train_kernels kernels;
    int threads, widest;                          /* most channels */
    wn_stored z[WN_MAX_LAYERS];                   /* of projections always floats */
    float *y[WN_MAX_LAYERS];                      /* of projections, else NULL */
    float *forward_weight[WN_MAX_LAYERS];         /* packed; depthwise: (kernel^2, cout) */
    float *backward_weight[WN_MAX_LAYERS];        /* packed; depthwise: turned by 180 degrees */
    float *embedding_weight, *embedding_backward; /* packed */
    float *stem_weight;                           /* (cout, WN_PATCH) */
    float *padded_embedding;                      /* (batch, embedding rounded up to 16) */
    float *d_features;                            /* (batch, features) / grid^2 */
    float *scaled, *centre, *correction, *level;  /* of the fused expansion that is at work */
    wn_stored wide_gradient, depthwise_gradient;  /* see wn_fast_gradient */
    float *narrow_gradient;
    wn_norm norm[WN_MAX_LAYERS];
    wn_worker *worker;
    float *block; /* all of the above is cut from it */
} wn_fast;

enum { WN_PATCH = 32 }; /* 3x3 pixels of 3 colours, row-major, and 5 zeros */

/* One pass over a layer, as its tasks see it. */
typedef struct wn_pass {
    wn_model *model;
    wn_fast *fast;
    int layer, n;
    bool training; /* of this layer: batch statistics are used */
} wn_pass;

static inline const wn_layer *wn_pass_layer(const wn_pass *pass)
{
    return &pass->model->network.layer[pass->layer];
}

/* Worker w has images [wn_share(n, w, threads), wn_share(n, w + 1, threads)). */
static inline int wn_share(int n, int worker, int threads)
{
    return (int)((long)n * worker / threads);
}

/* Distance between rows of a scratch matrix: an odd number of cache lines, so that columns spread over the
 * sets of a cache. */
static inline size_t wn_stride(int channels)
{
    return (((size_t)channels + 15) / 16 | 1) * 16;
}

/* What a block of a 1x1 layer or of the stem needs in scratch: offsets in floats. Backwards, the wider side
 * of a layer is taken in slices, so that a block has many pixels, and a weight's gradient is not loaded and
 * stored for a few of them at a time. */
typedef struct wn_blocking {
    int rows;                 /* pixels of a block */
    int slice;                /* of cout where that is the wider side, else of cin */
    size_t ldx, ldd;          /* of x and dx, and of dz */
    size_t x, dz, dx, floats; /* dz and dx: backward alone; dx: where cout is the wider side */
} wn_blocking;
wn_blocking wn_block_forward(const wn_layer *layer);
wn_blocking wn_block_backward(const wn_layer *layer);

/* Is x copied to scratch in the backward? Not where its rows are near one another, and normalised already. */
static inline bool wn_copies_input(const wn_layer *layer)
{
    return layer->kind == WN_STEM || layer->kind == WN_PROJECT || layer->cin > 32;
}

/* What a depthwise layer needs: rings of `kernel` padded rows of x and dz, a row of zeros. */
typedef struct wn_rings {
    size_t x_row, dz_row; /* floats of a padded row */
    int side;             /* zero pixels on each side of dz */
    size_t x, dz, zero, floats;
} wn_rings;
wn_rings wn_depthwise_rings(const wn_layer *layer);

/* Where the gradient that flows into the norm of a layer lies: of the stem, an expansion or the last layer
 * wide, of a depthwise one, of a projection. Three buffers are enough: a block is walked expansion <-
 * depthwise <- projection, and the gradient of a block's output waits in the third for the residual. */
wn_stored wn_fast_gradient(const wn_fast *fast, const wn_layer *layer);

/* Is the output of layer-1 also added to the output of the block that starts at `layer`? */
bool wn_starts_residual(const wn_network *network, int layer);

/* Is the backward of this layer fused into the one behind it? fast_fused.c says how and why. In scratch,
 * behind the rings: a block of dy and one of x. In wn_worker.shares: of dy' x (cout, cin), x' x (cin, cin),
 * sum x. */
typedef struct wn_fused {
    size_t dy, x, floats;
    size_t gram, sums, shares;
} wn_fused;
bool wn_fuses(const wn_model *model, int layer);
wn_fused wn_fused_sizes(const wn_layer *layer);

/* Before the pass of depthwise layer l+1: the weights that its blocks meet. */
void wn_fused_prepare(const wn_pass *pass, int l);

/* Is a block of `rows` pixels, before row `next` of the image, to be taken? */
bool wn_fused_full(const wn_layer *depthwise, int rows, int next);

/* Takes a block, of pixels [first, first + rows), within the depthwise layer's pass: its dy is there, its x
 * is written. */
void wn_fused_block(const wn_pass *pass, const wn_worker *worker, float *block, size_t first, int rows);

/* Once the sums are known: the weight's gradient, and what dx lacks: x . correction + level. */
void wn_fused_finish(const wn_pass *pass);

/* Image patches of the stem's output pixels [first, first + rows) of the batch, (rows, WN_PATCH). */
void wn_stem_patches(const wn_pass *pass, size_t first, int rows, float *to);

/* Loads row `row` of image `image` of a depthwise layer's input, normalised, into the padded row `to`. */
void wn_load_row(const wn_pass *pass, int image, int row, float *to);

/* Adds the float sums of a block to the worker's, and clears them. */
void wn_flush_sums(wn_worker *worker, int channels);

void wn_fast_forward(wn_model *model, int n, bool training, float *bottleneck);
void wn_fast_backward(wn_model *model, int n);

#endif
