/* SPDX-License-Identifier: Apache-2.0
 * weight.bin (coremltools, mlmodel/src/MILBlob/Blob/StorageFormat.hpp): a header of 64 bytes {uint32 count,
 * uint32 version 2}; for each blob, at a multiple of 64, a record of 64 bytes {uint32 0xDEADBEEF, uint32
 * type, uint64 size, uint64 offset of the data} and its data. The program names a blob by the offset of its
 * record. */
#include "mil_writer.h"

#include "runtime/half.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 2048, FEW = 12, NAME = 64, OUTPUTS = 8, UNIT = 64, BLOB_FP16 = 1, BLOB_FP32 = 2 };

/* The type of a value, in all its messages. */
typedef struct typed {
    Coreml__ValueType proto;
    Coreml__TensorType tensor;
    Coreml__Dimension dimension[4], *dimensions[4];
    Coreml__ConstantDimension size[4];
} typed;

typedef struct named {
    Coreml__NamedValueType proto;
    typed type;
    char name[NAME];
} named;

/* A constant, in all its messages. */
typedef struct constant {
    Coreml__ValueEntry entry;
    Coreml__Value value;
    typed type;
    Coreml__ImmediateValue immediate;
    Coreml__TensorValue tensor;
    Coreml__BlobFileValue blob;
    Coreml__Floats floats;
    Coreml__Ints ints;
    Coreml__Bools bools;
    Coreml__Strings strings;
    float number;
    int32_t whole[4];
    protobuf_c_boolean truth;
    char *text;
} constant;

typedef struct operation {
    Coreml__Operation proto;
    Coreml__ArgumentEntry entry[FEW], *entries[FEW];
    Coreml__Argument argument[FEW];
    Coreml__Binding binding[2 * FEW], *bindings[2 * FEW];
    size_t bound;
    named output[2];
    Coreml__NamedValueType *outputs[2];
    constant attribute[2]; /* "name", and a constant's "val" */
    Coreml__ValueEntry *attributes[2];
} operation;

struct wn_mil {
    bool failed;
    Coreml__Program program;
    Coreml__FunctionEntry function_entry, *functions[1];
    Coreml__Function function;
    Coreml__BlockEntry block_entry, *blocks[1];
    Coreml__Block block;
    named input;
    Coreml__NamedValueType *inputs[1];
    char *outputs[OUTPUTS];
    Coreml__Operation *operations[MOST];
    operation operation[MOST];
    uint8_t *weights;
    size_t size, capacity;
    uint32_t blobs;
};

/* ---- types and names ---- */

static void set_type(typed *t, wn_mil_type type, int rank, const int *shape)
{
    coreml__value_type__init(&t->proto);
    coreml__tensor_type__init(&t->tensor);
    t->proto.type_case = COREML__VALUE_TYPE__TYPE_TENSOR_TYPE;
    t->proto.tensortype = &t->tensor;
    t->tensor.datatype = type;
    t->tensor.rank = rank;
    t->tensor.n_dimensions = (size_t)rank;
    t->tensor.dimensions = t->dimensions;
    for (int d = 0; d < rank; d++) {
        t->dimensions[d] = &t->dimension[d];
        coreml__dimension__init(&t->dimension[d]);
        coreml__constant_dimension__init(&t->size[d]);
        t->dimension[d].dimension_case = COREML__DIMENSION__DIMENSION_CONSTANT;
        t->dimension[d].constant = &t->size[d];
        t->size[d].size = (uint64_t)shape[d];
    }
}

static wn_mil_value set_named(named *n, const char *name, wn_mil_type type, int rank, const int *shape)
{
    coreml__named_value_type__init(&n->proto);
    snprintf(n->name, sizeof n->name, "%s", name);
    for (char *c = n->name; *c; c++)
        *c = isalnum((unsigned char)*c) ? *c : '_';
    set_type(&n->type, type, rank, shape);
    n->proto.name = n->name;
    n->proto.type = &n->type.proto;
    wn_mil_value value = {.name = n->name, .type = type, .rank = rank};
    for (int d = 0; d < rank; d++)
        value.shape[d] = shape[d];
    return value;
}

/* ---- operations ---- */

static constant *add_attribute(operation *o, const char *key, wn_mil_type type, int rank, const int *shape)
{
    const size_t at = o->proto.n_attributes++;
    constant *c = &o->attribute[at];
    o->attributes[at] = &c->entry;
    coreml__value_entry__init(&c->entry);
    coreml__value__init(&c->value);
    coreml__immediate_value__init(&c->immediate);
    coreml__tensor_value__init(&c->tensor);
    c->entry.key = (char *)key;
    c->entry.value = &c->value;
    set_type(&c->type, type, rank, shape);
    c->value.type = &c->type.proto;
    c->value.value_case = COREML__VALUE__VALUE_IMMEDIATE_VALUE;
    c->value.immediatevalue = &c->immediate;
    c->immediate.value_case = COREML__IMMEDIATE_VALUE__VALUE_TENSOR;
    c->immediate.tensor = &c->tensor;
    return c;
}

static void set_text(constant *c, char *text)
{
    coreml__strings__init(&c->strings);
    c->tensor.value_case = COREML__TENSOR_VALUE__VALUE_STRINGS;
    c->tensor.strings = &c->strings;
    c->text = text;
    c->strings.n_values = 1;
    c->strings.values = &c->text;
}

static operation *newest(wn_mil *mil)
{
    return &mil->operation[mil->block.n_operations - 1];
}

wn_mil_value wn_mil_operation(wn_mil *mil, const char *type, const char *name, wn_mil_type output, int rank,
                              const int *shape)
{
    mil->failed |= mil->block.n_operations == MOST;
    const size_t at = mil->block.n_operations < MOST ? mil->block.n_operations++ : MOST - 1;
    operation *o = &mil->operation[at];
    memset(o, 0, sizeof *o);
    mil->operations[at] = &o->proto;
    coreml__operation__init(&o->proto);
    o->proto.type = (char *)type;
    o->proto.inputs = o->entries;
    o->proto.outputs = o->outputs;
    o->proto.attributes = o->attributes;
    o->outputs[0] = &o->output[0].proto;
    o->proto.n_outputs = 1;
    const wn_mil_value value = set_named(&o->output[0], name, output, rank, shape);
    set_text(add_attribute(o, "name", WN_MIL_STRING, 0, NULL), value.name);
    return value;
}

void wn_mil_second(wn_mil *mil, const char *name, wn_mil_type type, int rank, const int *shape)
{
    operation *o = newest(mil);
    set_named(&o->output[1], name, type, rank, shape);
    o->outputs[1] = &o->output[1].proto;
    o->proto.n_outputs = 2;
}

void wn_mil_argument(wn_mil *mil, const char *parameter, int count, const wn_mil_value *value)
{
    operation *o = newest(mil);
    mil->failed |= o->proto.n_inputs == FEW || o->bound + (size_t)count > 2 * FEW;
    if (mil->failed)
        return;
    const size_t at = o->proto.n_inputs++;
    o->entries[at] = &o->entry[at];
    coreml__argument_entry__init(&o->entry[at]);
    coreml__argument__init(&o->argument[at]);
    o->entry[at].key = (char *)parameter;
    o->entry[at].value = &o->argument[at];
    o->argument[at].n_arguments = (size_t)count;
    o->argument[at].arguments = o->bindings + o->bound;
    for (int i = 0; i < count; i++, o->bound++) {
        Coreml__Binding *binding = o->bindings[o->bound] = &o->binding[o->bound];
        coreml__binding__init(binding);
        binding->binding_case = COREML__BINDING__BINDING_NAME;
        binding->name = value[i].name;
    }
}

/* ---- constants ---- */

static constant *add_constant(wn_mil *mil, const char *name, wn_mil_type type, int rank, const int *shape,
                              wn_mil_value *value)
{
    *value = wn_mil_operation(mil, "const", name, type, rank, shape);
    return add_attribute(newest(mil), "val", type, rank, shape);
}

wn_mil_value wn_mil_text(wn_mil *mil, const char *name, const char *text)
{
    wn_mil_value value;
    set_text(add_constant(mil, name, WN_MIL_STRING, 0, NULL, &value), (char *)text);
    return value;
}

wn_mil_value wn_mil_truth(wn_mil *mil, const char *name, bool truth)
{
    wn_mil_value value;
    constant *c = add_constant(mil, name, WN_MIL_BOOL, 0, NULL, &value);
    coreml__bools__init(&c->bools);
    c->tensor.value_case = COREML__TENSOR_VALUE__VALUE_BOOLS;
    c->tensor.bools = &c->bools;
    c->truth = truth;
    c->bools.n_values = 1;
    c->bools.values = &c->truth;
    return value;
}

static wn_mil_value add_wholes(wn_mil *mil, const char *name, int rank, int count, const int *whole)
{
    wn_mil_value value;
    constant *c = add_constant(mil, name, WN_MIL_INT32, rank, &count, &value);
    coreml__ints__init(&c->ints);
    c->tensor.value_case = COREML__TENSOR_VALUE__VALUE_INTS;
    c->tensor.ints = &c->ints;
    for (int i = 0; i < count; i++)
        c->whole[i] = whole[i];
    c->ints.n_values = (size_t)count;
    c->ints.values = c->whole;
    return value;
}

wn_mil_value wn_mil_whole(wn_mil *mil, const char *name, int whole)
{
    return add_wholes(mil, name, 0, 1, &whole);
}

wn_mil_value wn_mil_wholes(wn_mil *mil, const char *name, int count, const int *whole)
{
    return add_wholes(mil, name, 1, count, whole);
}

wn_mil_value wn_mil_number(wn_mil *mil, const char *name, float number)
{
    wn_mil_value value;
    constant *c = add_constant(mil, name, WN_MIL_FP32, 0, NULL, &value);
    coreml__floats__init(&c->floats);
    c->tensor.value_case = COREML__TENSOR_VALUE__VALUE_FLOATS;
    c->tensor.floats = &c->floats;
    c->number = number;
    c->floats.n_values = 1;
    c->floats.values = &c->number;
    return value;
}

/* ---- weight.bin ---- */

/* `bytes` more, zeroed, or NULL, which is remembered. */
static uint8_t *grow(wn_mil *mil, size_t bytes)
{
    const size_t padded = (bytes + UNIT - 1) / UNIT * UNIT;
    if (mil->size + padded > mil->capacity) {
        const size_t capacity = 2 * mil->capacity + padded;
        uint8_t *longer = realloc(mil->weights, capacity);
        mil->failed |= !longer;
        if (!longer)
            return NULL;
        mil->weights = longer;
        mil->capacity = capacity;
    }
    uint8_t *at = mil->weights + mil->size;
    memset(at, 0, padded);
    mil->size += padded;
    return at;
}

/* Returns the offset of the blob's record. */
static uint64_t add_blob(wn_mil *mil, bool half, const float *data, size_t count)
{
    const uint64_t record = mil->size, size = count * (half ? sizeof(uint16_t) : sizeof(float));
    const uint64_t at = record + UNIT;
    const uint32_t head[2] = {0xDEADBEEF, half ? BLOB_FP16 : BLOB_FP32};
    uint8_t *to = grow(mil, UNIT + size);
    if (!to)
        return 0;
    memcpy(to, head, sizeof head);
    memcpy(to + 8, &size, sizeof size);
    memcpy(to + 16, &at, sizeof at);
    for (size_t i = 0; i < count && half; i++) {
        const uint16_t value = wn_half_from_float(data[i]);
        memcpy(to + UNIT + i * sizeof value, &value, sizeof value);
    }
    if (!half)
        memcpy(to + UNIT, data, size);
    mil->blobs++;
    return record;
}

wn_mil_value wn_mil_weights(wn_mil *mil, const char *name, wn_mil_type type, int rank, const int *shape,
                            const float *data)
{
    wn_mil_value value;
    size_t count = 1;
    for (int d = 0; d < rank; d++)
        count *= (size_t)shape[d];
    constant *c = add_constant(mil, name, type, rank, shape, &value);
    coreml__blob_file_value__init(&c->blob);
    c->value.value_case = COREML__VALUE__VALUE_BLOB_FILE_VALUE;
    c->value.blobfilevalue = &c->blob;
    c->blob.filename = "@model_path/weights/weight.bin";
    c->blob.offset = add_blob(mil, type == WN_MIL_FP16, data, count);
    return value;
}

/* ---- the whole ---- */

wn_mil *wn_mil_create(void)
{
    wn_mil *mil = calloc(1, sizeof *mil);
    if (!mil)
        return NULL;
    coreml__program__init(&mil->program);
    coreml__function_entry__init(&mil->function_entry);
    coreml__function__init(&mil->function);
    coreml__block_entry__init(&mil->block_entry);
    coreml__block__init(&mil->block);
    mil->program.version = 1;
    mil->program.n_functions = 1;
    mil->program.functions = mil->functions;
    mil->functions[0] = &mil->function_entry;
    mil->function_entry.key = "main";
    mil->function_entry.value = &mil->function;
    mil->function.opset = mil->block_entry.key = "CoreML5";
    mil->function.inputs = mil->inputs;
    mil->function.n_block_specializations = 1;
    mil->function.block_specializations = mil->blocks;
    mil->blocks[0] = &mil->block_entry;
    mil->block_entry.value = &mil->block;
    mil->block.outputs = mil->outputs;
    mil->block.operations = mil->operations;
    grow(mil, UNIT);
    return mil;
}

void wn_mil_free(wn_mil *mil)
{
    if (mil)
        free(mil->weights);
    free(mil);
}

wn_mil_value wn_mil_input(wn_mil *mil, const char *name, wn_mil_type type, int rank, const int *shape)
{
    mil->inputs[0] = &mil->input.proto;
    mil->function.n_inputs = 1;
    return set_named(&mil->input, name, type, rank, shape);
}

void wn_mil_output(wn_mil *mil, wn_mil_value value)
{
    mil->failed |= mil->block.n_outputs == OUTPUTS;
    if (!mil->failed)
        mil->outputs[mil->block.n_outputs++] = value.name;
}

winnow_status wn_mil_finish(wn_mil *mil, Coreml__Program **program, const void **weights, size_t *size,
                            winnow_error *error)
{
    if (mil->failed)
        return wn_fail_memory(error);
    const uint32_t head[2] = {mil->blobs, 2};
    memcpy(mil->weights, head, sizeof head);
    *program = &mil->program;
    *weights = mil->weights;
    *size = mil->size;
    return WINNOW_OK;
}
