/* SPDX-License-Identifier: Apache-2.0
 * The element types of a file, and their conversion to the one that we compute with. */
#include "half.h"
#include "safetensors.h"

#include <math.h>
#include <string.h>

static const struct {
    const char *name;
    size_t size;
} dtypes[] = {
    [WN_F32] = {"F32", 4}, [WN_F16] = {"F16", 2},   [WN_BF16] = {"BF16", 2}, [WN_F64] = {"F64", 8},
    [WN_I64] = {"I64", 8}, [WN_I32] = {"I32", 4},   [WN_I16] = {"I16", 2},   [WN_I8] = {"I8", 1},
    [WN_U8] = {"U8", 1},   [WN_BOOL] = {"BOOL", 1},
};

size_t wn_dtype_size(wn_dtype dtype)
{
    return dtypes[dtype].size;
}

const char *wn_dtype_name(wn_dtype dtype)
{
    return dtypes[dtype].name;
}

bool wn_dtype_find(const char *name, wn_dtype *dtype)
{
    for (int i = WN_F32; i <= WN_BOOL; i++)
        if (!strcmp(dtypes[i].name, name)) {
            *dtype = (wn_dtype)i;
            return true;
        }
    return false;
}

static float load_float(wn_dtype dtype, const char *at)
{
    if (dtype == WN_F64) {
        double value;
        memcpy(&value, at, sizeof value);
        return (float)value;
    }
    uint16_t bits;
    memcpy(&bits, at, sizeof bits);
    return dtype == WN_F16 ? wn_half_to_float(bits) : wn_bf16_to_float(bits);
}

/* Index of the first number that is NaN or infinite, or count. */
static size_t find_infinite(const float *values, size_t count)
{
    /* The largest magnitude as an integer tells of all at once, in a loop that vectorises. */
    uint32_t largest = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        bits &= 0x7fffffff;
        largest = bits > largest ? bits : largest;
    }
    if (largest < 0x7f800000)
        return count;
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return i;
    return count;
}

winnow_status wn_safetensors_floats(const wn_safetensors *file, const char *name, size_t count, float *out,
                                    winnow_error *error)
{
    const wn_tensor *tensor = wn_safetensors_find(file, name);
    if (!tensor)
        return wn_fail(error, WINNOW_ERROR_FORMAT, -1, "there is no tensor '%.100s'", name);
    const long long offset = (long long)tensor->offset;
    if (tensor->dtype > WN_F64)
        return wn_fail(error, WINNOW_ERROR_FORMAT, offset,
                       "byte %lld: tensor '%.100s' is %s, not floating point", offset, name,
                       wn_dtype_name(tensor->dtype));
    const size_t size = wn_dtype_size(tensor->dtype);
    if (tensor->bytes / size != count)
        return wn_fail(error, WINNOW_ERROR_FORMAT, offset,
                       "byte %lld: tensor '%.100s' has %zu numbers where %zu are expected", offset, name,
                       tensor->bytes / size, count);
    if (tensor->dtype == WN_F32 && count)
        memcpy(out, tensor->data, tensor->bytes);
    else
        for (size_t i = 0; i < count; i++)
            out[i] = load_float(tensor->dtype, (const char *)tensor->data + i * size);
    const size_t bad = find_infinite(out, count);
    if (bad == count)
        return WINNOW_OK;
    const long long where = offset + (long long)(bad * size);
    return wn_fail(error, WINNOW_ERROR_FORMAT, where,
                   "byte %lld: tensor '%.100s' holds a number that is not finite in float32", where, name);
}
