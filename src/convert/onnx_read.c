/* SPDX-License-Identifier: Apache-2.0 */
#include "onnx_read.h"

#include "../runtime/network.h"
#include "../runtime/number.h"
#include "onnx_model.h"

#include <stdio.h>
#include <string.h>

enum { FIRST_FIELD = 0x08 /* ir_version, a varint: every writer puts it first */ };

/* One convolution with what follows it. */
typedef struct link {
    const Onnx__NodeProto *conv, *norm; /* norm: NULL where it is folded */
    wn_weight weight;
    bool depthwise;
} link;

typedef struct chain {
    wn_onnx_model model;
    wn_weights *weights;
    link link[WN_MAX_LAYERS];
    const char *output[WN_MAX_LAYERS]; /* of the convolution with norm, activation and shortcut */
    wn_wiring wiring[WN_MAX_LAYERS];
    int count;
} chain;

bool wn_onnx_recognise(const void *bytes, size_t size)
{
    return size > 2 && *(const uint8_t *)bytes == FIRST_FIELD;
}

/* ---- one link ---- */

static winnow_status refuse(const chain *c, const Onnx__NodeProto *node, const char *what)
{
    return wn_fail(c->model.error, WINNOW_ERROR_UNSUPPORTED, -1, "node '%.80s' (%.30s) %s",
                   node->name && *node->name ? node->name : wn_onnx_output_name(node),
                   node->op_type ? node->op_type : "", what);
}

static winnow_status read_weight(chain *c, const Onnx__NodeProto *conv, wn_weight *weight)
{
    const Onnx__TensorProto *tensor = wn_onnx_constant_named(&c->model, wn_onnx_input_name(conv, 1));
    if (!tensor)
        return refuse(c, conv, "has weights that are computed; quantized models cannot be imported");
    winnow_status status = wn_onnx_weight(&c->model, tensor, weight);
    if (!status && (weight->rank != 4 || !weight->shape[0]))
        status = refuse(c, conv, "has weights that are not of rank 4");
    return status;
}

/* Adds what a Pad node in front of the convolution does to pads: above, left, below, right. */
static bool add_padding(const chain *c, const Onnx__NodeProto *pad, int64_t pads[4])
{
    int64_t all[8]; /* begin of N, C, H, W, then their ends */
    if (!wn_onnx_ints_of(pad, "pads", 8, all) &&
        !wn_onnx_constant_ints(wn_onnx_constant_named(&c->model, wn_onnx_input_name(pad, 1)), 8, all))
        return false;
    for (int i = 0; i < 8; i++)
        if (all[i] < 0 || all[i] > 8 || (i % 4 < 2 && all[i]))
            return false;
    for (int i = 0; i < 2; i++) {
        pads[i] += all[2 + i];
        pads[2 + i] += all[6 + i];
    }
    return true;
}

static winnow_status read_wiring(chain *c, const Onnx__NodeProto *conv, const Onnx__NodeProto *pad,
                                 wn_wiring *wiring)
{
    int64_t stride[2] = {1, 1}, dilation[2] = {1, 1}, pads[4] = {0};
    wn_onnx_ints_of(conv, "strides", 2, stride);
    wn_onnx_ints_of(conv, "dilations", 2, dilation);
    wn_onnx_ints_of(conv, "pads", 4, pads);
    if (pad && !add_padding(c, pad, pads))
        return refuse(c, pad,
                      "pads by numbers that are computed, or in another way than a convolution would; "
                      "simplify the model first");
    if (stride[0] != stride[1] || dilation[0] != 1 || dilation[1] != 1 || pads[0] != pads[1] ||
        pads[2] != pads[3] || pads[0] < 0 || pads[0] > 8 || pads[2] < 0 || pads[2] > 8 || stride[0] < 1 ||
        stride[0] > 8)
        return refuse(c, conv, "has strides, dilations or pads of no network that winnow knows");
    *wiring = (wn_wiring){.name = wn_onnx_output_name(conv),
                          .stride = (int)stride[0],
                          .pad_before = (int)pads[0],
                          .pad_after = (int)pads[2],
                          .same = !pad && wn_onnx_text_is(conv, "auto_pad", "SAME_UPPER"),
                          .residual = -1};
    return WINNOW_OK;
}

static float constant_float(const chain *c, const char *name, float otherwise)
{
    const Onnx__TensorProto *tensor = wn_onnx_constant_named(&c->model, name);
    wn_weight weight;
    uint64_t span;
    float value;
    if (!tensor || wn_onnx_weight(&c->model, tensor, &weight) || !wn_weight_span(&weight, &span) ||
        span != 1 || wn_weight_floats(&weight, &value, NULL))
        return otherwise;
    return value;
}

/* Clip from 0 to 6: attributes until opset 10, inputs since. */
static bool is_relu6(const chain *c, const Onnx__NodeProto *clip)
{
    if (clip->n_input > 1)
        return constant_float(c, wn_onnx_input_name(clip, 1), -1) == 0 &&
               constant_float(c, wn_onnx_input_name(clip, 2), -1) == 6;
    return wn_onnx_float_of(clip, "min", -1) == 0 && wn_onnx_float_of(clip, "max", -1) == 6;
}

/* ---- the chain ---- */

/* The output number j that is added to `tensor`, and the sum's name; -1 where there is no such Add. */
static int find_shortcut(const chain *c, const char *tensor, const char **sum)
{
    for (size_t i = 0; i < c->model.graph->n_node; i++) {
        const Onnx__NodeProto *node = c->model.graph->node[i];
        if (!wn_onnx_is(node, "Add") || node->n_input != 2)
            continue;
        for (int side = 0; side < 2; side++)
            for (int j = 0; j < c->count - 1 && !strcmp(node->input[side], tensor); j++)
                if (!strcmp(node->input[!side], c->output[j])) {
                    *sum = wn_onnx_output_name(node);
                    return j;
                }
    }
    return -1;
}

/* Appends the convolution and goes on to the end of its norm, activation and shortcut. */
static winnow_status append(chain *c, const Onnx__NodeProto *conv, const Onnx__NodeProto *pad)
{
    if (c->count == WN_MAX_LAYERS)
        return refuse(c, conv, "is one convolution more than any network that winnow knows has");
    link *l = &c->link[c->count];
    wn_wiring *wiring = &c->wiring[c->count];
    winnow_status status = read_weight(c, conv, &l->weight);
    if (!status)
        status = read_wiring(c, conv, pad, wiring);
    if (status)
        return status;
    const char *output = wn_onnx_output_name(conv);
    l->conv = conv;
    l->depthwise = wn_onnx_int_of(conv, "group", 1) > 1;
    l->norm = wn_onnx_consumer(&c->model, "BatchNormalization", output);
    if (l->norm) {
        wiring->epsilon = wn_onnx_float_of(l->norm, "epsilon", 1e-5f);
        output = wn_onnx_output_name(l->norm);
    }
    const Onnx__NodeProto *clip = wn_onnx_consumer(&c->model, "Clip", output);
    if (clip) {
        wiring->relu6 = is_relu6(c, clip);
        output = wn_onnx_output_name(clip);
    }
    c->count++;
    wiring->residual = find_shortcut(c, output, &output);
    c->output[c->count - 1] = output;
    return WINNOW_OK;
}

static const Onnx__NodeProto *find_stem(chain *c)
{
    for (size_t i = 0; i < c->model.graph->n_node; i++) {
        const Onnx__NodeProto *node = c->model.graph->node[i];
        const Onnx__TensorProto *tensor =
            wn_onnx_is(node, "Conv") ? wn_onnx_constant_named(&c->model, wn_onnx_input_name(node, 1)) : NULL;
        if (tensor && tensor->n_dims == 4 && tensor->dims[1] == 3 && tensor->dims[2] == 3 &&
            wn_onnx_int_of(node, "group", 1) == 1)
            return node;
    }
    return NULL;
}

/* The Pad node whose output the convolution takes. */
static const Onnx__NodeProto *find_pad(const chain *c, const Onnx__NodeProto *conv)
{
    for (size_t i = 0; i < c->model.graph->n_node; i++) {
        const Onnx__NodeProto *node = c->model.graph->node[i];
        if (wn_onnx_is(node, "Pad") && !strcmp(wn_onnx_output_name(node), wn_onnx_input_name(conv, 0)))
            return node;
    }
    return NULL;
}

static winnow_status follow(chain *c)
{
    const Onnx__NodeProto *conv = find_stem(c);
    if (!conv)
        return wn_fail(c->model.error, WINNOW_ERROR_UNSUPPORTED, -1,
                       "an ONNX graph that does not begin with a 3x3 convolution of three channels");
    const Onnx__NodeProto *pad = find_pad(c, conv);
    while (conv) {
        winnow_status status = append(c, conv, pad);
        if (status)
            return status;
        const char *output = c->output[c->count - 1];
        conv = wn_onnx_consumer(&c->model, "Conv", output);
        pad = conv ? NULL : wn_onnx_consumer(&c->model, "Pad", output);
        if (pad)
            conv = wn_onnx_consumer(&c->model, "Conv", wn_onnx_output_name(pad));
    }
    return WINNOW_OK;
}

/* ---- tensors ---- */

static winnow_status add_weight(chain *c, const char *name, const wn_weight *weight)
{
    const char *copy = wn_arena_text(&c->weights->memory, name, strlen(name));
    wn_weight *added =
        copy ? wn_weights_add(c->weights, copy, weight->dtype, weight->rank, weight->shape) : NULL;
    if (!added)
        return wn_fail_memory(c->model.error);
    added->data = weight->data;
    added->where = weight->where;
    return WINNOW_OK;
}

/* The `count` numbers of a constant, as floats. An absent one is all `otherwise`; "" means absent. */
static winnow_status read_vector(chain *c, const Onnx__NodeProto *node, size_t input, uint64_t count,
                                 float otherwise, float *out)
{
    const char *name = wn_onnx_input_name(node, input);
    const Onnx__TensorProto *tensor = wn_onnx_constant_named(&c->model, name);
    wn_weight weight;
    for (uint64_t i = 0; i < count && !*name; i++)
        out[i] = otherwise;
    if (!*name)
        return WINNOW_OK;
    if (!tensor)
        return refuse(c, node, "has numbers that are computed, not constant");
    winnow_status status = wn_onnx_weight(&c->model, tensor, &weight);
    if (!status && !wn_weight_has_shape(&weight, 1, &count))
        status = refuse(c, node, "has a norm or bias of another length than its channels");
    return status ? status : wn_weight_floats(&weight, out, c->model.error);
}

/* gamma, beta, mean and variance, each [count]. A folded norm becomes one, of epsilon 0, that adds the bias.
 */
static winnow_status read_norm(chain *c, const link *l, uint64_t count, float *norm)
{
    float *gamma = norm, *beta = norm + count, *mean = beta + count, *variance = mean + count;
    winnow_status status = read_vector(c, l->conv, 2, count, 0, beta);
    if (status)
        return status;
    for (uint64_t i = 0; i < count; i++) {
        gamma[i] = 1;
        mean[i] = 0;
        variance[i] = 1;
    }
    if (!l->norm)
        return WINNOW_OK;
    float *bias = variance + count;
    memcpy(bias, beta, count * sizeof *bias);
    float *const part[] = {gamma, beta, mean, variance};
    for (size_t p = 0; p < 4 && !status; p++)
        status = read_vector(c, l->norm, 1 + p, count, 0, part[p]);
    for (uint64_t i = 0; i < count && !status; i++)
        mean[i] -= bias[i];
    return status;
}

static winnow_status add_norm(chain *c, const link *l, const char *name)
{
    static const char *const suffix[] = {"weight", "bias", "running_mean", "running_var"};
    const uint64_t count = l->weight.shape[0];
    float *norm =
        count > c->model.size ? NULL : wn_arena_alloc(&c->weights->memory, 5 * count * sizeof *norm);
    if (!norm)
        return wn_fail_memory(c->model.error);
    winnow_status status = read_norm(c, l, count, norm);
    for (size_t p = 0; p < 4 && !status; p++) {
        char full[128];
        snprintf(full, sizeof full, "%s.%s", name, suffix[p]);
        status = add_weight(c, full,
                            &(wn_weight){.dtype = WN_F32,
                                         .rank = 1,
                                         .shape = {count},
                                         .data = (const uint8_t *)(norm + p * count),
                                         .where = l->weight.where});
    }
    return status;
}

static winnow_status add_link(chain *c, int index, const char *conv, const char *norm)
{
    char name[128];
    snprintf(name, sizeof name, "%s.weight", conv);
    winnow_status status = add_weight(c, name, &c->link[index].weight);
    return status ? status : add_norm(c, &c->link[index], norm);
}

/* Names every link by its place: stem, then blocks (a depthwise convolution, the projection after it, and an
 * expansion before it where there is one), then the last. */
static winnow_status name_links(chain *c)
{
    static const char *const expanding[][2] = {
        {"conv.0.0", "conv.0.1"}, {"conv.1.0", "conv.1.1"}, {"conv.2", "conv.3"}};
    static const char *const plain[][2] = {{"conv.0.0", "conv.0.1"}, {"conv.1", "conv.2"}};
    winnow_status status = add_link(c, 0, "features.0.0", "features.0.1");
    int block = 1;
    for (int at = 1; at < c->count && !status; block++) {
        const bool last = at == c->count - 1, expands = !last && !c->link[at].depthwise;
        const int parts = last ? 1 : expands ? 3 : 2;
        for (int p = 0; p < parts && at < c->count && !status; p++, at++) {
            char conv[64], norm[64];
            const char *const *names = (expands ? expanding : plain)[p];
            snprintf(conv, sizeof conv, "features.%d.%s", block, last ? "0" : names[0]);
            snprintf(norm, sizeof norm, "features.%d.%s", block, last ? "1" : names[1]);
            status = add_link(c, at, conv, norm);
        }
    }
    return status;
}

/* A linear layer on the pooled features: an embedding, or a classifier, which is left to wn_identify to tell.
 */
static winnow_status add_head(chain *c)
{
    static const char *const steps[] = {"GlobalAveragePool", "AveragePool", "ReduceMean", "Flatten",
                                        "Reshape",           "Squeeze",     "Dropout",    "Identity"};
    const char *tensor = c->output[c->count - 1];
    const Onnx__NodeProto *dense = NULL;
    for (int depth = 0; depth < 6 && !dense; depth++) {
        const Onnx__NodeProto *step = NULL;
        dense = wn_onnx_consumer(&c->model, "Gemm", tensor);
        for (size_t i = 0; i < sizeof steps / sizeof *steps && !step; i++)
            step = wn_onnx_consumer(&c->model, steps[i], tensor);
        tensor = step ? wn_onnx_output_name(step) : "";
    }
    const Onnx__TensorProto *matrix =
        dense ? wn_onnx_constant_named(&c->model, wn_onnx_input_name(dense, 1)) : NULL;
    const Onnx__TensorProto *bias =
        dense ? wn_onnx_constant_named(&c->model, wn_onnx_input_name(dense, 2)) : NULL;
    wn_weight weight;
    if (!matrix || !bias || wn_onnx_int_of(dense, "transB", 0) != 1)
        return WINNOW_OK;
    winnow_status status = wn_onnx_weight(&c->model, matrix, &weight);
    if (!status)
        status = add_weight(c, "head.weight", &weight);
    if (!status)
        status = wn_onnx_weight(&c->model, bias, &weight);
    return status ? status : add_weight(c, "head.bias", &weight);
}

/* ---- metadata ---- */

static const char *find_note(const wn_onnx_model *model, const char *key)
{
    for (size_t i = 0; i < model->proto->n_metadata_props; i++) {
        const Onnx__StringStringEntryProto *entry = model->proto->metadata_props[i];
        if (entry->key && entry->value && !strcmp(entry->key, key))
            return entry->value;
    }
    return NULL;
}

/* What winnow's own exports say of the input. A whole gate takes RGB bytes: there the first convolution of a
 * BGR network is turned round. */
static bool read_input(const wn_onnx_model *model, wn_preprocess *input)
{
    const char *channels = find_note(model, "winnow.channels"), *mean = find_note(model, "winnow.mean"),
               *std = find_note(model, "winnow.std");
    double m[3], s[3];
    if (!channels || !mean || !std || !wn_parse_numbers(mean, 3, m) || !wn_parse_numbers(std, 3, s))
        return false;
    const bool whole = find_note(model, "Image.BitmapPixelFormat"), bgr = !strcmp(channels, "BGR");
    for (int i = 0; i < 3; i++) {
        const int from = whole && bgr ? 2 - i : i;
        if (!(s[from] >= 1e-3 && s[from] <= 10 && m[from] >= -10 && m[from] <= 10))
            return false;
        input->mean[i] = (float)m[from];
        input->std[i] = (float)s[from];
    }
    input->bgr = bgr && !whole;
    return true;
}

static winnow_status refuse_quantized(const chain *c)
{
    for (size_t i = 0; i < c->model.graph->n_node; i++)
        if (wn_onnx_is(c->model.graph->node[i], "QuantizeLinear"))
            return refuse(c, c->model.graph->node[i], "rounds to bytes; quantized models cannot be imported");
    return WINNOW_OK;
}

winnow_status wn_onnx_parse(const void *bytes, size_t size, wn_weights *weights, winnow_error *error)
{
    chain *c = wn_arena_alloc(&weights->memory, sizeof *c);
    if (!c)
        return wn_fail_memory(error);
    weights->format = "ONNX";
    c->weights = weights;
    winnow_status status = wn_onnx_model_read(bytes, size, &weights->memory, &c->model, error);
    if (!status)
        status = refuse_quantized(c);
    if (!status)
        status = follow(c);
    if (status)
        return status;
    status = name_links(c);
    if (!status)
        status = add_head(c);
    weights->wiring = c->wiring;
    weights->wiring_count = c->count;
    weights->has_input = read_input(&c->model, &weights->input);
    return status;
}
