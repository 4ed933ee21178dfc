/* SPDX-License-Identifier: Apache-2.0
 * A gate as C: a table of steps, its numbers, and the code of c_template.c that runs them. Every map and
 * vector gets its place in the caller's scratch here, where another one that is no longer needed has been. */
#include "c_program.h"
#include "quantise.h"
#include "runtime/file.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* ---- memory ---- */

static size_t size_of(const wn_node *node)
{
    const size_t size = (size_t)node->channels * (size_t)(node->side ? node->side * node->side : 1);
    return node->op == WN_OP_COMBINE ? size + (size_t)node->inputs
                                     : size; /* its inputs are gathered behind it */
}

static int last_use(const wn_graph *graph, int i)
{
    int last = i;
    for (int j = i + 1; j < graph->count; j++)
        for (int k = 0; k < graph->node[j].inputs; k++)
            last = graph->node[j].input[k] == i ? j : last;
    return i == graph->embedding || i == graph->similarity || i == graph->probability ? graph->count : last;
}

/* The lowest place for node i that no node holds which is still needed. */
static size_t find_place(const wn_c_program *e, const int *last, int i)
{
    const size_t size = size_of(&e->graph->node[i]);
    size_t at = 0;
    for (int j = 0; j < i; j++) {
        const size_t begin = e->place[j], end = begin + size_of(&e->graph->node[j]);
        if (last[j] >= i && begin < at + size && at < end) {
            at = end;
            j = -1; /* look at all of them again */
        }
    }
    return at;
}

static void plan_memory(wn_c_program *e)
{
    int last[WN_MAX_NODES], widest = 0;
    for (int i = 0; i < e->graph->count; i++) {
        const wn_node *node = &e->graph->node[i];
        last[i] = last_use(e->graph, i);
        e->place[i] = find_place(e, last, i);
        const size_t end = e->place[i] + size_of(node);
        e->memory = end > e->memory ? end : e->memory;
        widest = node->channels > widest ? node->channels : widest;
    }
    /* Resizing needs room behind the picture (struct resizing of the template, generously). */
    const size_t side = (size_t)e->source->file.network.input;
    const size_t resizing = 3 * side * side + 2 * WN_C_MOST_SIDE + 32 * side;
    e->memory = resizing > e->memory ? resizing : e->memory;
    e->sums = e->memory;
    e->memory += (size_t)widest;
}

/* ---- numbers ---- */

static size_t add_number(wn_c_program *e, float value)
{
    e->numbers[e->number_count] = value;
    return e->number_count++;
}

static size_t add_numbers(wn_c_program *e, const float *value, size_t count)
{
    const size_t at = e->number_count;
    for (size_t i = 0; i < count; i++)
        add_number(e, value ? value[i] : 0);
    return at;
}

/* weight: (rows, inner), as it lies in the graph. It is stored (inner, rows). */
static void add_weights(wn_c_program *e, wn_c_step *s, const float *weight, size_t rows, size_t inner,
                        bool quantised)
{
    s->quantised = quantised;
    s->scale = e->number_count;
    if (quantised) {
        wn_quantise(weight, rows, inner, e->by_row, e->numbers + e->number_count);
        e->number_count += rows;
    }
    s->weight = quantised ? e->small_count : e->number_count;
    for (size_t k = 0; k < inner; k++)
        for (size_t c = 0; c < rows; c++)
            if (quantised)
                e->small[e->small_count++] = e->by_row[c * inner + k];
            else
                add_number(e, weight[c * inner + k]);
}

/* ---- steps ---- */

static bool is_quantised(const wn_c_program *e, const wn_node *node)
{
    return e->options->precision == WN_EXPORT_INT8 && wn_node_quantised(e->graph, node);
}

static wn_c_step *add_step(wn_c_program *e, const char *op, int i, int input)
{
    const wn_node *node = &e->graph->node[i];
    wn_c_step *s = &e->step[e->steps++];
    *s = (wn_c_step){.op = op, .to = e->place[i], .cout = node->channels, .bias = -1};
    if (input >= 0) {
        s->from[0] = e->place[input];
        s->cin = e->graph->node[input].channels;
        s->in = e->graph->node[input].side;
    }
    return s;
}

/* Stem: the graph's (cout, 3, k, k) becomes (cout, k, k, 3), so that a pixel's
 * colours stay together. */
static winnow_status add_convolution(wn_c_program *e, int i, winnow_error *error)
{
    const wn_node *node = &e->graph->node[i];
    const wn_layer *layer = node->layer;
    const bool deep = layer->kind == WN_DEPTHWISE;
    const char *op = deep ? "DEPTHWISE" : layer->kernel == 1 ? "DENSE" : "CONVOLVE";
    const size_t rows = (size_t)layer->cout, inner = layer->weight_count / rows;
    const size_t plane = (size_t)layer->kernel * (size_t)layer->kernel;
    float *ordered = malloc(layer->weight_count * sizeof *ordered);
    if (!ordered)
        return wn_fail_memory(error);
    for (size_t c = 0; c < rows; c++)
        for (size_t k = 0; k < inner; k++)
            ordered[c * inner + k % plane * (inner / plane) + k / plane] = node->weight[c * inner + k];
    wn_c_step *s = add_step(e, op, i, node->input[0]);
    s->kernel = layer->kernel;
    s->stride = layer->stride;
    s->pad = layer->pad_before;
    s->out = layer->out;
    s->relu6 = layer->relu6;
    add_weights(e, s, ordered, rows, inner, is_quantised(e, node));
    s->bias = (ptrdiff_t)add_numbers(e, node->bias, rows);
    free(ordered);
    return WINNOW_OK;
}

static void add_dense(wn_c_program *e, int i)
{
    const wn_node *node = &e->graph->node[i];
    wn_c_step *s = add_step(e, "DENSE", i, node->input[0]);
    add_weights(e, s, node->weight, (size_t)node->channels, (size_t)s->cin, is_quantised(e, node));
    s->bias = (ptrdiff_t)add_numbers(e, node->bias, (size_t)node->channels);
}

/* The inputs, one behind the other from `to` on. */
static void add_copies(wn_c_program *e, int i, size_t to)
{
    const wn_node *node = &e->graph->node[i];
    for (int k = 0; k < node->inputs; k++) {
        wn_c_step *s = add_step(e, "COPY", i, node->input[k]);
        s->cout = s->cin;
        s->to = to;
        to += (size_t)s->cin;
    }
}

static void add_combination(wn_c_program *e, int i)
{
    const wn_node *node = &e->graph->node[i];
    add_copies(e, i, e->place[i] + 1);
    wn_c_step *s = add_step(e, "DENSE", i, -1);
    s->from[0] = e->place[i] + 1;
    s->cin = node->inputs;
    add_weights(e, s, node->weight, 1, (size_t)node->inputs, false);
    s->bias = (ptrdiff_t)add_numbers(e, node->bias, 1);
}

static winnow_status add_node(wn_c_program *e, int i, winnow_error *error)
{
    const wn_node *node = &e->graph->node[i];
    wn_c_step *s;
    switch (node->op) {
    case WN_OP_IMAGE:
        break;
    case WN_OP_CONVOLVE:
        return add_convolution(e, i, error);
    case WN_OP_ADD:
        s = add_step(e, "ADD", i, node->input[0]);
        s->cout *= node->side * node->side;
        s->from[1] = e->place[node->input[1]];
        break;
    case WN_OP_MEAN:
        add_step(e, "MEAN", i, node->input[0]);
        break;
    case WN_OP_DENSE:
        add_dense(e, i);
        break;
    case WN_OP_JOIN:
        add_copies(e, i, e->place[i]);
        break;
    case WN_OP_NORMALISE:
        s = add_step(e, "NORMALISE", i, node->input[0]);
        s->bias = node->bias ? (ptrdiff_t)add_numbers(e, node->bias, (size_t)node->channels) : -1;
        break;
    case WN_OP_TOP:
        add_step(e, "TOP", i, node->input[0])->top = node->top;
        break;
    case WN_OP_SQUARES:
        add_step(e, "SQUARES", i, node->input[0]);
        break;
    case WN_OP_COMBINE:
        add_combination(e, i);
        break;
    case WN_OP_SOFTMAX:
        add_step(e, "SOFTMAX", i, node->input[0]);
        break;
    }
    return WINNOW_OK;
}

/* No more numbers than this: each weight once, a bias and a scale for each channel, the calibration. */
static size_t most_numbers(const wn_c_program *e)
{
    size_t most = 2 * (size_t)e->source->file.calibration.knots;
    for (int i = 0; i < e->graph->count; i++)
        most += wn_node_weights(e->graph, &e->graph->node[i]) + 2 * (size_t)e->graph->node[i].channels;
    return most;
}

static winnow_status lower(wn_c_program *e, winnow_error *error)
{
    const wn_calibration *calibration = &e->source->file.calibration;
    const size_t most = most_numbers(e);
    e->numbers = malloc(most * sizeof *e->numbers);
    e->small = malloc(most);
    e->by_row = malloc(most);
    if (!e->numbers || !e->small || !e->by_row)
        return wn_fail_memory(error);
    plan_memory(e);
    winnow_status status = WINNOW_OK;
    for (int i = 0; i < e->graph->count && !status; i++)
        status = add_node(e, i, error);
    e->knot_scores = add_numbers(e, calibration->score, (size_t)calibration->knots);
    e->knot_p_values = add_numbers(e, calibration->p, (size_t)calibration->knots);
    return status;
}

/* ---- files ---- */

void wn_export_c_name(const char *path, char name[64])
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    size_t length = strlen(base);
    if (length > 2 && !strcmp(base + length - 2, ".c"))
        length -= 2;
    length = length < 50 ? length : 50;
    size_t at = (size_t)(!isalpha((unsigned char)base[0]) ? snprintf(name, 64, "gate_") : 0);
    for (size_t i = 0; i < length; i++)
        name[at++] = isalnum((unsigned char)base[i]) ? base[i] : '_';
    name[at] = 0;
}

typedef void put_text(FILE *out, const wn_c_program *e);

/* What `put` prints; the caller's, NULL where memory runs out. */
static char *print_text(const wn_c_program *e, put_text *put, size_t *size)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, size);
    if (!out)
        return NULL;
    put(out, e);
    const bool failed = ferror(out);
    if (!fclose(out) && !failed)
        return text;
    free(text);
    return NULL;
}

/* The files take their places together: a header beside another gate's code would be worse than none. */
static winnow_status write_files(const wn_c_program *e, const char *path, winnow_error *error)
{
    const size_t length = strlen(path);
    size_t header_size = 0, code_size = 0;
    char *header = malloc(length + 4), *weights = malloc(length + 4);
    char *header_text = print_text(e, wn_c_put_header, &header_size);
    char *code_text = print_text(e, wn_c_put_code, &code_size);
    winnow_status status = wn_fail_memory(error);
    if (header && weights && header_text && code_text) {
        snprintf(header, length + 4, "%.*sh", (int)length - 1, path);
        snprintf(weights, length + 4, "%.*sbin", (int)length - 1, path);
        const wn_piece header_piece = {header_text, header_size}, code_piece = {code_text, code_size};
        const wn_piece numbers[] = {{e->numbers, e->number_count * sizeof *e->numbers},
                                    {e->small, e->small_count}};
        const wn_new_file files[] = {
            {path, &code_piece, 1}, {header, &header_piece, 1}, {weights, numbers, 2}};
        status = wn_write_files_atomic(files, e->options->separate ? 3 : 2, error);
    }
    free(header);
    free(weights);
    free(header_text);
    free(code_text);
    return status;
}

winnow_status wn_export_c(const wn_export_source *source, const wn_export_options *options, const char *path,
                          winnow_error *error)
{
    const size_t length = strlen(path);
    char name[64];
    wn_export_c_name(path, name);
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    if (length < 3 || strcmp(path + length - 2, ".c") != 0 || strncmp(base, name, strlen(name)) != 0 ||
        strlen(base) != strlen(name) + 2)
        return wn_fail(error, WINNOW_ERROR_ARGUMENT, -1,
                       "%s: a C file is named after the function in it: letters, digits, _ and .c", path);
    wn_graph *graph = NULL;
    wn_c_program *e = calloc(1, sizeof *e);
    winnow_status status = e ? wn_graph_create(&source->file, 0, &graph, error) : wn_fail_memory(error);
    if (!status) {
        e->source = source;
        e->options = options;
        e->graph = graph;
        memcpy(e->name, name, sizeof e->name);
        status = lower(e, error);
    }
    if (!status)
        status = write_files(e, path, error);
    if (e) {
        free(e->numbers);
        free(e->small);
        free(e->by_row);
    }
    free(e);
    wn_graph_free(graph);
    return status;
}
