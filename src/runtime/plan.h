/* SPDX-License-Identifier: Apache-2.0
 * The inference plan: network table + weights -> batch norm folded, weights packed for the kernels of this
 * CPU, memory planned once. Running a plan allocates nothing and starts no threads. */
#ifndef WN_PLAN_H
#define WN_PLAN_H

#include "network.h"

typedef struct wn_plan wn_plan;

typedef enum wn_precision { WN_PRECISION_FP32, WN_PRECISION_BF16, WN_PRECISION_INT8 } wn_precision;

enum { WN_LAYER_OUTPUTS = 2 };

/* What one forward pass leaves, per image. NULL fields are not written. */
typedef struct wn_outputs {
    float *bottleneck; /* [bottleneck] mean over the grid of the linear bottleneck before the last 1x1 */
    float *features;   /* [features] mean over the grid of the last layer: torchvision's pooled features */
    float *embedding;  /* [embedding] raw, not normalised: features . W^T + b */
    float *bottleneck_map; /* [grid*grid*bottleneck], NHWC */
    float *features_map;   /* [grid*grid*features], NHWC */
    /* [cout] means over the maps of layers layer[], such as network.early and network.middle. A plan keeps
     * the maps of projections and of the last layer alone. */
    float *layer_output[WN_LAYER_OUTPUTS];
    int layer[WN_LAYER_OUTPUTS];
    /* [grid*grid*cout], NHWC, of those of them that are projections: means over the part of the map that lies
     * under each pixel of the last one. */
    float *layer_map[WN_LAYER_OUTPUTS];
} wn_outputs;

/* Packs params (which may be freed afterwards). The kernels are those of
 * wn_cpu_level() at the time of the call. In bf16 the weights of 1x1 convolutions and embedding are rounded
 * to it; so are their inputs where the processor multiplies such numbers (wn_plan_multiplies_bf16), else the
 * rounded weights are used as float32. Not for int8. On failure *plan is untouched. */
winnow_status wn_plan_create(const wn_network *network, const wn_params *params, wn_precision precision,
                             wn_plan **plan, winnow_error *error);

bool wn_plan_multiplies_bf16(const wn_plan *plan);

/* The range of the input of each layer over some photos: of expansions, projections, the last layer and, as
 * number `count`, the embedding, whose products are computed in bytes; 0 to 0 for the others. */
typedef struct wn_ranges {
    float low[WN_MAX_LAYERS + 1], high[WN_MAX_LAYERS + 1]; /* low <= 0 <= high */
} wn_ranges;

/* An int8 plan: 1x1 convolutions and embedding with weights of 8 bits, a scale for each output channel
 * (params->scale, or chosen where that is NULL), and inputs of 7 bits within `ranges`; sums are exact. Stem
 * and depthwise filters are float32 that wn_filter_to_grid rounds. Every processor finds the same bits. */
winnow_status wn_plan_create_int8(const wn_network *network, const wn_params *params, const wn_ranges *ranges,
                                  wn_plan **plan, winnow_error *error);

/* Widens *ranges (from {0}) by what one image, run by a float32 plan, gives every layer. */
void wn_plan_observe(const wn_plan *plan, const float *image, void *scratch, wn_ranges *ranges);

/* A row of weights as bytes: weight = scale * byte, the scale chosen so that the bytes fit, see
 * kernels/int8.h; 0, or at least WN_LEAST_SCALE. Bytes -> weights -> bytes with the same scale changes
 * nothing. */
#define WN_LEAST_SCALE 1e-30f
float wn_row_scale(const float *weight, size_t count);
void wn_row_bytes(const float *weight, size_t count, float scale, int8_t *bytes);

/* What an int8 plan makes of a filter of the stem or of a depthwise layer, batch norm folded in: rounds its
 * `taps` weights, `step` floats apart, and its bias to multiples of two powers of two, the finest for which
 * products with multiples of 1/256 of -reach to reach, and their sums, are exact float32. So every processor
 * finds the same. Pixels beyond WN_PIXEL_REACH would lose that, and nothing else. */
#define WN_PIXEL_REACH 4.0f
#define WN_RELU6_REACH 6.0f
void wn_filter_to_grid(float *weight, int taps, size_t step, float reach, float *bias);
bool wn_row_fits(const int8_t *bytes, size_t count);

void wn_plan_free(wn_plan *plan);

/* Bytes of scratch for one thread at `batch` images a call, 64-byte aligned. Its contents mean nothing
 * between calls. */
size_t wn_plan_scratch(const wn_plan *plan, int batch);

/* images: (batch, input, input, 3) normalised floats; outputs[batch]. An image's results are the same bits in
 * every batch, and on every run on machines of one instruction set. */
void wn_plan_run(const wn_plan *plan, int batch, const float *images, const wn_outputs *outputs,
                 void *scratch);

/* The embedding of one vector of pooled features, such as a mean over a part of features_map. */
void wn_plan_embed(const wn_plan *plan, const float *features, float *embedding, void *scratch);

/* What a plan is timed by: its parts in the order that they run: the inverted residuals, fused, then the last
 * convolution with its pooling, then the embedding. */
typedef struct wn_part_cost {
    char name[48];  /* and channels: "features.2 16>96>24 s2" is expansion, depthwise filter of stride 2 and
                       projection in one */
    uint64_t macs;  /* multiply-adds for one image; */
    uint64_t dense; /* of them those of 1x1 convolutions and of the embedding, which a plan computes in its
                       own precision; the others are float32 in every plan */
} wn_part_cost;

int wn_plan_parts(const wn_plan *plan);
wn_part_cost wn_plan_part(const wn_plan *plan, int part);

/* wn_plan_run for one image; calls done(context, part) after each part that ran. */
void wn_plan_trace(const wn_plan *plan, const float *image, const wn_outputs *output, void *scratch,
                   void (*done)(void *context, int part), void *context);

/* The oracle of the above for one image: direct loops, sums in float64, unfolded, slow, obviously right.
 * Allocates. Fills layer_output of any layer. */
winnow_status wn_plan_reference(const wn_network *network, const wn_params *params, const float *image,
                                const wn_outputs *outputs, winnow_error *error);

#endif
