/* SPDX-License-Identifier: Apache-2.0
 * Is a file what `winnow export` writes of a gate? Looked at before anything is run: `winnow verify` compiles
 * and executes what it is given. */
#ifndef WN_EXPORTED_H
#define WN_EXPORTED_H

#include "../runtime/error.h"

/* A whole ONNX file with a gate's input and verdict. Messages start with the path. */
winnow_status wn_exported_onnx_check(const char *path, winnow_error *error);

/* A whole Core ML model with a gate's input and verdict: the file NAME.mlmodel, or the folder NAME.mlpackage
 * with all that is in one. */
winnow_status wn_exported_coreml_check(const char *path, winnow_error *error);

/* A NAME.c that winnow wrote, its NAME.h beside it and, where it needs one, a NAME.bin of the right size. */
winnow_status wn_exported_c_check(const char *path, winnow_error *error);

#endif
