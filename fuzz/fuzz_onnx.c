/* SPDX-License-Identifier: Apache-2.0
 * Any bytes are read as an ONNX file, and a network looked for in it and imported, or refused; every number
 * of what is read lies in memory that is there. Some of the first inputs are whole networks without their
 * weights, which a reader does not tell from one another: the target puts some in their place. */
#include "convert/import.h"
#include "convert/onnx_read.h"
#include "fuzz.h"
#include "onnx.pb-c.h"

#include <math.h>
#include <string.h>

enum { MAX_NUMBERS = 1 << 16, MAX_WHOLE = 1 << 22, EVERY = 16 };

static void read_numbers(const wn_weight *weight)
{
    static float numbers[MAX_NUMBERS];
    uint64_t count = 1;
    for (int i = 0; i < weight->rank; i++)
        if (__builtin_mul_overflow(count, weight->shape[i], &count))
            return;
    if (count <= MAX_NUMBERS)
        wn_weight_floats(weight, numbers, NULL);
}

/* ---- what is missing ---- */

/* Gives a tensor of halves without numbers some. */
static void fill(Onnx__TensorProto *tensor, bool empty)
{
    static uint16_t halves[MAX_WHOLE / 2];
    uint64_t count = 1;
    if (!tensor || tensor->data_type != ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16)
        return;
    if (empty) { /* again, before it is freed */
        if (tensor->raw_data.data == (uint8_t *)halves)
            tensor->raw_data = (ProtobufCBinaryData){0};
        return;
    }
    for (size_t i = MAX_WHOLE / 2; i-- > 0 && !*halves;)
        halves[i] = 0x2c00; /* 1/16 */
    for (size_t i = 0; i < tensor->n_dims; i++)
        if (tensor->dims[i] < 0 || __builtin_mul_overflow(count, (uint64_t)tensor->dims[i], &count))
            return;
    if (tensor->raw_data.len || !count || count > MAX_WHOLE / 2)
        return;
    tensor->has_raw_data = true;
    tensor->raw_data = (ProtobufCBinaryData){2 * count, (uint8_t *)halves};
}

static void fill_all(const Onnx__GraphProto *graph, bool empty)
{
    for (size_t i = 0; i < graph->n_initializer; i++)
        fill(graph->initializer[i], empty);
    for (size_t i = 0; i < graph->n_node; i++)
        for (size_t k = 0; k < graph->node[i]->n_attribute; k++)
            fill(graph->node[i]->attribute[k]->t, empty);
}

/* The same file with weights, malloc'ed; NULL where none are missing. */
static uint8_t *complete(const uint8_t *bytes, size_t size, size_t *whole_size)
{
    Onnx__ModelProto *model = onnx__model_proto__unpack(NULL, size, bytes);
    uint8_t *whole = NULL;
    if (model && model->graph) {
        const size_t least = onnx__model_proto__get_packed_size(model);
        fill_all(model->graph, false);
        *whole_size = onnx__model_proto__get_packed_size(model);
        if (*whole_size > least && *whole_size <= MAX_WHOLE) {
            whole = malloc(*whole_size);
            REQUIRE(whole != NULL);
            onnx__model_proto__pack(model, whole);
        }
        fill_all(model->graph, true);
    }
    if (model)
        onnx__model_proto__free_unpacked(model, NULL);
    return whole;
}

/* ---- what is read ---- */

static void require_reason(const winnow_error *error, size_t size)
{
    REQUIRE(error->where >= -1 && error->where <= (int64_t)size && strlen(error->message) > 0);
}

static void read_once(const uint8_t *bytes, size_t size)
{
    winnow_error error = {0};
    wn_weights weights = {0};
    if (wn_onnx_parse(bytes, size, &weights, &error)) {
        require_reason(&error, size);
    } else {
        REQUIRE(weights.wiring_count > 0 && weights.count >= 5 * (size_t)weights.wiring_count);
        for (size_t i = 0; i < weights.count; i++)
            read_numbers(&weights.item[i]);
    }
    wn_weights_free(&weights);
}

/* True where it is imported. */
static bool import(const uint8_t *bytes, size_t size)
{
    winnow_error error = {0};
    wn_import_result result;
    wn_params params;
    if (wn_import_read(bytes, size, &result, &params, &error)) {
        require_reason(&error, size);
        return false;
    }
    const wn_network *network = &result.identity.network;
    for (size_t i = 0; i < network->total; i++)
        REQUIRE(isfinite(params.data[i]) && (i < network->trainable || params.data[i] >= -1e9f));
    wn_params_free(&params);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    read_once(bytes, size);
    import(bytes, size);
    if (wn_fuzz_one_in(EVERY, bytes, size))
        wn_fuzz_accepts(bytes, size);
    return 0;
}

/* A whole network, or a part of one. */
bool wn_fuzz_accepts(const uint8_t *bytes, size_t size)
{
    size_t whole_size;
    winnow_error error;
    wn_weights weights = {0};
    uint8_t *whole = complete(bytes, size, &whole_size);
    const bool read = whole ? import(whole, whole_size) : !wn_onnx_parse(bytes, size, &weights, &error);
    wn_weights_free(&weights);
    free(whole);
    return read;
}
