/* SPDX-License-Identifier: Apache-2.0
 * A gate as a Core ML neural network (.mlmodel, specification 4: iOS 13). The image input's own scaler takes
 * the mean away before any padding; what it cannot do, a deviation for each channel, is in the first
 * convolution's weights, where the zeros of the padding stay zeros. With fp16 the largest layers
 * are halves (wn_coreml_halved).
 */
#include "coreml_model.h"
#include "runtime/file.h"
#include "runtime/half.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SPECIFICATION = 4,
    EXACT_ARRAY_MAPPING = 1,
    RANK4_IMAGE_MAPPING = 1,
    MOST = 3 * WN_MAX_NODES,
    FEW = 8,
    NAME = 64
};

/* A layer with room for whatever it may hold. */
typedef struct layer {
    Coreml__Layer proto;
    char name[NAME], other[NAME], *input[FEW], *output[2];
    Coreml__Convolution convolution;
    Coreml__InnerProduct inner;
    Coreml__Clip clip;
    Coreml__Comparison comparison;
    Coreml__Nothing nothing;
    Coreml__Axis axis;
    Coreml__TopK top;
    Coreml__Constant constant;
    Coreml__Squeeze squeeze;
    Coreml__Reduce reduce;
    Coreml__Weights weights, bias;
    Coreml__ValidPadding padding;
    Coreml__BorderAmounts border;
    Coreml__EdgeSizes edge, *edges[2];
    uint64_t kernel[2], stride[2], dilation[2], shape[2];
    int64_t axes[2];
} layer;

typedef struct exporter {
    const wn_export_source *source;
    const wn_graph *graph;
    wn_coreml_model model;
    Coreml__NeuralNetwork network;
    Coreml__Preprocessing preprocessing, *preprocessings[1];
    Coreml__ImageScaler scaler;
    Coreml__Layer *layers[MOST];
    layer layer[MOST];
    char *value[WN_MAX_NODES]; /* name of each node's output */
    uint16_t *half;            /* weights as fp16, where they are wanted so */
    size_t halves;
    float step[WN_CALIBRATION_KNOTS], least_norm, least_p;
} exporter;

/* ---- layers ---- */

/* A layer named after its output. The graph's bound on nodes bounds the layers: three a node. */
static layer *add_layer(exporter *e, const char *name, char *input)
{
    layer *l = &e->layer[e->network.n_layers];
    e->layers[e->network.n_layers++] = &l->proto;
    coreml__layer__init(&l->proto);
    snprintf(l->name, sizeof l->name, "%s", name);
    l->proto.name = l->name;
    l->proto.input = l->input;
    l->proto.output = l->output;
    l->input[0] = input;
    l->proto.n_input = input != NULL;
    l->output[0] = l->name;
    l->proto.n_output = 1;
    return l;
}

/* The same, named after a node and what it does for it. */
static layer *add_part(exporter *e, const wn_node *node, const char *what, char *input)
{
    char name[NAME];
    snprintf(name, sizeof name, "%s.%s", node->name, what);
    return add_layer(e, name, input);
}

static void add_input(layer *l, char *input)
{
    l->input[l->proto.n_input++] = input;
}

static Coreml__Weights *put_weights(exporter *e, Coreml__Weights *weights, float *data, size_t count,
                                    bool half)
{
    coreml__weights__init(weights);
    if (half && e->half) {
        uint16_t *to = e->half + e->halves;
        for (size_t i = 0; i < count; i++)
            to[i] = wn_half_from_float(data[i]);
        e->halves += count;
        weights->float16value = (ProtobufCBinaryData){count * sizeof *to, (uint8_t *)to};
    } else {
        weights->n_floatvalue = count;
        weights->floatvalue = data;
    }
    return weights;
}

static char *add_constant(exporter *e, const char *name, float *data, size_t count)
{
    layer *l = add_layer(e, name, NULL);
    coreml__constant__init(&l->constant);
    l->proto.layer_case = COREML__LAYER__LAYER_LOAD_CONSTANT_ND;
    l->proto.loadconstantnd = &l->constant;
    l->shape[0] = 1;
    l->shape[1] = count;
    l->constant.n_shape = 2;
    l->constant.shape = l->shape;
    l->constant.data = put_weights(e, &l->weights, data, count, false);
    return l->name;
}

static char *set_nothing(layer *l, Coreml__Layer__LayerCase which, char *other)
{
    add_input(l, other);
    coreml__nothing__init(&l->nothing);
    l->proto.layer_case = which;
    l->proto.addbroadcastable = &l->nothing; /* the same place for all that have no parameters */
    return l->name;
}

/* Over axis 1 of vectors, or axes 2 and 3 of maps. */
static char *set_reduction(layer *l, Coreml__Layer__LayerCase which, bool map)
{
    coreml__reduce__init(&l->reduce);
    l->proto.layer_case = which;
    l->proto.reducel2 = &l->reduce; /* the same place for every reduction */
    l->axes[0] = map ? 2 : 1;
    l->axes[1] = 3;
    l->reduce.n_axes = map ? 2 : 1;
    l->reduce.axes = l->axes;
    l->reduce.keepdims = !map;
    return l->name;
}

static char *set_axis(layer *l, Coreml__Layer__LayerCase which)
{
    coreml__axis__init(&l->axis);
    l->axis.axis = 1;
    l->proto.layer_case = which;
    l->proto.concatnd = &l->axis; /* and softmaxnd */
    return l->name;
}

static char *set_inner_product(exporter *e, layer *l, float *weight, float *bias, int in, int out, bool half)
{
    coreml__inner_product__init(&l->inner);
    l->proto.layer_case = COREML__LAYER__LAYER_INNER_PRODUCT;
    l->proto.innerproduct = &l->inner;
    l->inner.inputchannels = (uint64_t)in;
    l->inner.outputchannels = (uint64_t)out;
    l->inner.weights = put_weights(e, &l->weights, weight, (size_t)in * (size_t)out, half);
    l->inner.hasbias = bias != NULL;
    if (bias)
        l->inner.bias = put_weights(e, &l->bias, bias, (size_t)out, false);
    return l->name;
}

/* ---- operations ---- */

static void set_padding(layer *l, const wn_layer *shape)
{
    coreml__valid_padding__init(&l->padding);
    coreml__border_amounts__init(&l->border);
    coreml__edge_sizes__init(&l->edge);
    l->edge.startedgesize = (uint64_t)shape->pad_before;
    l->edge.endedgesize = (uint64_t)shape->pad_after;
    l->edges[0] = l->edges[1] = &l->edge; /* rows and columns are padded alike */
    l->border.n_borderamounts = 2;
    l->border.borderamounts = l->edges;
    l->padding.paddingamounts = &l->border;
    l->convolution.padding_type_case = COREML__CONVOLUTION__PADDING_TYPE_VALID;
    l->convolution.valid = &l->padding;
}

static char *convolve(exporter *e, const wn_node *node, char *x)
{
    const wn_layer *shape = node->layer;
    const int groups = wn_node_groups(node);
    layer *l = add_layer(e, node->name, x);
    Coreml__Convolution *c = &l->convolution;
    coreml__convolution__init(c);
    l->proto.layer_case = COREML__LAYER__LAYER_CONVOLUTION;
    l->proto.convolution = c;
    c->outputchannels = (uint64_t)shape->cout;
    c->kernelchannels = (uint64_t)(shape->cin / groups);
    c->ngroups = (uint64_t)groups;
    c->n_kernelsize = c->n_stride = c->n_dilationfactor = 2;
    c->kernelsize = l->kernel;
    c->stride = l->stride;
    c->dilationfactor = l->dilation;
    l->kernel[0] = l->kernel[1] = (uint64_t)shape->kernel;
    l->stride[0] = l->stride[1] = (uint64_t)shape->stride;
    l->dilation[0] = l->dilation[1] = 1;
    set_padding(l, shape);
    c->hasbias = true;
    c->weights =
        put_weights(e, &l->weights, node->weight, shape->weight_count, wn_coreml_halved(e->graph, node));
    c->bias = put_weights(e, &l->bias, node->bias, (size_t)shape->cout, false);
    if (!shape->relu6)
        return l->name;
    l = add_part(e, node, "relu6", l->name);
    coreml__clip__init(&l->clip);
    l->clip.maxval = 6;
    l->proto.layer_case = COREML__LAYER__LAYER_CLIP;
    l->proto.clip = &l->clip;
    return l->name;
}

static char *normalise(exporter *e, const wn_node *node, char *x)
{
    char name[NAME];
    if (node->bias) {
        snprintf(name, sizeof name, "%s.bias", node->name);
        char *bias = add_constant(e, name, node->bias, (size_t)node->channels);
        x = set_nothing(add_part(e, node, "moved", x), COREML__LAYER__LAYER_ADD_BROADCASTABLE, bias);
    }
    char *norm = set_reduction(add_part(e, node, "norm", x), COREML__LAYER__LAYER_REDUCE_L2, false);
    norm =
        set_nothing(add_part(e, node, "length", norm), COREML__LAYER__LAYER_MAX_BROADCASTABLE, "norm.least");
    return set_nothing(add_layer(e, node->name, x), COREML__LAYER__LAYER_DIVIDE_BROADCASTABLE, norm);
}

static char *top(exporter *e, const wn_node *node, char *x)
{
    if (node->top == 1)
        return set_reduction(add_layer(e, node->name, x), COREML__LAYER__LAYER_REDUCE_MAX, false);
    layer *l = add_part(e, node, "values", x);
    coreml__top_k__init(&l->top);
    l->proto.layer_case = COREML__LAYER__LAYER_TOP_K;
    l->proto.topk = &l->top;
    l->top.axis = 1;
    l->top.k = (uint64_t)node->top;
    snprintf(l->other, sizeof l->other, "%s.indices", node->name);
    l->output[l->proto.n_output++] = l->other;
    return set_reduction(add_layer(e, node->name, l->name), COREML__LAYER__LAYER_REDUCE_MEAN, false);
}

static char *join(exporter *e, const wn_node *node, layer *l)
{
    for (int i = 1; i < node->inputs; i++)
        add_input(l, e->value[node->input[i]]);
    return set_axis(l, COREML__LAYER__LAYER_CONCAT_ND);
}

static char *combine(exporter *e, const wn_node *node, char *x)
{
    char *parts = node->inputs > 1 ? join(e, node, add_part(e, node, "parts", x)) : x;
    return set_inner_product(e, add_layer(e, node->name, parts), node->weight, node->bias, node->inputs, 1,
                             false);
}

static char *add_node(exporter *e, const wn_node *node)
{
    char *x = node->inputs ? e->value[node->input[0]] : NULL;
    switch (node->op) {
    case WN_OP_IMAGE:
        return "image";
    case WN_OP_CONVOLVE:
        return convolve(e, node, x);
    case WN_OP_ADD:
        return set_nothing(add_layer(e, node->name, x), COREML__LAYER__LAYER_ADD_BROADCASTABLE,
                           e->value[node->input[1]]);
    case WN_OP_MEAN:
        return set_reduction(add_layer(e, node->name, x), COREML__LAYER__LAYER_REDUCE_MEAN, true);
    case WN_OP_DENSE:
        return set_inner_product(e, add_layer(e, node->name, x), node->weight, node->bias,
                                 e->graph->node[node->input[0]].channels, node->channels,
                                 wn_coreml_halved(e->graph, node));
    case WN_OP_JOIN:
        return join(e, node, add_layer(e, node->name, x));
    case WN_OP_NORMALISE:
        return normalise(e, node, x);
    case WN_OP_TOP:
        return top(e, node, x);
    case WN_OP_SQUARES:
        return set_reduction(add_layer(e, node->name, x), COREML__LAYER__LAYER_REDUCE_SUM_SQUARE, false);
    case WN_OP_COMBINE:
        return combine(e, node, x);
    case WN_OP_SOFTMAX:
        return set_axis(add_layer(e, node->name, x), COREML__LAYER__LAYER_SOFTMAX_ND);
    }
    return x;
}

/* ---- the verdict ---- */

static layer *add_comparison(exporter *e, const char *name, char *x)
{
    layer *l = add_layer(e, name, x);
    coreml__comparison__init(&l->comparison);
    l->proto.layer_case = COREML__LAYER__LAYER_GREATER_EQUAL;
    l->proto.greaterequal = &l->comparison;
    return l;
}

/* (1, n) -> (n) */
static void add_output(exporter *e, const char *name, char *x)
{
    layer *l = add_layer(e, name, x);
    coreml__squeeze__init(&l->squeeze);
    l->proto.layer_case = COREML__LAYER__LAYER_SQUEEZE;
    l->proto.squeeze = &l->squeeze;
    l->axes[0] = 0;
    l->squeeze.n_axes = 1;
    l->squeeze.axes = l->axes;
}

static void add_outputs(exporter *e)
{
    const wn_calibration *calibration = &e->source->file.calibration;
    const size_t knots = (size_t)calibration->knots;
    char *score = e->value[e->graph->similarity];
    wn_coreml_output output[WN_COREML_OUTPUTS];
    char *scores = add_constant(e, "calibration.score", calibration->score, knots);
    layer *reached = add_comparison(e, "calibration.reached", score);
    add_input(reached, scores);
    e->least_p = calibration->least_p;
    wn_coreml_steps(calibration, e->step);
    char *p = set_inner_product(e, add_layer(e, "calibration.p", reached->name), e->step, &e->least_p,
                                calibration->knots, 1, false);
    layer *normal = add_comparison(e, "calibration.normal", score);
    normal->comparison.alpha = calibration->threshold;
    const int count = wn_coreml_outputs(e->graph, output);
    for (int i = 0; i < count; i++)
        add_output(e, output[i].name,
                   output[i].node >= 0                  ? e->value[output[i].node]
                   : !strcmp(output[i].name, "p_value") ? p
                                                        : normal->name);
}

/* ---- all of it ---- */

static void build(exporter *e)
{
    const wn_graph *graph = e->graph;
    wn_coreml_describe(&e->model, e->source, graph, SPECIFICATION);
    coreml__neural_network__init(&e->network);
    coreml__preprocessing__init(&e->preprocessing);
    coreml__image_scaler__init(&e->scaler);
    e->model.proto.type_case = COREML__MODEL__TYPE_NEURAL_NETWORK;
    e->model.proto.neuralnetwork = &e->network;
    e->network.layers = e->layers;
    e->network.n_preprocessing = 1;
    e->network.preprocessing = e->preprocessings;
    e->preprocessings[0] = &e->preprocessing;
    e->network.arrayinputshapemapping = EXACT_ARRAY_MAPPING;
    e->network.imageinputshapemapping = RANK4_IMAGE_MAPPING;
    e->preprocessing.featurename = "image";
    e->preprocessing.preprocessor_case = COREML__PREPROCESSING__PREPROCESSOR_SCALER;
    e->preprocessing.scaler = &e->scaler;
    e->scaler.channelscale = graph->scale;
    e->scaler.redbias = graph->shift[0];
    e->scaler.greenbias = graph->shift[1];
    e->scaler.bluebias = graph->shift[2];
    e->least_norm = WN_LEAST_NORM;
    add_constant(e, "norm.least", &e->least_norm, 1);
    for (int i = 0; i < graph->count; i++)
        e->value[i] = add_node(e, &graph->node[i]);
    add_outputs(e);
}

static winnow_status write_model(const exporter *e, const char *path, winnow_error *error)
{
    const size_t size = coreml__model__get_packed_size(&e->model.proto);
    uint8_t *bytes = malloc(size);
    if (!bytes)
        return wn_fail_memory(error);
    coreml__model__pack(&e->model.proto, bytes);
    const winnow_status status = wn_write_file_atomic(path, bytes, size, error);
    free(bytes);
    return status;
}

winnow_status wn_export_coreml(const wn_export_source *source, const wn_export_options *options,
                               const char *path, winnow_error *error)
{
    wn_graph *graph = NULL;
    exporter *e = calloc(1, sizeof *e);
    winnow_status status = e ? wn_graph_create(&source->file, 0, &graph, error) : wn_fail_memory(error);
    if (!status && options->precision == WN_EXPORT_FP16) {
        wn_coreml_correct_biases(&source->file, graph);
        e->half = malloc(wn_graph_weights(graph) * sizeof *e->half);
        status = e->half ? WINNOW_OK : wn_fail_memory(error);
    }
    if (!status) {
        e->source = source;
        e->graph = graph;
        wn_graph_scale_pixels(graph);
        build(e);
        status = write_model(e, path, error);
    }
    if (e)
        free(e->half);
    free(e);
    wn_graph_free(graph);
    return status;
}
