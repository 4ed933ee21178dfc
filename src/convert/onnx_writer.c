/* SPDX-License-Identifier: Apache-2.0
 * Fills protobuf-c's messages, which lie in one block of fixed size, and packs them at the end. */
#include "onnx_writer.h"

#include "runtime/file.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPSET = 13, IR_VERSION = 7, MOST = 1024, FEW = 8, NAME = 64 };

typedef struct node {
    Onnx__NodeProto proto;
    char *input[FEW], *output[FEW];
    Onnx__AttributeProto attribute[FEW], *attributes[FEW];
    int64_t ints[FEW][FEW];
} node;

typedef struct constant {
    Onnx__TensorProto proto;
    int64_t shape[FEW];
    union {
        int64_t whole[FEW];
        double real;
        float single;
        uint8_t byte;
    } copy;
} constant;

typedef struct port {
    Onnx__ValueInfoProto proto;
    Onnx__TypeProto type;
    Onnx__TypeProto__Tensor tensor;
    Onnx__TensorShapeProto shape;
    Onnx__TensorShapeProto__Dimension dim[FEW], *dims[FEW];
} port;

struct wn_onnx {
    bool full; /* more was added than there is room for */
    int names;
    Onnx__ModelProto model;
    Onnx__GraphProto graph;
    Onnx__OperatorSetIdProto opset, *opsets[1];
    Onnx__NodeProto *nodes[MOST];
    Onnx__TensorProto *constants[MOST];
    Onnx__ValueInfoProto *inputs[FEW], *outputs[FEW];
    Onnx__StringStringEntryProto metadata[MOST], *entries[MOST];
    node node[MOST];
    constant constant[MOST];
    port input[FEW], output[FEW];
    char name[4 * MOST][NAME];
};

/* Index of one more; the last one again where there is no room, which is remembered. */
static size_t more(wn_onnx *onnx, size_t *count, size_t most)
{
    onnx->full |= *count == most;
    return *count < most ? (*count)++ : most - 1;
}

wn_onnx *wn_onnx_create(const char *graph_name)
{
    wn_onnx *onnx = calloc(1, sizeof *onnx);
    if (!onnx)
        return NULL;
    onnx__model_proto__init(&onnx->model);
    onnx__graph_proto__init(&onnx->graph);
    onnx__operator_set_id_proto__init(&onnx->opset);
    onnx->opsets[0] = &onnx->opset;
    onnx->opset.domain = "";
    onnx->opset.has_version = true;
    onnx->opset.version = OPSET;
    onnx->model.has_ir_version = true;
    onnx->model.ir_version = IR_VERSION;
    onnx->model.producer_name = "winnow";
    onnx->model.producer_version = WINNOW_VERSION;
    onnx->model.n_opset_import = 1;
    onnx->model.opset_import = onnx->opsets;
    onnx->model.graph = &onnx->graph;
    onnx->model.metadata_props = onnx->entries;
    onnx->graph.name = (char *)graph_name;
    onnx->graph.node = onnx->nodes;
    onnx->graph.initializer = onnx->constants;
    onnx->graph.input = onnx->inputs;
    onnx->graph.output = onnx->outputs;
    return onnx;
}

void wn_onnx_free(wn_onnx *onnx)
{
    free(onnx);
}

const char *wn_onnx_name(wn_onnx *onnx, const char *format, ...)
{
    va_list arguments;
    onnx->full |= onnx->names == 4 * MOST;
    char *name = onnx->name[onnx->names < 4 * MOST ? onnx->names++ : 4 * MOST - 1];
    va_start(arguments, format);
    onnx->full |= vsnprintf(name, NAME, format, arguments) >= NAME;
    va_end(arguments);
    return name;
}

/* ---- nodes ---- */

static node *newest(wn_onnx *onnx)
{
    return &onnx->node[onnx->graph.n_node - 1];
}

void wn_onnx_add_input(wn_onnx *onnx, const char *input)
{
    node *n = newest(onnx);
    n->input[more(onnx, &n->proto.n_input, FEW)] = (char *)input;
}

void wn_onnx_add_output(wn_onnx *onnx, const char *output)
{
    node *n = newest(onnx);
    n->output[more(onnx, &n->proto.n_output, FEW)] = (char *)output;
}

const char *wn_onnx_node(wn_onnx *onnx, const char *op, const char *output, ...)
{
    const size_t at = more(onnx, &onnx->graph.n_node, MOST);
    node *n = &onnx->node[at];
    onnx->nodes[at] = &n->proto;
    onnx__node_proto__init(&n->proto);
    n->proto.name = (char *)output;
    n->proto.op_type = (char *)op;
    n->proto.input = n->input;
    n->proto.output = n->output;
    n->proto.attribute = n->attributes;
    wn_onnx_add_output(onnx, output);
    va_list inputs;
    va_start(inputs, output);
    for (const char *input = va_arg(inputs, const char *); input; input = va_arg(inputs, const char *))
        wn_onnx_add_input(onnx, input);
    va_end(inputs);
    return output;
}

void wn_onnx_ints(wn_onnx *onnx, const char *name, int count, const int64_t *value)
{
    node *n = newest(onnx);
    const size_t at = more(onnx, &n->proto.n_attribute, FEW);
    Onnx__AttributeProto *attribute = n->attributes[at] = &n->attribute[at];
    onnx__attribute_proto__init(attribute);
    attribute->name = (char *)name;
    attribute->has_type = true;
    attribute->type = ONNX__ATTRIBUTE_PROTO__TYPE__INTS;
    attribute->n_ints = (size_t)count;
    attribute->ints = memcpy(n->ints[at], value, (size_t)count * sizeof *value);
}

void wn_onnx_int(wn_onnx *onnx, const char *name, int64_t value)
{
    wn_onnx_ints(onnx, name, 0, &value);
    Onnx__AttributeProto *attribute = &newest(onnx)->attribute[newest(onnx)->proto.n_attribute - 1];
    attribute->type = ONNX__ATTRIBUTE_PROTO__TYPE__INT;
    attribute->has_i = true;
    attribute->i = value;
}

/* ---- constants ---- */

static size_t size_of(Onnx__TensorProto__DataType type)
{
    switch (type) {
    case ONNX__TENSOR_PROTO__DATA_TYPE__INT64:
    case ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE:
        return 8;
    case ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT:
    case ONNX__TENSOR_PROTO__DATA_TYPE__INT32:
        return 4;
    default:
        return 1;
    }
}

/* data NULL: it is copied into the constant itself. */
static constant *add_constant(wn_onnx *onnx, const char *name, Onnx__TensorProto__DataType type, int rank,
                              const int64_t *shape, const void *data)
{
    const size_t at = more(onnx, &onnx->graph.n_initializer, MOST);
    constant *c = &onnx->constant[at];
    size_t count = 1;
    onnx->constants[at] = &c->proto;
    onnx__tensor_proto__init(&c->proto);
    c->proto.name = (char *)name;
    c->proto.has_data_type = true;
    c->proto.data_type = type;
    c->proto.n_dims = (size_t)rank;
    c->proto.dims = c->shape;
    for (int d = 0; d < rank; d++)
        count *= (size_t)(c->shape[d] = shape[d]);
    c->proto.has_raw_data = true;
    c->proto.raw_data =
        (ProtobufCBinaryData){count * size_of(type), data ? (uint8_t *)data : (uint8_t *)&c->copy};
    return c;
}

const char *wn_onnx_constant(wn_onnx *onnx, const char *name, Onnx__TensorProto__DataType type, int rank,
                             const int64_t *shape, const void *data)
{
    add_constant(onnx, name, type, rank, shape, data);
    return name;
}

const char *wn_onnx_float(wn_onnx *onnx, const char *name, float value)
{
    add_constant(onnx, name, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, 0, NULL, NULL)->copy.single = value;
    return name;
}

const char *wn_onnx_byte(wn_onnx *onnx, const char *name, uint8_t value)
{
    add_constant(onnx, name, ONNX__TENSOR_PROTO__DATA_TYPE__UINT8, 0, NULL, NULL)->copy.byte = value;
    return name;
}

const char *wn_onnx_double(wn_onnx *onnx, const char *name, double value)
{
    add_constant(onnx, name, ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE, 0, NULL, NULL)->copy.real = value;
    return name;
}

const char *wn_onnx_whole(wn_onnx *onnx, const char *name, int count, const int64_t *value)
{
    const int64_t shape[] = {count};
    constant *c = add_constant(onnx, name, ONNX__TENSOR_PROTO__DATA_TYPE__INT64, 1, shape, NULL);
    memcpy(c->copy.whole, value, (size_t)count * sizeof *value);
    return name;
}

/* ---- the whole ---- */

static Onnx__ValueInfoProto *describe(port *v, const char *name, Onnx__TensorProto__DataType type, int rank,
                                      const int64_t *shape)
{
    static char *const names[] = {"N", "height", "width"};
    onnx__value_info_proto__init(&v->proto);
    onnx__type_proto__init(&v->type);
    onnx__type_proto__tensor__init(&v->tensor);
    onnx__tensor_shape_proto__init(&v->shape);
    v->proto.name = (char *)name;
    v->proto.type = &v->type;
    v->type.value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    v->type.tensor_type = &v->tensor;
    v->tensor.has_elem_type = true;
    v->tensor.elem_type = type;
    v->tensor.shape = &v->shape;
    v->shape.n_dim = (size_t)rank;
    v->shape.dim = v->dims;
    for (int d = 0; d < rank; d++) {
        Onnx__TensorShapeProto__Dimension *dim = v->dims[d] = &v->dim[d];
        onnx__tensor_shape_proto__dimension__init(dim);
        if (shape[d] > 0) {
            dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
            dim->dim_value = shape[d];
        } else {
            dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
            dim->dim_param = names[-shape[d]];
        }
    }
    return &v->proto;
}

void wn_onnx_input(wn_onnx *onnx, const char *name, Onnx__TensorProto__DataType type, int rank,
                   const int64_t *shape, bool image)
{
    const size_t at = more(onnx, &onnx->graph.n_input, FEW);
    onnx->inputs[at] = describe(&onnx->input[at], name, type, rank, shape);
    if (image)
        onnx->input[at].type.denotation = "IMAGE";
}

void wn_onnx_output(wn_onnx *onnx, const char *name, Onnx__TensorProto__DataType type, int rank,
                    const int64_t *shape)
{
    const size_t at = more(onnx, &onnx->graph.n_output, FEW);
    onnx->outputs[at] = describe(&onnx->output[at], name, type, rank, shape);
}

void wn_onnx_metadata(wn_onnx *onnx, const char *key, const char *value)
{
    const size_t at = more(onnx, &onnx->model.n_metadata_props, MOST);
    Onnx__StringStringEntryProto *entry = onnx->entries[at] = &onnx->metadata[at];
    onnx__string_string_entry_proto__init(entry);
    entry->key = (char *)key;
    entry->value = (char *)value;
}

winnow_status wn_onnx_write(wn_onnx *onnx, const char *path, winnow_error *error)
{
    if (onnx->full)
        return wn_fail(error, WINNOW_ERROR_INTERNAL, -1, "the graph outgrew the writer of ONNX files");
    const size_t size = onnx__model_proto__get_packed_size(&onnx->model);
    uint8_t *bytes = malloc(size);
    if (!bytes)
        return wn_fail_memory(error);
    onnx__model_proto__pack(&onnx->model, bytes);
    const winnow_status status = wn_write_file_atomic(path, bytes, size, error);
    free(bytes);
    return status;
}
