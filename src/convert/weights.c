/* SPDX-License-Identifier: Apache-2.0 */
#include "weights.h"

#include "../runtime/half.h"
#include "onnx_read.h"
#include "torch.h"

#include <math.h>
#include <string.h>

/* ---- the list ---- */

wn_weight *wn_weights_add(wn_weights *weights, const char *name, wn_dtype dtype, int rank,
                          const uint64_t *shape)
{
    if (weights->count == weights->capacity) {
        const size_t capacity = weights->capacity ? 2 * weights->capacity : 512;
        wn_weight *grown = wn_arena_alloc(&weights->memory, capacity * sizeof *grown);
        if (!grown)
            return NULL;
        if (weights->count)
            memcpy(grown, weights->item, weights->count * sizeof *grown);
        weights->item = grown;
        weights->capacity = capacity;
    }
    wn_weight *weight = &weights->item[weights->count++];
    *weight = (wn_weight){.name = name, .dtype = dtype, .rank = rank};
    uint64_t stride = 1;
    for (int i = rank - 1; i >= 0; i--) {
        weight->shape[i] = shape[i];
        weight->stride[i] = stride;
        if (__builtin_mul_overflow(stride, shape[i], &stride))
            stride = UINT64_MAX; /* wn_weight_span refuses it */
    }
    return weight;
}

bool wn_weight_span(const wn_weight *weight, uint64_t *span)
{
    uint64_t last = 0;
    for (int i = 0; i < weight->rank; i++)
        if (!weight->shape[i]) {
            *span = 0;
            return true;
        }
    for (int i = 0; i < weight->rank; i++) {
        uint64_t reach;
        if (__builtin_mul_overflow(weight->shape[i] - 1, weight->stride[i], &reach) ||
            __builtin_add_overflow(last, reach, &last))
            return false;
    }
    *span = last + 1;
    return last < INT64_MAX;
}

const wn_weight *wn_weights_find(const wn_weights *weights, const char *name)
{
    for (size_t i = 0; i < weights->count; i++)
        if (!strcmp(weights->item[i].name, name))
            return &weights->item[i];
    return NULL;
}

bool wn_weight_has_shape(const wn_weight *weight, int rank, const uint64_t *shape)
{
    return weight->rank == rank && (!rank || !memcmp(weight->shape, shape, (size_t)rank * sizeof *shape));
}

/* ---- numbers ---- */

static float load(wn_dtype dtype, const uint8_t *at)
{
    union {
        uint16_t half;
        uint32_t bits;
        float single;
        double real;
    } value = {0};
    memcpy(&value, at, wn_dtype_size(dtype));
    switch (dtype) {
    case WN_F16:
        return wn_half_to_float(value.half);
    case WN_BF16:
        value.bits = (uint32_t)value.half << 16;
        return value.single;
    case WN_F64:
        return (float)value.real;
    default:
        return value.single;
    }
}

winnow_status wn_weight_floats(const wn_weight *weight, float *out, winnow_error *error)
{
    if (weight->dtype > WN_F64)
        return wn_fail(error, WINNOW_ERROR_FORMAT, (int64_t)weight->where,
                       "tensor '%.100s' is %s, not floating point", weight->name,
                       wn_dtype_name(weight->dtype));
    uint64_t span, index[WN_MAX_RANK] = {0};
    if (!wn_weight_span(weight, &span) || !span)
        return WINNOW_OK;
    const size_t size = wn_dtype_size(weight->dtype);
    for (;;) {
        uint64_t at = 0;
        for (int i = 0; i < weight->rank; i++)
            at += index[i] * weight->stride[i];
        *out = load(weight->dtype, weight->data + at * size);
        if (!isfinite(*out++))
            return wn_fail(error, WINNOW_ERROR_FORMAT, (int64_t)(weight->where + at * size),
                           "byte %llu: tensor '%.100s' holds a number that is not finite in float32",
                           (unsigned long long)(weight->where + at * size), weight->name);
        int i = weight->rank - 1;
        while (i >= 0 && ++index[i] == weight->shape[i])
            index[i--] = 0;
        if (i < 0)
            return WINNOW_OK;
    }
}

/* ---- files ---- */

static winnow_status read_safetensors(const void *bytes, size_t size, wn_weights *weights,
                                      winnow_error *error)
{
    wn_safetensors *file;
    winnow_status status = wn_safetensors_parse(bytes, size, &file, error);
    if (status)
        return status;
    weights->format = "safetensors";
    if (wn_safetensors_metadata(file, "winnow.kind")) {
        wn_safetensors_free(file);
        return wn_fail(error, WINNOW_ERROR_UNSUPPORTED, -1, "a file of winnow's own; use it as it is");
    }
    for (size_t i = 0; i < wn_safetensors_count(file); i++) {
        const wn_tensor *tensor = wn_safetensors_at(file, i);
        const char *name = wn_arena_text(&weights->memory, tensor->name, strlen(tensor->name));
        wn_weight *weight =
            name ? wn_weights_add(weights, name, tensor->dtype, tensor->rank, tensor->shape) : NULL;
        if (!weight) {
            wn_safetensors_free(file);
            return wn_fail_memory(error);
        }
        weight->data = tensor->data;
        weight->where = tensor->offset;
    }
    wn_safetensors_free(file);
    return WINNOW_OK;
}

winnow_status wn_weights_parse(const void *bytes, size_t size, wn_weights *weights, winnow_error *error)
{
    *weights = (wn_weights){0};
    const uint8_t *byte = bytes;
    winnow_status status;
    if (wn_torch_recognise(bytes, size))
        status = wn_torch_parse(bytes, size, weights, error);
    else if (size > 8 && byte[8] == '{')
        status = read_safetensors(bytes, size, weights, error);
    else if (wn_onnx_recognise(bytes, size))
        status = wn_onnx_parse(bytes, size, weights, error);
    else
        status = wn_fail(error, WINNOW_ERROR_UNSUPPORTED, 0,
                         "neither a PyTorch checkpoint, nor safetensors, nor ONNX");
    if (status)
        wn_weights_free(weights);
    return status;
}

void wn_weights_free(wn_weights *weights)
{
    wn_arena_free(&weights->memory);
    *weights = (wn_weights){0};
}
