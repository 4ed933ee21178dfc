/* SPDX-License-Identifier: Apache-2.0
 * The weights of an int8 gate, as bytes in its file: the 1x1 convolutions and the embedding are tensors of
 * type I8 under their usual names; row i is multiplied by element i of the tensor "<name without
 * .weight>.scale". "gate.ranges" holds the ranges of the layers' inputs (plan.h). Those of a bf16 gate are of
 * type BF16. */
#ifndef WN_GATE_BYTES_H
#define WN_GATE_BYTES_H

#include "gate_file.h"

/* What the file says of its precision -> file->bf16, or file->int8, ->ranges and room for ->params.scale
 * and ->params.bytes; before the weights are read. */
winnow_status wn_gate_read_precision(const wn_safetensors *in, wn_gate_file *file, winnow_error *error);

/* The first row of the weights at this offset, of those that int8 and bf16 gates narrow; -1: they stay
 * float32. */
int wn_gate_row(const wn_gate_file *file, size_t offset);

/* Tensor `name` of bytes[rows * columns], its scales[rows], and the weights that they stand for,
 * out[rows * columns]. Refuses what wn_gate_write_bytes would not have written. */
winnow_status wn_gate_read_bytes(const wn_safetensors *in, const char *name, size_t rows, size_t columns,
                                 int8_t *bytes, float *scale, float *out, winnow_error *error);

/* Gives a tensor and its scales to the writer. known: the scales, or NULL to choose them. *made (malloc'ed,
 * the caller's after the write) holds both. False where memory ran out. */
bool wn_gate_write_bytes(wn_writer *writer, const char *name, int rank, const uint64_t *shape,
                         const float *values, const float *known, void **made);

/* Gives a tensor to the writer as bf16; the caller frees what is returned after the write. NULL where memory
 * ran out. */
uint16_t *wn_gate_write_halves(wn_writer *writer, const char *name, int rank, const uint64_t *shape,
                               const float *values, size_t count);

/* The ranges, and the word for the precision. `room`: of twice as many floats as there are rows, to outlive
 * the write. */
void wn_gate_write_ranges(wn_writer *writer, const wn_gate_file *file, float *room);

#endif
