/* SPDX-License-Identifier: Apache-2.0
 * What a plan is made of, shared by the files that build it (plan.c) and run it (stage.c).
 *
 * A stage is one inverted residual in one pass: expansion, depthwise, projection and residual over a strip of
 * output rows at a time, so that the expanded tensor, six times as large as what goes in and out, never
 * leaves the nearest caches. The expanded rows of every block of 16 channels live in a ring: the rows that
 * the next strip needs again are still there. Small late maps are one strip, and one ring serves every block
 * in turn; there weights outweigh maps, so a few images go through a block's weights together. */
#ifndef WN_STAGE_H
#define WN_STAGE_H

#include "kernels/kernels.h"
#include "plan.h"

typedef struct wn_packed {
    const float *weight, *bias; /* batch norm folded in, in the layout of the kernel */
    const int8_t *bytes;        /* instead of weight, in an int8 plan; else NULL */
    const uint16_t *halves;     /* likewise, where products are of bf16 numbers */
    const float *scale;         /* then: of each output channel, */
    float in_scale, in_offset;  /* and of the input, as bytes: x in_scale + in_offset */
    int layer;                  /* in the table: whose range it is */
} wn_packed;

typedef struct wn_stage {
    const wn_layer *expand; /* WN_EXPAND, or WN_STEM for the first stage */
    const wn_layer *depthwise, *project;
    wn_packed expand_packed, depthwise_packed, project_packed;
    int strip;         /* output rows of a strip */
    int slots;         /* rows of the ring */
    size_t row;        /* floats of a ring's row, zero padding at both ends */
    size_t ring_size;  /* floats of one block's ring */
    bool shared_ring;  /* one strip is the whole map, and one ring serves all blocks in turn */
    size_t deep_block; /* floats from one block of depthwise output to the next */
    int group;         /* images that share one pass over the weights */
} wn_stage;

enum { WN_MAX_STAGES = WN_MAX_LAYERS / 2 };

struct wn_plan {
    wn_network network;
    wn_kernels kernels;
    int stages, early; /* the first `early` stages are run image after image, the others in groups */
    wn_stage stage[WN_MAX_STAGES];
    wn_packed last, embedding;
    float *memory;           /* everything packed */
    const wn_ranges *ranges; /* while an int8 plan is being packed; else NULL */
    bool int8;
    bool bf16; /* weights are rounded; inputs too, where kernels.gemm16 is there to multiply them */
};

/* One thread's working memory, carved from the caller's scratch. */
typedef struct wn_workspace {
    float *map[2];     /* early stages: input and output of the one being run, in turn */
    float *batch[2];   /* the same for late stages, all images */
    float *ring;       /* expanded rows */
    float *deep;       /* depthwise output of a strip */
    float *zeros;      /* a row of zeros: above and below the map */
    float *image_rows; /* three padded rows of the image */
    float *column;     /* output of the last layer or of the embedding: one pass of gemm over a group */
    float *features;   /* pooled features of all images: [blocks][batch][16] */
    uint32_t *where;   /* place of each expanded pixel of a strip in the ring */
    void *narrow;      /* the input of a stage as bytes or bf16, where products are of such numbers */
    void *narrow_deep; /* likewise of its projection */
    size_t bytes;
    wn_ranges *ranges;                     /* of wn_plan_observe; NULL: none */
    void (*done)(void *context, int part); /* of wn_plan_trace; NULL: none */
    void *context;
} wn_workspace;

static inline int wn_blocks(int channels)
{
    return (channels + WN_BLOCK - 1) / WN_BLOCK;
}

/* Floats of a map of `channels` channels and side x side pixels. */
static inline size_t wn_map_size(int channels, int side)
{
    return (size_t)wn_blocks(channels) * side * side * WN_BLOCK;
}

/* Where the next array of a block goes. With a NULL base it only counts, so that sizing and filling are one
 * code. */
typedef struct wn_packer {
    float *base;
    size_t used;
} wn_packer;

static inline float *wn_take(wn_packer *p, size_t floats)
{
    float *at = p->base ? p->base + p->used : NULL;
    p->used += (floats + WN_BLOCK - 1) / WN_BLOCK * WN_BLOCK;
    return at;
}

/* wn_plan_create with given kernels, and, where ranges is not NULL, wn_plan_create_int8. */
winnow_status wn_plan_build(const wn_kernels *kernels, const wn_network *network, const wn_params *params,
                            wn_precision precision, const wn_ranges *ranges, wn_plan **plan,
                            winnow_error *error);

/* Packs the weights of a plan whose stages are set; with a NULL base it only counts. */
void wn_pack(wn_packer *p, wn_plan *plan, const wn_params *params);

/* The product of some output channels, from `channel` on, by the kernel that suits the weights. g holds all
 * but them and the input, which starts at element `at` of a, and is of the type that wn_narrow returned. */
void wn_multiply(const wn_kernels *kernels, const wn_packed *packed, int channel, const void *a, size_t at,
                 wn_gemm g);

/* The input of a product, `count` floats (a multiple of 16), as the product wants it: itself, or rounded to
 * `room`. */
const void *wn_narrow(const wn_kernels *kernels, const wn_packed *packed, const float *in, size_t count,
                      void *room);

/* Widens the range of layer `packed->layer` where work->ranges asks for it: `channels` channels of blocks of
 * `pixels` pixels that are `stride` floats apart. */
void wn_observe(const wn_workspace *work, const wn_packed *packed, const float *in, int channels, int pixels,
                size_t stride);

/* Sizes the ring, the strip and the group of a stage whose layers are set. */
void wn_stage_shape(wn_stage *stage, int gemm_columns);

/* One stage over stage->group images or fewer; image i of the input map is in + i * the map's size (of the
 * stem: the normalised images themselves), and so is the output. */
void wn_stage_run(const wn_stage *stage, const wn_kernels *kernels, int images, const float *in, float *out,
                  const wn_workspace *work);

/* Floats of ring, depthwise output and so on that a stage needs. */
size_t wn_stage_ring_size(const wn_stage *stage, int gemm_columns);
size_t wn_stage_deep_size(const wn_stage *stage);
size_t wn_stage_where_size(const wn_stage *stage);

#endif
