/* SPDX-License-Identifier: Apache-2.0
 * Runs one inverted residual, strip by strip. */
#include "stage.h"

#include <string.h>

/* Cache that a stage may count on. The smallest in use since 2017 have 32 kB of L1 and 256 kB of L2. Of L1
 * the rows of one block that a strip reads get 20 kB, what they become and the weights the rest; whole small
 * maps, read once by the filter, up to 30 kB. Of L2 the filtered maps of a group get three quarters. */
enum { NEAR_CACHE = 20 << 10, FAR_CACHE = 192 << 10, MAX_STRIP = 24, MAX_ROWS = 2 * MAX_STRIP + 5 };

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

static int hidden_blocks(const wn_stage *stage)
{
    return wn_blocks(stage->depthwise->cout);
}

/* Rows of the expanded map that `strip` output rows read. */
static int rows_read(const wn_layer *depthwise, int strip)
{
    return (strip - 1) * depthwise->stride + depthwise->kernel;
}

void wn_stage_shape(wn_stage *stage, int gemm_columns)
{
    const wn_layer *depthwise = stage->depthwise;
    const int width = depthwise->pad_before + depthwise->in + depthwise->pad_after;
    const size_t line = (size_t)WN_BLOCK * sizeof(float);
    stage->row = (size_t)width * WN_BLOCK;
    stage->group = 1;
    const size_t whole = (size_t)depthwise->in * width * line;
    if (stage->expand->kind == WN_EXPAND && whole * gemm_columns / WN_BLOCK <= NEAR_CACHE * 3 / 2 &&
        depthwise->out <= MAX_STRIP) {
        stage->strip = depthwise->out;
        stage->slots = depthwise->in;
        stage->shared_ring = true;
        const size_t deep = (size_t)depthwise->out * depthwise->out * hidden_blocks(stage) * line;
        stage->group = deep < FAR_CACHE ? (int)(FAR_CACHE / deep) : 1;
    } else {
        stage->strip = 1;
        while (stage->strip < smaller(MAX_STRIP, depthwise->out) &&
               (size_t)rows_read(depthwise, stage->strip + 1) * width * line <= NEAR_CACHE)
            stage->strip++;
        stage->slots = smaller(rows_read(depthwise, stage->strip), depthwise->in);
        stage->shared_ring = false;
    }
    stage->ring_size = stage->slots * stage->row;
    /* An odd number of lines: blocks at a power of two would meet in the same sets of the cache. */
    stage->deep_block = (size_t)(stage->strip * depthwise->out | 1) * WN_BLOCK;
}

size_t wn_stage_ring_size(const wn_stage *stage, int gemm_columns)
{
    return (stage->shared_ring ? gemm_columns / WN_BLOCK : hidden_blocks(stage)) * stage->ring_size;
}

size_t wn_stage_deep_size(const wn_stage *stage)
{
    return stage->group * hidden_blocks(stage) * stage->deep_block;
}

size_t wn_stage_where_size(const wn_stage *stage)
{
    return (size_t)stage->slots * stage->depthwise->in;
}

/* One pass over a strip: what is known while it lasts. */
typedef struct strip {
    const wn_stage *stage;
    const wn_kernels *kernels;
    const wn_workspace *work;
    int out_row, out_rows; /* of the output */
    int row, rows;         /* new rows of the expanded map */
} strip;

static float *ring_row(const strip *s, int ring, int row)
{
    const wn_stage *stage = s->stage;
    return s->work->ring + ring * stage->ring_size + row % stage->slots * stage->row;
}

static void clear_padding(const wn_stage *stage, float *ring, size_t floats)
{
    const wn_layer *depthwise = stage->depthwise;
    const size_t before = (size_t)depthwise->pad_before * WN_BLOCK,
                 after = (size_t)depthwise->pad_after * WN_BLOCK;
    for (float *row = ring; row < ring + floats; row += stage->row) {
        memset(row, 0, before * sizeof *row);
        memset(row + stage->row - after, 0, after * sizeof *row);
    }
}

/* Where the pixels of the strip's new rows go in the ring. */
static void place_pixels(const strip *s)
{
    const wn_stage *stage = s->stage;
    const int width = stage->depthwise->in;
    uint32_t *where = s->work->where;
    for (int y = s->row; y < s->row + s->rows; y++) {
        const size_t start = y % stage->slots * stage->row + (size_t)stage->depthwise->pad_before * WN_BLOCK;
        for (int x = 0; x < width; x++)
            *where++ = (uint32_t)(start + (size_t)x * WN_BLOCK);
    }
}

/* `blocks` blocks of the expanded rows from `block` on, from the input map of one image to rings from `ring`.
 */
static void expand(const strip *s, const void *in, size_t image, int block, int blocks, int ring)
{
    const wn_layer *layer = s->stage->expand;
    const size_t pixels = (size_t)layer->in * layer->in;
    const wn_gemm g = {
        .a_block = pixels * WN_BLOCK,
        .c = s->work->ring + ring * s->stage->ring_size,
        .c_block = s->stage->ring_size,
        .where = s->work->where,
        .m = s->rows * layer->in,
        .n = smaller(blocks * WN_BLOCK, layer->cout - block * WN_BLOCK),
        .k = layer->cin,
        .relu6 = true,
    };
    wn_multiply(s->kernels, &s->stage->expand_packed, block * WN_BLOCK, in,
                image + (size_t)s->row * layer->in * WN_BLOCK, g);
}

static void copy_row(const float *from, size_t count, bool grid, float *to)
{
    if (!grid)
        memcpy(to, from, count * sizeof *to);
    for (size_t i = 0; grid && i < count; i++)
        to[i] = from[i] + WN_TO_GRID - WN_TO_GRID;
}

/* The same from the image itself: all blocks of the strip's new rows. */
static void expand_stem(const strip *s, const float *image)
{
    const bool grid = s->stage->project_packed.bytes;
    const wn_layer *layer = s->stage->expand;
    const wn_packed *packed = &s->stage->expand_packed;
    const size_t row = (size_t)layer->in * 3,
                 padded = (size_t)(layer->in + layer->pad_before + layer->pad_after) * 3;
    float *rows = s->work->image_rows;
    const float *const in[3] = {rows, rows + padded, rows + 2 * padded};
    for (int y = s->row; y < s->row + s->rows; y++) {
        for (int i = 0; i < 3; i++) {
            const int from = y * layer->stride - layer->pad_before + i;
            float *to = rows + i * padded;
            memset(to, 0, padded * sizeof *to);
            if (from >= 0 && from < layer->in)
                copy_row(image + from * row, row, grid, to + layer->pad_before * 3);
        }
        for (int block = 0; block < wn_blocks(layer->cout); block++)
            (grid ? s->kernels->stem8 : s->kernels->stem)(
                in, packed->weight + (size_t)block * 27 * WN_BLOCK, packed->bias + (size_t)block * WN_BLOCK,
                ring_row(s, block, y) + (size_t)s->stage->depthwise->pad_before * WN_BLOCK, layer->out);
    }
}

/* To the projection's input, from element `image` on: floats, or bf16 where it multiplies such numbers. */
static void filter(const strip *s, int block, int ring, size_t image)
{
    const wn_stage *stage = s->stage;
    const wn_layer *layer = stage->depthwise;
    const int first = s->out_row * layer->stride - layer->pad_before;
    const float *in[MAX_ROWS];
    for (int i = 0; i < rows_read(layer, s->out_rows); i++)
        in[i] = first + i >= 0 && first + i < layer->in ? ring_row(s, ring, first + i) : s->work->zeros;
    const bool bf16 = stage->project_packed.halves;
    const size_t at = image + block * stage->deep_block;
    const wn_depthwise d = {
        .in = in,
        .weight = stage->depthwise_packed.weight + (size_t)block * layer->kernel * layer->kernel * WN_BLOCK,
        .bias = stage->depthwise_packed.bias + (size_t)block * WN_BLOCK,
        .out = bf16 ? (void *)((uint16_t *)s->work->narrow_deep + at) : s->work->deep + at,
        .rows = s->out_rows,
        .m = layer->out,
    };
    (bf16 ? s->kernels->depthwise16 : s->kernels->depthwise)[layer->kernel == 5][layer->stride == 2](&d);
}

/* Channels [channel, channel + gemm_columns) of the output rows. */
static void project(const strip *s, const void *deep, size_t image, const float *in, float *out, int channel)
{
    const wn_layer *layer = s->stage->project;
    const size_t map = (size_t)layer->out * layer->out * WN_BLOCK;
    const size_t at = channel / WN_BLOCK * map + (size_t)s->out_row * layer->out * WN_BLOCK;
    const wn_gemm g = {
        .a_block = s->stage->deep_block,
        .c = out + at,
        .c_block = map,
        .add = layer->residual >= 0 ? in + at : NULL,
        .add_block = map,
        .m = s->out_rows * layer->out,
        .n = smaller(s->kernels->gemm_columns, layer->cout - channel),
        .k = layer->cin,
    };
    wn_multiply(s->kernels, &s->stage->project_packed, channel, deep, image, g);
}

/* narrow: the input maps as the expansion wants them. */
static void run_strip(const strip *s, int images, const float *in, const void *narrow, float *out)
{
    const wn_stage *stage = s->stage;
    const wn_layer *project_layer = stage->project;
    const bool stem = stage->expand->kind == WN_STEM;
    const int blocks = hidden_blocks(stage), step = s->kernels->gemm_columns / WN_BLOCK;
    const size_t in_size = wn_map_size(stage->expand->cin, stage->expand->in);
    const size_t out_size = wn_map_size(project_layer->cout, project_layer->out);
    const size_t deep_size = blocks * stage->deep_block;
    float *deep = s->work->deep;
    if (stem)
        expand_stem(s, in);
    else
        place_pixels(s);
    for (int block = 0; block < blocks; block += step)
        for (int i = 0; i < images; i++) {
            const int count = smaller(step, blocks - block), ring = stage->shared_ring ? 0 : block;
            if (!stem && s->rows > 0)
                expand(s, narrow, i * in_size, block, count, ring);
            for (int b = 0; b < count; b++)
                filter(s, block + b, ring + b, i * deep_size);
        }
    const int pixels = s->out_rows * project_layer->out;
    for (int i = 0; i < images; i++)
        wn_observe(s->work, &stage->project_packed, deep + i * deep_size, project_layer->cin, pixels,
                   stage->deep_block);
    const void *rounded = stage->project_packed.halves ? s->work->narrow_deep
                                                       : wn_narrow(s->kernels, &stage->project_packed, deep,
                                                                   images * deep_size, s->work->narrow_deep);
    for (int channel = 0; channel < project_layer->cout; channel += s->kernels->gemm_columns)
        for (int i = 0; i < images; i++)
            project(s, rounded, i * deep_size, in + i * in_size, out + i * out_size, channel);
}

void wn_stage_run(const wn_stage *stage, const wn_kernels *kernels, int images, const float *in, float *out,
                  const wn_workspace *work)
{
    const wn_layer *depthwise = stage->depthwise;
    strip s = {.stage = stage, .kernels = kernels, .work = work};
    clear_padding(stage, work->ring, wn_stage_ring_size(stage, kernels->gemm_columns));
    memset(work->zeros, 0, stage->row * sizeof *work->zeros);
    const void *narrow = NULL;
    if (stage->expand->kind == WN_EXPAND) {
        const size_t size = wn_map_size(stage->expand->cin, stage->expand->in);
        const int pixels = stage->expand->in * stage->expand->in;
        for (int i = 0; i < images; i++)
            wn_observe(work, &stage->expand_packed, in + i * size, stage->expand->cin, pixels,
                       (size_t)pixels * WN_BLOCK);
        narrow = wn_narrow(kernels, &stage->expand_packed, in, images * size, work->narrow);
    }
    for (int done = 0; s.out_row < depthwise->out; s.out_row += stage->strip, done = s.row + s.rows) {
        s.out_rows = smaller(stage->strip, depthwise->out - s.out_row);
        const int end =
            s.out_row * depthwise->stride - depthwise->pad_before + rows_read(depthwise, s.out_rows);
        s.row = done;
        s.rows = smaller(end, depthwise->in) - done;
        run_strip(&s, images, in, narrow, out);
    }
}
