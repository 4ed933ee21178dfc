/* SPDX-License-Identifier: Apache-2.0
 * Builds the list: backbone, pooled features, then the parts of the scorer as scorer.c computes them. A
 * failed allocation is remembered, so that the building reads like the formula. */
#include "graph.h"

#include "runtime/gate_bytes.h"
#include "runtime/vector.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct builder {
    const wn_gate_file *file;
    wn_graph *graph;
    bool bgr_to_rgb;
    int feature[WN_FEATURES]; /* nodes of the normalised features; 0: not there */
} builder;

/* ---- nodes ---- */

static wn_node *add(builder *b, wn_op op, const char *name, int input, int channels, int side)
{
    wn_node *node = &b->graph->node[b->graph->count++];
    *node = (wn_node){.op = op, .inputs = input >= 0, .input = {input}, .channels = channels, .side = side};
    snprintf(node->name, sizeof node->name, "%s", name);
    return node;
}

static int index_of(const builder *b, const wn_node *node)
{
    return (int)(node - b->graph->node);
}

/* Memory for a node's constants, or NULL, which is remembered. */
static float *floats(builder *b, size_t count)
{
    float *memory = malloc(count * sizeof *memory);
    if (!memory)
        b->graph->status = WINNOW_ERROR_MEMORY;
    return memory;
}

static float *copied(builder *b, const float *values, size_t count)
{
    float *memory = floats(b, count);
    if (memory)
        memcpy(memory, values, count * sizeof *memory);
    return memory;
}

size_t wn_node_weights(const wn_graph *graph, const wn_node *node)
{
    switch (node->op) {
    case WN_OP_CONVOLVE:
        return node->layer->weight_count;
    case WN_OP_DENSE:
        return (size_t)node->channels * (size_t)graph->node[node->input[0]].channels;
    case WN_OP_COMBINE:
        return (size_t)node->inputs;
    default:
        return 0;
    }
}

size_t wn_graph_weights(const wn_graph *graph)
{
    size_t sum = 0;
    for (int i = 0; i < graph->count; i++)
        sum += wn_node_weights(graph, &graph->node[i]);
    return sum;
}

void wn_graph_scale_pixels(wn_graph *graph)
{
    wn_node *stem = &graph->node[1];
    const float *std = graph->std;
    const bool alike = std[0] == std[1] && std[1] == std[2];
    const size_t plane = (size_t)stem->layer->kernel * (size_t)stem->layer->kernel;
    graph->scale = 1 / (alike ? 255 * std[0] : 255);
    for (int c = 0; c < 3; c++)
        graph->shift[c] = alike ? -graph->mean[c] / std[c] : -graph->mean[c];
    for (size_t i = 0; i < stem->layer->weight_count && !alike; i++)
        stem->weight[i] /= std[i / plane % 3];
}

/* ---- backbone ---- */

/* Where the gate's weights at `offset` are bytes: their scales, and the range of input `index`. */
static void keep_bytes(builder *b, wn_node *node, size_t offset, int index)
{
    const wn_gate_file *file = b->file;
    const int row = file->int8 ? wn_gate_row(file, offset) : -1;
    if (row < 0)
        return;
    node->scale = copied(b, file->params.scale + row, (size_t)node->channels);
    node->low = file->ranges.low[index];
    node->high = file->ranges.high[index];
}

/* The convolution with its batch norm: w scale, beta - mean scale. */
static void fold(builder *b, const wn_layer *layer, wn_node *node)
{
    const float *data = b->file->params.data;
    const size_t each = layer->weight_count / (size_t)layer->cout;
    const size_t plane = (size_t)layer->kernel * (size_t)layer->kernel;
    node->weight = floats(b, layer->weight_count);
    node->bias = floats(b, (size_t)layer->cout);
    keep_bytes(b, node, layer->weight, (int)(layer - b->file->network.layer));
    for (size_t c = 0; node->weight && node->bias && c < (size_t)layer->cout; c++) {
        const double scale =
            data[layer->gamma + c] /
            sqrt((double)data[layer->var + c] + (double)b->file->network.architecture->norm_epsilon);
        const float *from = data + layer->weight + c * each;
        for (size_t k = 0; k < each; k++) {
            const bool swapped = layer->kind == WN_STEM && b->bgr_to_rgb;
            const size_t source = swapped ? (2 - k / plane) * plane + k % plane : k;
            node->weight[c * each + k] = (float)(scale * (double)from[source]);
        }
        if (node->scale)
            node->scale[c] *= (float)fabs(scale);
        node->bias[c] = (float)((double)data[layer->beta + c] - (double)data[layer->mean + c] * scale);
    }
}

/* Layers [0, count); returns the node of the last one's output. */
static int add_backbone(builder *b, int count, int *early, int *middle, int *bottleneck)
{
    const wn_network *network = &b->file->network;
    int at = 0, output[WN_MAX_LAYERS];
    for (int i = 0; i < count; i++) {
        const wn_layer *layer = &network->layer[i];
        wn_node *node = add(b, WN_OP_CONVOLVE, layer->conv, at, layer->cout, layer->out);
        node->layer = layer;
        fold(b, layer, node);
        at = index_of(b, node);
        if (layer->residual >= 0) {
            char name[WN_NODE_NAME];
            snprintf(name, sizeof name, "%s.residual", layer->conv);
            node = add(b, WN_OP_ADD, name, at, layer->cout, layer->out);
            node->input[node->inputs++] = output[layer->residual];
            at = index_of(b, node);
        }
        output[i] = at;
    }
    *early = output[network->early];
    *middle = output[network->middle];
    *bottleneck = output[network->count - 2];
    return at;
}

static int add_normalised(builder *b, const char *name, int input)
{
    return index_of(b, add(b, WN_OP_NORMALISE, name, input, b->graph->node[input].channels, 0));
}

/* ---- the scorer ---- */

/* Prefixes a name with the number of the part: "score.1.cosines". */
static wn_node *add_part(builder *b, int p, wn_op op, const char *what, int input, int channels)
{
    char name[WN_NODE_NAME];
    snprintf(name, sizeof name, "score.%d.%s", p, what);
    return add(b, op, name, input, channels, 0);
}

/* x of wn_part_input. */
static int add_part_input(builder *b, int p, const wn_part *part)
{
    int at = -1, blocks = 0;
    wn_node *join = NULL;
    for (int f = 0; f < WN_FEATURES; f++)
        if (part->spec.features >> f & 1) {
            if (++blocks == 1) {
                at = b->feature[f];
                continue;
            }
            if (blocks == 2)
                join = add_part(b, p, WN_OP_JOIN, "joined", at, part->dim);
            join->input[join->inputs++] = b->feature[f];
        }
    if (join) {
        const wn_node *unit = add_part(b, p, WN_OP_NORMALISE, "joined_unit", index_of(b, join), part->dim);
        at = index_of(b, unit);
    }
    if (part->table[0].rows) {
        wn_node *centred = add_part(b, p, WN_OP_NORMALISE, "centred", at, part->dim);
        centred->bias = copied(b, part->table[0].data, (size_t)part->dim);
        for (int i = 0; centred->bias && i < part->dim; i++)
            centred->bias[i] = -centred->bias[i];
        at = index_of(b, centred);
    }
    return at;
}

/* Mean of the `top` largest products with a row. */
static int add_nearest(builder *b, int p, const char *what, const wn_table *table, int x, int top)
{
    wn_node *products = add_part(b, p, WN_OP_DENSE, what, x, table->rows);
    products->weight = copied(b, table->data, (size_t)table->rows * (size_t)table->cols);
    char name[24];
    snprintf(name, sizeof name, "%s_nearest", what);
    wn_node *nearest = add_part(b, p, WN_OP_TOP, name, index_of(b, products), 1);
    nearest->top = top < table->rows ? top : table->rows;
    return index_of(b, nearest);
}

/* max(number, level), as the larger element of (number, level). */
static int add_floor(builder *b, int p, const char *what, int number, float level)
{
    char name[24];
    snprintf(name, sizeof name, "%s_or_level", what);
    wn_node *both = add_part(b, p, WN_OP_DENSE, name, number, 2);
    both->weight = copied(b, (const float[]){1, 0}, 2);
    both->bias = copied(b, (const float[]){0, level}, 2);
    snprintf(name, sizeof name, "%s_floored", what);
    wn_node *larger = add_part(b, p, WN_OP_TOP, name, index_of(b, both), 1);
    larger->top = 1;
    return index_of(b, larger);
}

/* |W x - o|^2. */
static int add_distance(builder *b, int p, const char *what, const wn_table *whitening,
                        const wn_table *offset, int x)
{
    wn_node *white = add_part(b, p, WN_OP_DENSE, what, x, whitening->rows);
    const size_t rows = (size_t)whitening->rows, cols = (size_t)whitening->cols;
    white->weight = copied(b, whitening->data, rows * cols);
    white->bias = copied(b, offset->data, rows);
    for (size_t i = 0; white->weight && white->bias && i < rows; i++) {
        white->bias[i] = -white->bias[i];
        for (size_t k = i + 1; k < cols; k++)
            white->weight[i * cols + k] = 0;
    }
    char name[24];
    snprintf(name, sizeof name, "%s_distance", what);
    return index_of(b, add_part(b, p, WN_OP_SQUARES, name, index_of(b, white), 1));
}

/* What the score is summed from. */
typedef struct sum {
    int count, node[WN_MAX_INPUTS];
    float factor[WN_MAX_INPUTS];
} sum;

static void include(sum *s, float factor, int node)
{
    s->factor[s->count] = factor;
    s->node[s->count++] = node;
}

/* The raw score of part p, times factor. */
static void add_part_score(builder *b, int p, float factor, sum *s)
{
    const wn_part *part = &b->file->scorer.part[p];
    const wn_table *table = part->table + 1;
    const int x = add_part_input(b, p, part);
    switch (part->spec.kind) {
    case WN_KNN:
        include(s, factor, add_nearest(b, p, "normals", table, x, WN_NEIGHBOURS));
        if (table[1].rows) {
            const int near = add_nearest(b, p, "learned", table + 1, x, WN_LEARNED_NEIGHBOURS);
            include(s, -factor, add_floor(b, p, "learned", near, table[2].data[0]));
        }
        break;
    case WN_KNN_DIFFERENCE:
        include(s, factor, add_nearest(b, p, "normals", table, x, WN_NEIGHBOURS));
        if (table[1].rows)
            include(s, -factor, add_nearest(b, p, "abnormals", table + 1, x, WN_NEIGHBOURS));
        break;
    case WN_MAHALANOBIS:
    case WN_RELATIVE:
        include(s, -factor / (float)part->dim, add_distance(b, p, "normals", table, table + 1, x));
        if (part->spec.kind == WN_RELATIVE)
            include(s, factor / (float)part->dim, add_distance(b, p, "background", table + 2, table + 3, x));
        break;
    case WN_ARCFACE:
        include(s, factor, add_nearest(b, p, "normals", table + 1, x, 1));
        include(s, -factor, add_nearest(b, p, "abnormal", table, x, 1));
        break;
    default:
        include(s, factor, add_nearest(b, p, "products", table, x, 1));
    }
}

/* The sum of (raw - centre) / (spread * parts). */
static int add_score(builder *b)
{
    const wn_scorer *scorer = &b->file->scorer;
    sum s = {0};
    float constant = 0;
    for (int p = 0; p < scorer->parts; p++) {
        const float factor = 1 / (scorer->part[p].spread * (float)scorer->parts);
        add_part_score(b, p, factor, &s);
        constant -= scorer->part[p].centre * factor;
    }
    wn_node *score = add(b, WN_OP_COMBINE, "score", -1, 1, 0);
    score->inputs = s.count;
    memcpy(score->input, s.node, sizeof s.node);
    score->weight = copied(b, s.factor, (size_t)s.count);
    score->bias = copied(b, &constant, 1);
    return index_of(b, score);
}

/* Softmax over the logits of the classes. */
static int add_classes(builder *b)
{
    const wn_gate_file *file = b->file;
    const size_t count = (size_t)file->class_count;
    wn_node *logits =
        add(b, WN_OP_DENSE, "class.logits", b->feature[file->class_feature], file->class_count, 0);
    logits->weight = copied(b, file->class_weight.data, count * (size_t)file->class_weight.cols);
    logits->bias = copied(b, file->class_bias.data, count);
    return index_of(b, add(b, WN_OP_SOFTMAX, "class.softmax", index_of(b, logits), file->class_count, 0));
}

/* ---- all of it ---- */

/* What winnow_embed gives. */
static wn_feature embedded(const wn_gate_file *file)
{
    return file->has_embedding ? WN_EMBEDDING : file->scorer.dim[WN_BOTTLENECK] ? WN_BOTTLENECK : WN_POOLED;
}

static void build(builder *b, bool raw, bool whole)
{
    const wn_gate_file *file = b->file;
    const wn_network *network = &file->network;
    const wn_feature embed = embedded(file);
    const unsigned classes = file->class_count ? 1u << file->class_feature : 0;
    const unsigned needed = 1u << embed | (raw ? 0 : wn_spec_features(&file->spec) | classes);
    const bool pooled = needed >> WN_POOLED & 1 || needed >> WN_EMBEDDING & 1;
    int raw_feature[WN_FEATURES] = {0}, early, middle, bottleneck;
    add(b, WN_OP_IMAGE, "pixels", -1, 3, network->input);
    const int last =
        add_backbone(b, pooled || whole ? network->count : network->count - 1, &early, &middle, &bottleneck);
    if (needed >> WN_BOTTLENECK & 1)
        raw_feature[WN_BOTTLENECK] =
            index_of(b, add(b, WN_OP_MEAN, "bottleneck", bottleneck, network->bottleneck, 0));
    if (needed >> WN_EARLY & 1)
        raw_feature[WN_EARLY] =
            index_of(b, add(b, WN_OP_MEAN, "early", early, network->layer[network->early].cout, 0));
    if (needed >> WN_MIDDLE & 1)
        raw_feature[WN_MIDDLE] =
            index_of(b, add(b, WN_OP_MEAN, "middle", middle, network->layer[network->middle].cout, 0));
    if (pooled)
        raw_feature[WN_POOLED] = index_of(b, add(b, WN_OP_MEAN, "pooled", last, network->features, 0));
    if (needed >> WN_EMBEDDING & 1) {
        wn_node *node = add(b, WN_OP_DENSE, "embed", raw_feature[WN_POOLED], network->embedding, 0);
        const float *data = file->params.data;
        node->weight = copied(b, data + network->embedding_weight,
                              (size_t)network->embedding * (size_t)network->features);
        node->bias = copied(b, data + network->embedding_bias, (size_t)network->embedding);
        keep_bytes(b, node, network->embedding_weight, network->count);
        raw_feature[WN_EMBEDDING] = index_of(b, node);
    }
    b->graph->embedding = raw_feature[embed];
    if (raw)
        return;
    for (int f = 0; f < WN_FEATURES; f++)
        if (needed >> f & 1) {
            char name[WN_NODE_NAME];
            snprintf(name, sizeof name, "%s.unit", wn_feature_name((wn_feature)f));
            b->feature[f] = add_normalised(b, name, raw_feature[f]);
        }
    b->graph->embedding = b->feature[embed];
    b->graph->similarity = add_score(b);
    if (file->class_count)
        b->graph->probability = add_classes(b);
}

winnow_status wn_graph_create(const wn_gate_file *file, unsigned how, wn_graph **out, winnow_error *error)
{
    const bool raw = how & WN_GRAPH_RAW;
    wn_graph *graph = *out = calloc(1, sizeof *graph);
    if (!graph)
        return wn_fail_memory(error);
    graph->similarity = graph->probability = -1;
    builder b = {.file = file, .graph = graph, .bgr_to_rgb = file->preprocess.bgr && !raw};
    for (int c = 0; c < 3; c++) {
        const int from = b.bgr_to_rgb ? 2 - c : c;
        graph->mean[c] = file->preprocess.mean[from];
        graph->std[c] = file->preprocess.std[from];
    }
    build(&b, raw, how & WN_GRAPH_WHOLE_NETWORK);
    return graph->status ? wn_fail_memory(error) : WINNOW_OK;
}

void wn_graph_free(wn_graph *graph)
{
    if (!graph)
        return;
    for (int i = 0; i < graph->count; i++) {
        free(graph->node[i].weight);
        free(graph->node[i].bias);
        free(graph->node[i].scale);
    }
    free(graph);
}
