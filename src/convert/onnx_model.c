/* SPDX-License-Identifier: Apache-2.0 */
#include "onnx_model.h"

#include "budget.h"

#include <string.h>

/* A hostile file must not cost more than it weighs, and lookups go through lists. */
enum { MAX_NODES = 4096, MAX_TENSORS = 8192, MAX_IDENTITIES = 8 };

/* ---- reading ---- */

winnow_status wn_onnx_model_read(const void *bytes, size_t size, wn_arena *arena, wn_onnx_model *model,
                                 winnow_error *error)
{
    wn_budget budget;
    wn_budget_open(&budget, arena, size);
    const Onnx__ModelProto *proto = onnx__model_proto__unpack(&budget.allocator, size, bytes);
    if (!proto || !proto->graph)
        return wn_fail(error, WINNOW_ERROR_FORMAT, -1, "not a whole ONNX file: it is cut off, or damaged");
    const Onnx__GraphProto *graph = proto->graph;
    if (graph->n_node > MAX_NODES || graph->n_initializer > MAX_TENSORS)
        return wn_fail(error, WINNOW_ERROR_UNSUPPORTED, -1,
                       "an ONNX graph of %zu nodes is no network of ours", graph->n_node);
    *model = (wn_onnx_model){proto, graph, bytes, size, error};
    return WINNOW_OK;
}

/* ---- nodes ---- */

bool wn_onnx_is(const Onnx__NodeProto *node, const char *op)
{
    return node->op_type && !strcmp(node->op_type, op);
}

const char *wn_onnx_input_name(const Onnx__NodeProto *node, size_t index)
{
    return index < node->n_input ? node->input[index] : "";
}

const char *wn_onnx_output_name(const Onnx__NodeProto *node)
{
    return node->n_output ? node->output[0] : "";
}

const Onnx__NodeProto *wn_onnx_consumer(const wn_onnx_model *model, const char *op, const char *tensor)
{
    for (size_t i = 0; i < model->graph->n_node && *tensor; i++) {
        const Onnx__NodeProto *node = model->graph->node[i];
        if (wn_onnx_is(node, op) && !strcmp(wn_onnx_input_name(node, 0), tensor))
            return node;
    }
    return NULL;
}

static const Onnx__AttributeProto *find_attribute(const Onnx__NodeProto *node, const char *name)
{
    for (size_t i = 0; i < node->n_attribute; i++)
        if (node->attribute[i]->name && !strcmp(node->attribute[i]->name, name))
            return node->attribute[i];
    return NULL;
}

int64_t wn_onnx_int_of(const Onnx__NodeProto *node, const char *name, int64_t otherwise)
{
    const Onnx__AttributeProto *attribute = find_attribute(node, name);
    return attribute && attribute->has_i ? attribute->i : otherwise;
}

float wn_onnx_float_of(const Onnx__NodeProto *node, const char *name, float otherwise)
{
    const Onnx__AttributeProto *attribute = find_attribute(node, name);
    return attribute && attribute->has_f ? attribute->f : otherwise;
}

bool wn_onnx_text_is(const Onnx__NodeProto *node, const char *name, const char *text)
{
    const Onnx__AttributeProto *attribute = find_attribute(node, name);
    return attribute && attribute->has_s && attribute->s.len == strlen(text) &&
           !memcmp(attribute->s.data, text, attribute->s.len);
}

bool wn_onnx_ints_of(const Onnx__NodeProto *node, const char *name, size_t count, int64_t *out)
{
    const Onnx__AttributeProto *attribute = find_attribute(node, name);
    if (!attribute || attribute->n_ints != count)
        return false;
    memcpy(out, attribute->ints, count * sizeof *out);
    return true;
}

/* ---- constants ---- */

static const Onnx__TensorProto *find_initializer(const wn_onnx_model *model, const char *name)
{
    for (size_t i = 0; i < model->graph->n_initializer; i++) {
        const Onnx__TensorProto *tensor = model->graph->initializer[i];
        if (tensor->name && !strcmp(tensor->name, name))
            return tensor;
    }
    return NULL;
}

static const Onnx__NodeProto *find_producer(const wn_onnx_model *model, const char *name)
{
    for (size_t i = 0; i < model->graph->n_node; i++)
        if (!strcmp(wn_onnx_output_name(model->graph->node[i]), name))
            return model->graph->node[i];
    return NULL;
}

const Onnx__TensorProto *wn_onnx_constant_named(const wn_onnx_model *model, const char *name)
{
    for (int i = 0; i < MAX_IDENTITIES && *name; i++) {
        const Onnx__TensorProto *tensor = find_initializer(model, name);
        const Onnx__NodeProto *node = tensor ? NULL : find_producer(model, name);
        if (tensor || !node)
            return tensor;
        const Onnx__AttributeProto *value = find_attribute(node, "value");
        if (wn_onnx_is(node, "Constant"))
            return value ? value->t : NULL;
        if (!wn_onnx_is(node, "Identity"))
            return NULL;
        name = wn_onnx_input_name(node, 0);
    }
    return NULL;
}

bool wn_onnx_constant_ints(const Onnx__TensorProto *tensor, size_t count, int64_t *out)
{
    if (!tensor || tensor->data_type != ONNX__TENSOR_PROTO__DATA_TYPE__INT64)
        return false;
    const bool raw = tensor->raw_data.len == count * sizeof *out;
    if (!raw && tensor->n_int64_data != count)
        return false;
    memcpy(out, raw ? (const void *)tensor->raw_data.data : tensor->int64_data, count * sizeof *out);
    return true;
}

/* The tensor's type, and where its numbers are; false for other types. */
static bool find_numbers(const Onnx__TensorProto *tensor, wn_dtype *dtype, const void **data, size_t *bytes)
{
    *data = tensor->raw_data.data;
    *bytes = tensor->raw_data.len;
    switch (tensor->data_type) {
    case ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16:
        *dtype = WN_F16;
        return true;
    case ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT:
        *dtype = WN_F32;
        if (tensor->n_float_data) {
            *data = tensor->float_data;
            *bytes = tensor->n_float_data * sizeof *tensor->float_data;
        }
        return true;
    case ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE:
        *dtype = WN_F64;
        if (tensor->n_double_data) {
            *data = tensor->double_data;
            *bytes = tensor->n_double_data * sizeof *tensor->double_data;
        }
        return true;
    default:
        return false;
    }
}

winnow_status wn_onnx_weight(const wn_onnx_model *model, const Onnx__TensorProto *tensor, wn_weight *weight)
{
    const char *name = tensor->name ? tensor->name : "";
    const void *data;
    size_t bytes;
    uint64_t count = 1;
    *weight = (wn_weight){.name = name, .rank = (int)tensor->n_dims};
    if (tensor->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL)
        return wn_fail(model->error, WINNOW_ERROR_UNSUPPORTED, -1,
                       "tensor '%.100s' is kept in another file; save the model as one file", name);
    if (!find_numbers(tensor, &weight->dtype, &data, &bytes) || tensor->n_dims > WN_MAX_RANK)
        return wn_fail(model->error, WINNOW_ERROR_UNSUPPORTED, -1,
                       "tensor '%.100s' is not floating point; quantized models cannot be imported", name);
    for (int i = weight->rank - 1; i >= 0; i--) {
        weight->stride[i] = count;
        weight->shape[i] = (uint64_t)tensor->dims[i];
        if (tensor->dims[i] < 0 || __builtin_mul_overflow(count, weight->shape[i], &count))
            count = UINT64_MAX / 16;
    }
    if (count > bytes || count * wn_dtype_size(weight->dtype) != bytes)
        return wn_fail(model->error, WINNOW_ERROR_FORMAT, -1,
                       "tensor '%.100s' has %zu bytes, which is not what its shape says", name, bytes);
    const uint8_t *at = bytes ? memmem(model->bytes, model->size, data, bytes) : NULL;
    weight->data = data;
    weight->where = at ? (uint64_t)(at - model->bytes) : 0;
    return WINNOW_OK;
}
