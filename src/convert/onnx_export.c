/* SPDX-License-Identifier: Apache-2.0
 * A gate as an ONNX graph: every operation of graph.h in ONNX's words, a picture's way into it and the
 * verdict behind it. */
#include "export.h"
#include "graph.h"
#include "onnx_resize.h"
#include "onnx_writer.h"
#include "quantise.h"

#include <math.h>
#include <stdlib.h>

#define FLOAT ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT

typedef struct exporter {
    const wn_export_source *source;
    const wn_export_options *options;
    const wn_graph *graph;
    wn_onnx *onnx;
    const char *value[WN_MAX_NODES]; /* name of each node's output */
    int8_t *small;                   /* 8-bit weights and their scales, where they are wanted */
    float *scale;
    size_t smalls, scales; /* of them in use */
    double half[224];      /* of the resize */
    float steps[WN_CALIBRATION_KNOTS + 1], threshold;
} exporter;

/* ---- the picture ---- */

static const char *add_bytes(exporter *e)
{
    const wn_preprocess *preprocess = &e->source->file.preprocess;
    const int64_t any[] = {0, -1, -2, 3}, exact[] = {0, preprocess->size, preprocess->size, 3};
    wn_onnx_input(e->onnx, "image", ONNX__TENSOR_PROTO__DATA_TYPE__UINT8, 4, e->options->exact ? exact : any,
                  true);
    if (!e->options->exact)
        return wn_onnx_resize(e->onnx, preprocess, "image", e->half);
    wn_onnx_node(e->onnx, "Transpose", "image.planes", "image", NULL);
    wn_onnx_ints(e->onnx, "perm", 4, (int64_t[]){0, 3, 1, 2});
    wn_onnx_node(e->onnx, "Cast", "resized", "image.planes", NULL);
    wn_onnx_int(e->onnx, "to", FLOAT);
    return "resized";
}

/* (x / 255 - mean) / std, in the order of wn_preprocess_normalise. */
static const char *add_picture(exporter *e)
{
    wn_onnx *onnx = e->onnx;
    const int64_t colours[] = {1, 3, 1, 1}, side = e->source->file.network.input;
    if (e->options->raw) {
        wn_onnx_input(onnx, "input_1", FLOAT, 4, (int64_t[]){0, 3, side, side}, false);
        return "input_1";
    }
    const char *bytes = add_bytes(e);
    wn_onnx_node(onnx, "Div", "levels", bytes, wn_onnx_float(onnx, "pixels.255", 255), NULL);
    wn_onnx_node(onnx, "Sub", "shifted", "levels",
                 wn_onnx_constant(onnx, "pixels.mean", FLOAT, 4, colours, e->graph->mean), NULL);
    return wn_onnx_node(onnx, "Div", "pixels", "shifted",
                        wn_onnx_constant(onnx, "pixels.std", FLOAT, 4, colours, e->graph->std), NULL);
}

/* ---- operations ---- */

static const char *constant(exporter *e, const wn_node *node, const char *what, int rank,
                            const int64_t *shape, const float *data)
{
    return wn_onnx_constant(e->onnx, wn_onnx_name(e->onnx, "%s.%s", node->name, what), FLOAT, rank, shape,
                            data);
}

/* The input of a product of bytes, rounded as the gate's own kernels round it (src/runtime/narrow.c):
 * (x - zero) / step to one of 0 to 127. ONNX holds it to 255; Min holds it to 127. */
static const char *narrow(exporter *e, const wn_node *node, const char *x)
{
    if (!node->scale)
        return x;
    wn_onnx *onnx = e->onnx;
    const float inverse = node->high > node->low ? 127 / (node->high - node->low) : 1;
    const float zero = rintf(-node->low * inverse);
#define PART(what) wn_onnx_name(onnx, "%s.input.%s", node->name, what)
    const char *most = wn_onnx_float(onnx, PART("most"), (127 - zero) / inverse);
    const char *step = wn_onnx_float(onnx, PART("scale"), 1 / inverse);
    const char *zeros = wn_onnx_byte(onnx, PART("zero"), (uint8_t)zero);
    const char *held = wn_onnx_node(onnx, "Min", PART("held"), x, most, NULL);
    const char *bytes = wn_onnx_node(onnx, "QuantizeLinear", PART("bytes"), held, step, zeros, NULL);
    return wn_onnx_node(onnx, "DequantizeLinear", PART("rounded"), bytes, step, zeros, NULL);
#undef PART
}

/* The gate's own bytes. A row of zeros has the scale 0, which is none to ONNX. */
static void gate_bytes(const wn_node *node, size_t inner, int8_t *small, float *scale)
{
    for (size_t c = 0; c < (size_t)node->channels; c++) {
        wn_row_bytes(node->weight + c * inner, inner, node->scale[c], small + c * inner);
        scale[c] = node->scale[c] > 0 ? node->scale[c] : 1;
    }
}

/* A node's weights as they are, or as 8 bits that the graph turns back into floats. */
static const char *weights(exporter *e, const wn_node *node, int rank, const int64_t *shape)
{
    wn_onnx *onnx = e->onnx;
    if (!e->small || !wn_node_quantised(e->graph, node))
        return constant(e, node, "weight", rank, shape, node->weight);
    const size_t rows = (size_t)shape[0], inner = wn_node_weights(e->graph, node) / rows;
    int8_t *small = e->small + e->smalls;
    float *scale = e->scale + e->scales;
    if (node->scale)
        gate_bytes(node, inner, small, scale);
    else
        wn_quantise(node->weight, rows, inner, small, scale);
    e->smalls += rows * inner;
    e->scales += rows;
    const char *stored = wn_onnx_constant(onnx, wn_onnx_name(onnx, "%s.weight.int8", node->name),
                                          ONNX__TENSOR_PROTO__DATA_TYPE__INT8, rank, shape, small);
    const char *scales = constant(e, node, "weight.scale", 1, shape, scale);
    const char *out = wn_onnx_node(onnx, "DequantizeLinear", wn_onnx_name(onnx, "%s.weight", node->name),
                                   stored, scales, NULL);
    wn_onnx_int(onnx, "axis", 0);
    return out;
}

static const char *convolve(exporter *e, const wn_node *node, const char *x)
{
    const wn_layer *layer = node->layer;
    const int64_t groups = wn_node_groups(node), before = layer->pad_before, after = layer->pad_after;
    const int64_t shape[] = {layer->cout, layer->cin / groups, layer->kernel, layer->kernel};
    const char *weight = weights(e, node, 4, shape);
    const char *bias = constant(e, node, "bias", 1, (int64_t[]){layer->cout}, node->bias);
    const char *out = wn_onnx_node(e->onnx, "Conv", node->name, narrow(e, node, x), weight, bias, NULL);
    wn_onnx_ints(e->onnx, "kernel_shape", 2, (int64_t[]){layer->kernel, layer->kernel});
    wn_onnx_ints(e->onnx, "strides", 2, (int64_t[]){layer->stride, layer->stride});
    wn_onnx_ints(e->onnx, "pads", 4, (int64_t[]){before, before, after, after});
    wn_onnx_ints(e->onnx, "dilations", 2, (int64_t[]){1, 1});
    wn_onnx_int(e->onnx, "group", groups);
    if (!layer->relu6)
        return out;
    return wn_onnx_node(e->onnx, "Clip", wn_onnx_name(e->onnx, "%s.relu6", node->name), out, "relu6.0",
                        "relu6.6", NULL);
}

static const char *dense(exporter *e, const wn_node *node, const char *x)
{
    const int64_t shape[] = {node->channels, e->graph->node[node->input[0]].channels};
    const char *weight = weights(e, node, 2, shape);
    const char *bias = node->bias ? constant(e, node, "bias", 1, shape, node->bias) : NULL;
    wn_onnx_node(e->onnx, "Gemm", node->name, narrow(e, node, x), weight, bias, NULL);
    wn_onnx_int(e->onnx, "transB", 1);
    return node->name;
}

static const char *reduce(exporter *e, const char *op, const char *output, const char *x)
{
    wn_onnx_node(e->onnx, op, output, x, NULL);
    wn_onnx_ints(e->onnx, "axes", 1, (int64_t[]){1});
    wn_onnx_int(e->onnx, "keepdims", 1);
    return output;
}

static const char *normalise(exporter *e, const wn_node *node, const char *x)
{
    wn_onnx *onnx = e->onnx;
    if (node->bias)
        x = wn_onnx_node(onnx, "Add", wn_onnx_name(onnx, "%s.moved", node->name), x,
                         constant(e, node, "bias", 1, (int64_t[]){node->channels}, node->bias), NULL);
    const char *norm = reduce(e, "ReduceL2", wn_onnx_name(onnx, "%s.norm", node->name), x);
    norm = wn_onnx_node(onnx, "Max", wn_onnx_name(onnx, "%s.length", node->name), norm, "norm.least", NULL);
    return wn_onnx_node(onnx, "Div", node->name, x, norm, NULL);
}

static const char *top(exporter *e, const wn_node *node, const char *x)
{
    wn_onnx *onnx = e->onnx;
    if (node->top == 1)
        return reduce(e, "ReduceMax", node->name, x);
    const char *count =
        wn_onnx_whole(onnx, wn_onnx_name(onnx, "%s.k", node->name), 1, (int64_t[]){node->top});
    const char *values =
        wn_onnx_node(onnx, "TopK", wn_onnx_name(onnx, "%s.values", node->name), x, count, NULL);
    wn_onnx_add_output(onnx, wn_onnx_name(onnx, "%s.indices", node->name));
    wn_onnx_int(onnx, "axis", 1);
    return reduce(e, "ReduceMean", node->name, values);
}

static const char *join(exporter *e, const wn_node *node, const char *output)
{
    wn_onnx_node(e->onnx, "Concat", output, e->value[node->input[0]], NULL);
    for (int i = 1; i < node->inputs; i++)
        wn_onnx_add_input(e->onnx, e->value[node->input[i]]);
    wn_onnx_int(e->onnx, "axis", 1);
    return output;
}

static const char *combine(exporter *e, const wn_node *node)
{
    const char *parts = join(e, node, wn_onnx_name(e->onnx, "%s.parts", node->name));
    const char *weight = constant(e, node, "weight", 2, (int64_t[]){node->inputs, 1}, node->weight);
    return wn_onnx_node(e->onnx, "Gemm", node->name, parts, weight,
                        constant(e, node, "bias", 1, (int64_t[]){1}, node->bias), NULL);
}

static const char *softmax(exporter *e, const wn_node *node, const char *x)
{
    wn_onnx_node(e->onnx, "Softmax", node->name, x, NULL);
    wn_onnx_int(e->onnx, "axis", 1);
    return node->name;
}

static const char *mean(exporter *e, const wn_node *node, const char *x)
{
    const char *map = wn_onnx_name(e->onnx, "%s.map", node->name);
    wn_onnx_node(e->onnx, "GlobalAveragePool", map, x, NULL);
    return wn_onnx_node(e->onnx, "Flatten", node->name, map, NULL);
}

static const char *add_node(exporter *e, const wn_node *node)
{
    const char *x = node->inputs ? e->value[node->input[0]] : NULL;
    switch (node->op) {
    case WN_OP_IMAGE:
        return add_picture(e);
    case WN_OP_CONVOLVE:
        return convolve(e, node, x);
    case WN_OP_ADD:
        return wn_onnx_node(e->onnx, "Add", node->name, x, e->value[node->input[1]], NULL);
    case WN_OP_MEAN:
        return mean(e, node, x);
    case WN_OP_DENSE:
        return dense(e, node, x);
    case WN_OP_JOIN:
        return join(e, node, node->name);
    case WN_OP_NORMALISE:
        return normalise(e, node, x);
    case WN_OP_TOP:
        return top(e, node, x);
    case WN_OP_SQUARES:
        return reduce(e, "ReduceSumSquare", node->name, x);
    case WN_OP_COMBINE:
        return combine(e, node);
    case WN_OP_SOFTMAX:
        return softmax(e, node, x);
    }
    return x;
}

/* ---- the verdict ---- */

/* How many steps of the p-value's function the score has reached tells which p-value it has. */
static void add_p_value(exporter *e)
{
    const wn_calibration *calibration = &e->source->file.calibration;
    wn_onnx *onnx = e->onnx;
    const int64_t knots = calibration->knots, table = knots + 1;
    e->steps[0] = calibration->least_p;
    for (int j = 0; j < calibration->knots; j++)
        e->steps[j + 1] = calibration->p[j];
    wn_onnx_constant(onnx, "calibration.score", FLOAT, 2, (int64_t[]){1, knots}, calibration->score);
    wn_onnx_constant(onnx, "calibration.p", FLOAT, 1, &table, e->steps);
    wn_onnx_node(onnx, "GreaterOrEqual", "calibration.reached", e->value[e->graph->similarity],
                 "calibration.score", NULL);
    wn_onnx_node(onnx, "Cast", "calibration.counted", "calibration.reached", NULL);
    wn_onnx_int(onnx, "to", ONNX__TENSOR_PROTO__DATA_TYPE__INT64);
    wn_onnx_node(onnx, "ReduceSum", "calibration.step", "calibration.counted",
                 wn_onnx_whole(onnx, "calibration.axis", 1, (int64_t[]){1}), NULL);
    wn_onnx_int(onnx, "keepdims", 0);
    wn_onnx_node(onnx, "Gather", "p_value", "calibration.p", "calibration.step", NULL);
}

static void add_outputs(exporter *e)
{
    wn_onnx *onnx = e->onnx;
    const wn_graph *graph = e->graph;
    const int64_t batch[] = {0}, one[] = {1};
    wn_onnx_node(onnx, "Identity", "embedding", e->value[graph->embedding], NULL);
    wn_onnx_output(onnx, "embedding", FLOAT, 2, (int64_t[]){0, graph->node[graph->embedding].channels});
    wn_onnx_node(onnx, "Reshape", "similarity", e->value[graph->similarity],
                 wn_onnx_whole(onnx, "similarity.shape", 1, (int64_t[]){-1}), NULL);
    wn_onnx_output(onnx, "similarity", FLOAT, 1, batch);
    add_p_value(e);
    wn_onnx_output(onnx, "p_value", FLOAT, 1, batch);
    e->threshold = e->source->file.calibration.threshold;
    wn_onnx_constant(onnx, "threshold", FLOAT, 1, one, &e->threshold);
    wn_onnx_input(onnx, "threshold", FLOAT, 1, one, false);
    wn_onnx_node(onnx, "GreaterOrEqual", "is_normal", "similarity", "threshold", NULL);
    wn_onnx_output(onnx, "is_normal", ONNX__TENSOR_PROTO__DATA_TYPE__BOOL, 1, batch);
    if (graph->probability < 0)
        return;
    wn_onnx_node(onnx, "Identity", "class_probability", e->value[graph->probability], NULL);
    wn_onnx_output(onnx, "class_probability", FLOAT, 2,
                   (int64_t[]){0, graph->node[graph->probability].channels});
}

static void add_metadata(exporter *e)
{
    const char *key, *value;
    for (size_t i = 0; wn_export_note(e->source, i, &key, &value); i++)
        if (key)
            wn_onnx_metadata(e->onnx, key, value);
    if (e->options->raw)
        return;
    wn_onnx_metadata(e->onnx, "Image.BitmapPixelFormat", "Rgb8");
    wn_onnx_metadata(e->onnx, "Image.ColorSpaceGamma", "SRGB");
    wn_onnx_metadata(e->onnx, "Image.NominalPixelRange", "NominalRange_0_255");
}

static void build(exporter *e)
{
    wn_onnx_float(e->onnx, "relu6.0", 0);
    wn_onnx_float(e->onnx, "relu6.6", 6);
    if (!e->options->raw)
        wn_onnx_float(e->onnx, "norm.least", WN_LEAST_NORM);
    for (int i = 0; i < e->graph->count; i++)
        e->value[i] = add_node(e, &e->graph->node[i]);
    if (e->options->raw) {
        const int length = e->graph->node[e->graph->embedding].channels;
        wn_onnx_node(e->onnx, "Identity", "output_1", e->value[e->graph->embedding], NULL);
        wn_onnx_output(e->onnx, "output_1", FLOAT, 2, (int64_t[]){0, length});
    } else {
        add_outputs(e);
    }
    add_metadata(e);
}

/* Room for 8-bit weights. */
static winnow_status prepare(exporter *e, winnow_error *error)
{
    if (e->options->precision != WN_EXPORT_INT8)
        return WINNOW_OK;
    size_t channels = 0;
    for (int i = 0; i < e->graph->count; i++)
        channels += (size_t)e->graph->node[i].channels;
    e->small = malloc(wn_graph_weights(e->graph));
    e->scale = malloc(channels * sizeof *e->scale);
    return e->small && e->scale ? WINNOW_OK : wn_fail_memory(error);
}

winnow_status wn_export_onnx(const wn_export_source *source, const wn_export_options *options,
                             const char *path, winnow_error *error)
{
    wn_graph *graph = NULL;
    exporter *e = calloc(1, sizeof *e);
    const unsigned how =
        (options->raw ? WN_GRAPH_RAW : 0) | (options->whole ? (unsigned)WN_GRAPH_WHOLE_NETWORK : 0);
    winnow_status status = e ? wn_graph_create(&source->file, how, &graph, error) : wn_fail_memory(error);
    if (!status) {
        e->source = source;
        e->options = options;
        e->graph = graph;
        e->onnx = wn_onnx_create("winnow");
        status = e->onnx ? prepare(e, error) : wn_fail_memory(error);
    }
    if (!status) {
        build(e);
        status = wn_onnx_write(e->onnx, path, error);
    }
    if (e) {
        wn_onnx_free(e->onnx);
        free(e->small);
        free(e->scale);
    }
    free(e);
    wn_graph_free(graph);
    return status;
}
