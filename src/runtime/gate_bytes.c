/* SPDX-License-Identifier: Apache-2.0 */
#include "gate_bytes.h"

#include "half.h"
#include "plan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RANGES "gate.ranges"

static const float LEAST = 1e-6f, MOST = 1e6f; /* width of a range that is not empty */

/* ---- precision and ranges ---- */

/* Every layer's input, then the embedding's. */
static int range_rows(const wn_gate_file *file)
{
    return file->network.count + 1;
}

static winnow_status read_ranges(const wn_safetensors *in, wn_gate_file *file, winnow_error *error)
{
    const int rows = range_rows(file);
    const wn_tensor *tensor = wn_safetensors_find(in, RANGES);
    if (!tensor || tensor->rank != 2 || tensor->shape[0] != (uint64_t)rows || tensor->shape[1] != 2)
        return wn_fail(error, WINNOW_ERROR_FORMAT, tensor ? (int64_t)tensor->offset : -1,
                       "an int8 gate needs the tensor '" RANGES "' of %d rows of 2", rows);
    float range[WN_MAX_LAYERS + 1][2];
    winnow_status status = wn_safetensors_floats(in, RANGES, 2 * (size_t)rows, range[0], error);
    for (int i = 0; i < rows && !status; i++) {
        const float low = range[i][0], high = range[i][1];
        if (!(low <= 0 && high >= 0 && high - low <= MOST && (high == low || high - low >= LEAST)))
            status = wn_fail(error, WINNOW_ERROR_FORMAT, (int64_t)tensor->offset,
                             "tensor '" RANGES "': row %d is not a range around 0", i);
        file->ranges.low[i] = low;
        file->ranges.high[i] = high;
    }
    return status;
}

winnow_status wn_gate_read_precision(const wn_safetensors *in, wn_gate_file *file, winnow_error *error)
{
    const char *text = wn_safetensors_metadata(in, "winnow.precision");
    if (!text)
        return WINNOW_OK;
    file->bf16 = !strcmp(text, "bf16");
    if (file->bf16)
        return WINNOW_OK;
    if (strcmp(text, "int8") != 0)
        return wn_fail(error, WINNOW_ERROR_UNSUPPORTED, -1,
                       "the gate's 'winnow.precision' is '%.20s', which this version (%s) does not know",
                       text, WINNOW_VERSION);
    file->int8 = true;
    file->params.scale = calloc((size_t)file->network.rows, sizeof *file->params.scale);
    file->params.bytes = calloc(file->network.total, 1);
    return file->params.scale && file->params.bytes ? read_ranges(in, file, error) : wn_fail_memory(error);
}

void wn_gate_write_ranges(wn_writer *writer, const wn_gate_file *file, float *room)
{
    const int rows = range_rows(file);
    for (int i = 0; i < rows; i++) {
        room[2 * i] = file->ranges.low[i];
        room[2 * i + 1] = file->ranges.high[i];
    }
    wn_writer_metadata(writer, "winnow.precision", "int8");
    wn_writer_tensor(writer, RANGES, WN_F32, 2, (const uint64_t[]){(uint64_t)rows, 2}, room);
}

/* ---- weights ---- */

int wn_gate_row(const wn_gate_file *file, size_t offset)
{
    const wn_network *network = &file->network;
    if (offset == network->embedding_weight)
        return network->rows - network->embedding;
    for (int i = 0; i < network->count; i++) {
        const wn_layer *layer = &network->layer[i];
        if (layer->weight == offset)
            return layer->kind == WN_STEM || layer->kind == WN_DEPTHWISE ? -1 : layer->row;
    }
    return -1;
}

static void scale_name(const char *name, char *out, size_t size)
{
    snprintf(out, size, "%.*s.scale", (int)(strlen(name) - strlen(".weight")), name);
}

static winnow_status check_row(const wn_tensor *tensor, size_t row, size_t columns, float scale,
                               winnow_error *error)
{
    if (!(scale == 0 || (scale >= WN_LEAST_SCALE && isfinite(scale * 127))))
        return wn_fail(error, WINNOW_ERROR_FORMAT, (int64_t)tensor->offset,
                       "tensor '%s': the scale of row %zu is negative, too small or too large", tensor->name,
                       row);
    if (!wn_row_fits((const int8_t *)tensor->data + row * columns, columns))
        return wn_fail(error, WINNOW_ERROR_FORMAT, (int64_t)(tensor->offset + row * columns),
                       "tensor '%s': the bytes of row %zu are too large to be summed in 16 bits",
                       tensor->name, row);
    return WINNOW_OK;
}

winnow_status wn_gate_read_bytes(const wn_safetensors *in, const char *name, size_t rows, size_t columns,
                                 int8_t *bytes, float *scale, float *out, winnow_error *error)
{
    char scales[64];
    const wn_tensor *tensor = wn_safetensors_find(in, name);
    if (!tensor || tensor->dtype != WN_I8)
        return wn_fail(error, WINNOW_ERROR_FORMAT, tensor ? (int64_t)tensor->offset : -1,
                       "an int8 gate needs the tensor '%s' of type I8", name);
    scale_name(name, scales, sizeof scales);
    winnow_status status = wn_safetensors_floats(in, scales, rows, scale, error);
    for (size_t row = 0; row < rows && !status; row++)
        status = check_row(tensor, row, columns, scale[row], error);
    if (status)
        return status;
    memcpy(bytes, tensor->data, rows * columns);
    for (size_t row = 0; row < rows; row++)
        for (size_t k = row * columns; k < (row + 1) * columns; k++)
            out[k] = scale[row] * bytes[k];
    return WINNOW_OK;
}

uint16_t *wn_gate_write_halves(wn_writer *writer, const char *name, int rank, const uint64_t *shape,
                               const float *values, size_t count)
{
    uint16_t *halves = malloc(count * sizeof *halves);
    for (size_t i = 0; halves && i < count; i++)
        halves[i] = wn_bf16_from_float(values[i]);
    if (halves)
        wn_writer_tensor(writer, name, WN_BF16, rank, shape, halves);
    return halves;
}

bool wn_gate_write_bytes(wn_writer *writer, const char *name, int rank, const uint64_t *shape,
                         const float *values, const float *known, void **made)
{
    char scales[64];
    size_t columns = 1;
    const size_t rows = (size_t)shape[0];
    for (int d = 1; d < rank; d++)
        columns *= (size_t)shape[d];
    float *scale = *made = malloc(rows * (sizeof *scale + columns));
    if (!scale)
        return false;
    int8_t *bytes = (int8_t *)(scale + rows);
    for (size_t row = 0; row < rows; row++) {
        const float *from = values + row * columns;
        scale[row] = known ? known[row] : wn_row_scale(from, columns);
        wn_row_bytes(from, columns, scale[row], bytes + row * columns);
    }
    scale_name(name, scales, sizeof scales);
    wn_writer_tensor(writer, name, WN_I8, rank, shape, bytes);
    wn_writer_tensor(writer, scales, WN_F32, 1, shape, scale);
    return true;
}
