/* SPDX-License-Identifier: Apache-2.0
 *
 * ONNX files run in ONNX Runtime, which brings its Python with it. */
#include "verify.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern const char verify_onnx_py[]; /* verify_onnx.py, put here by the build */

static winnow_status start_onnx(const char *path, runner *r, winnow_error *error)
{
    const char *python = getenv("WINNOW_PYTHON");
    const char *const argv[] = {python ? python : "python3", "-c", verify_onnx_py, path, NULL};
    if (runner_start(r, argv))
        return WINNOW_OK;
    return wn_fail(
        error, WINNOW_ERROR_UNSUPPORTED, -1,
        "%s cannot be run by %s: it must be a gate's ONNX file, with scores, and `pip install onnxruntime` "
        "must have been run (WINNOW_PYTHON names another python3)",
        path, argv[0]);
}

winnow_status verify_start(const char *path, runner *r, winnow_error *error)
{
    const char *dot = strrchr(path, '.');
    const char *type = dot ? dot : "";
    if (access(path, R_OK))
        return wn_fail(error, WINNOW_ERROR_IO, -1, "%s cannot be read", path);
    if (!strcmp(type, ".onnx"))
        return start_onnx(path, r, error);
    return wn_fail(error, WINNOW_ERROR_UNSUPPORTED, -1,
                   "%s: there is no runtime for this here; .onnx can be verified", path);
}
