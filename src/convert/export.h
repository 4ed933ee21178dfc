/* SPDX-License-Identifier: Apache-2.0
 * A gate as a file for another runtime, with preprocessing, threshold and verdict inside (docs/exporting.md).
 */
#ifndef WN_EXPORT_H
#define WN_EXPORT_H

#include "runtime/gate_file.h"
#include "runtime/number.h"

/* The gate that is exported. */
typedef struct wn_export_source {
    wn_gate_file file;
    wn_safetensors *tensors; /* the same file as it is stored */
    struct {
        const char *key;
        char value[WN_NUMBER_TEXT];
    } made[3]; /* notes that the gate file keeps as tensors, or not at all */
} wn_export_source;

typedef enum wn_export_precision {
    WN_EXPORT_FP32,
    WN_EXPORT_FP16,
    WN_EXPORT_FP16_COMPUTE, /* and the convolutions' arithmetic */
    WN_EXPORT_INT8
} wn_export_precision;

typedef struct wn_export_options {
    wn_export_precision precision; /* of the weights */
    bool raw;      /* only the embedding, not normalised, with the names of the published model */
    bool whole;    /* ONNX: also layers that nothing reads, for `winnow import` */
    bool exact;    /* ONNX: pictures of exactly the input size, no resize inside */
    bool separate; /* C: the weights in a .bin file beside it */
} wn_export_options;

/* On failure there is nothing to close. */
winnow_status wn_export_open(const char *path, wn_export_source *source, winnow_error *error);
void wn_export_close(wn_export_source *source);

/* Writes `path`, or leaves what was there. ONNX, opset 13. */
winnow_status wn_export_onnx(const wn_export_source *source, const wn_export_options *options,
                             const char *path, winnow_error *error);

/* Core ML neural network, specification 4. fp32 or fp16 weights. */
winnow_status wn_export_coreml(const wn_export_source *source, const wn_export_options *options,
                               const char *path, winnow_error *error);

/* Core ML ML Program, specification 6: the folder `path`. fp32 or fp16 weights, or fp16 arithmetic too. */
winnow_status wn_export_mlpackage(const wn_export_source *source, const wn_export_options *options,
                                  const char *path, winnow_error *error);

/* C11 without dependencies: path (NAME.c), NAME.h and, where asked for, NAME.bin. fp32 or int8 weights. */
winnow_status wn_export_c(const wn_export_source *source, const wn_export_options *options, const char *path,
                          winnow_error *error);

/* What both text files begin with; the version follows. */
#define WN_EXPORTED_C "/* A gate as C, written by winnow "

/* The name that functions in `path` start with. */
void wn_export_c_name(const char *path, char name[64]);

/* NumPy: every tensor of the gate file but the memory of photos, and metadata.json. */
winnow_status wn_export_npz(const wn_export_source *source, const char *path, winnow_error *error);

/* ---- shared by the formats ---- */

/* What travels with every export: the gate's metadata but for what says where its photos came from. False
 * past the end; *key is NULL where there is nothing to say at this index. */
bool wn_export_note(const wn_export_source *source, size_t index, const char **key, const char **value);

#endif
