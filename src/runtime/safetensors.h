/* SPDX-License-Identifier: Apache-2.0
 * The one file format: a strict reader and a writer of safetensors.
 *
 * Layout: uint64 little-endian header length n (n <= 100 MB); n bytes of JSON {"name": {"dtype", "shape",
 * "data_offsets"},
 * ..., "__metadata__": {string: string}}; then the tensors' bytes. The reader trusts nothing: lengths,
 * offsets, overlaps, holes, dtypes, duplicates, UTF-8 and JSON syntax are checked, and every refusal names
 * the byte position. Little-endian hosts only (a compile-time check). */
#ifndef WN_SAFETENSORS_H
#define WN_SAFETENSORS_H

#include "error.h"

#include <stdbool.h>

typedef enum wn_dtype {
    WN_F32,
    WN_F16,
    WN_BF16,
    WN_F64,
    WN_I64,
    WN_I32,
    WN_I16,
    WN_I8,
    WN_U8,
    WN_BOOL
} wn_dtype;

enum { WN_MAX_RANK = 8 };

typedef struct wn_tensor {
    const char *name;
    wn_dtype dtype;
    int rank;
    uint64_t shape[WN_MAX_RANK];
    const void *data; /* into the bytes given to wn_safetensors_parse; 8-byte alignment is NOT promised: use
                         memcpy or wn_tensor_floats */
    size_t bytes;
    uint64_t offset; /* of data from the start of the file: for error messages */
} wn_tensor;

typedef struct wn_safetensors wn_safetensors;

/* Bytes of one element; its name in a file ("F32"); and back: false if there is none of that name. */
size_t wn_dtype_size(wn_dtype dtype);
const char *wn_dtype_name(wn_dtype dtype);
bool wn_dtype_find(const char *name, wn_dtype *dtype);

/* Parses without copying tensor data: `bytes` must outlive *file. */
winnow_status wn_safetensors_parse(const void *bytes, size_t size, wn_safetensors **file,
                                   winnow_error *error);

/* Maps `path` into memory until wn_safetensors_free, and parses it. */
winnow_status wn_safetensors_read(const char *path, wn_safetensors **file, winnow_error *error);

void wn_safetensors_free(wn_safetensors *file);

size_t wn_safetensors_count(const wn_safetensors *file);
const wn_tensor *wn_safetensors_at(const wn_safetensors *file, size_t index); /* in order of data offset */
const wn_tensor *wn_safetensors_find(const wn_safetensors *file, const char *name); /* NULL if absent */

/* __metadata__: NULL if absent. Keys and values are NUL-terminated UTF-8 without embedded NULs. */
const char *wn_safetensors_metadata(const wn_safetensors *file, const char *key);
size_t wn_safetensors_metadata_count(const wn_safetensors *file);
void wn_safetensors_metadata_at(const wn_safetensors *file, size_t index, const char **key,
                                const char **value);

/* Copies an F32, F16, BF16 or F64 tensor of exactly `count` elements to out[count] as float32. Refuses NaN
 * and infinity, naming the tensor and the byte position. The name must exist; refusals say what was expected.
 */
winnow_status wn_safetensors_floats(const wn_safetensors *file, const char *name, size_t count, float *out,
                                    winnow_error *error);

/* ---- writing: collect, then write at once. Names, values and data are copied on wn_writer_metadata; tensor
 * DATA is borrowed until the write. */
typedef struct wn_writer wn_writer;

wn_writer *
wn_writer_create(void); /* NULL on out of memory; later failures are remembered and reported by the write */
void wn_writer_free(wn_writer *writer);
void wn_writer_tensor(wn_writer *writer, const char *name, wn_dtype dtype, int rank, const uint64_t *shape,
                      const void *data);
void wn_writer_metadata(wn_writer *writer, const char *key,
                        const char *value); /* replaces an earlier value of the key */

/* Writes to a temporary file beside `path`, syncs it, renames it over `path` and syncs the folder: at every
 * moment `path` is either the old file or the whole new one. On failure the temporary file is removed and the
 * old file is untouched. The output is deterministic: metadata sorted by key, tensors in the order given,
 * data 64-byte aligned (header padded with spaces). */
winnow_status wn_writer_write(const wn_writer *writer, const char *path, winnow_error *error);

/* The same to memory; *bytes is malloc'ed and the caller's. */
winnow_status wn_writer_write_memory(const wn_writer *writer, void **bytes, size_t *size,
                                     winnow_error *error);

#endif
