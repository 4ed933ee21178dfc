/* SPDX-License-Identifier: Apache-2.0
 *
 * ONNX files run in ONNX Runtime, which brings its Python with it, and Core ML models in coremltools, on
 * macOS. C files are compiled, and so is a small program around them. */
#include "../src/convert/export.h"
#include "../src/convert/exported.h"
#include "verify.h"

#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Put here by the build: verify_onnx.py, verify_c_main.c, verify_coreml.py. */
extern const char verify_onnx_py[], verify_c_main[], verify_coreml_py[];

static const char *python(void)
{
    const char *named = getenv("WINNOW_PYTHON");
    return named ? named : "python3";
}

static winnow_status start_onnx(const char *path, runner *r, winnow_error *error)
{
    const char *const argv[] = {python(), "-c", verify_onnx_py, path, NULL};
    winnow_status status = wn_exported_onnx_check(path, error);
    if (status || runner_start(r, argv))
        return status;
    return wn_fail(error, WINNOW_ERROR_UNSUPPORTED, -1,
                   "%s cannot be run by %s: it lacks ONNX Runtime (`pip install onnxruntime`; WINNOW_PYTHON "
                   "names another python3), or that does not take the file",
                   path, argv[0]);
}

static winnow_status start_coreml(const char *path, runner *r, winnow_error *error)
{
    const char *const argv[] = {python(), "-c", verify_coreml_py, path, NULL};
    winnow_status status = wn_exported_coreml_check(path, error);
    if (status || runner_start(r, argv))
        return status;
    return wn_fail(error, WINNOW_ERROR_UNSUPPORTED, -1, "%s cannot be run by %s: %s (docs/exporting.md)",
                   path, argv[0], *r->reason ? r->reason : "coremltools does not take the file");
}

/* ---- C ---- */

/* Runs a command and waits; true where it ends with 0. */
static bool run(char *const *argv)
{
    pid_t process;
    int status;
    return !posix_spawnp(&process, argv[0], NULL, NULL, argv, environ) &&
           waitpid(process, &status, 0) == process && status == 0;
}

static bool write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    bool good = file && fputs(text, file) >= 0;
    if (file)
        good &= !fclose(file);
    return good;
}

/* Compiles folder/main.c and the gate to folder/program. $CC may hold options. */
static bool compile(const char *folder, const char *path)
{
    static const char command[] =
        "exec ${CC:-cc} -std=c11 -O3 -Wall -Wextra -Werror -DGATE=\"$2\" -DHEADER=\"\\\"$3.h\\\"\" "
        "-DWEIGHTS_FILE=\"\\\"$3.bin\\\"\" -o \"$1/program\" \"$1/main.c\" \"$3.c\" -lm";
    char name[64], *stem = realpath(path, NULL);
    if (!stem)
        return false;
    wn_export_c_name(path, name);
    stem[strlen(stem) - 2] = 0;
    char *const argv[] = {"sh", "-c", (char *)command, "sh", (char *)folder, name, stem, NULL};
    const bool good = run(argv);
    free(stem);
    return good;
}

static winnow_status start_c(const char *path, runner *r, winnow_error *error)
{
    const char *base = getenv("TMPDIR");
    char folder[512], file[600];
    winnow_status status = wn_exported_c_check(path, error);
    if (status)
        return status;
    snprintf(folder, sizeof folder, "%s/winnow-verify-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(folder))
        return wn_fail(error, WINNOW_ERROR_IO, -1, "%s: no folder can be made there", folder);
    static const char command[] = "exec $WINNOW_EMULATOR \"$1/program\"";
    const char *const argv[] = {"sh", "-c", command, "sh", folder, NULL};
    snprintf(file, sizeof file, "%s/main.c", folder);
    const bool compiled = write_text(file, verify_c_main) && compile(folder, path);
    const bool started = compiled && runner_start(r, argv);
    unlink(file);
    snprintf(file, sizeof file, "%s/program", folder);
    unlink(file);
    rmdir(folder);
    if (started)
        return WINNOW_OK;
    return wn_fail(error, WINNOW_ERROR_DATA, -1, "%s %s", path,
                   compiled ? "compiles, but does not run" : "does not compile (CC names another compiler)");
}

/* A folder may be named with a slash at the end. */
static bool ends_with(const char *path, const char *suffix)
{
    size_t length = strlen(path);
    const size_t end = strlen(suffix);
    while (length && path[length - 1] == '/')
        length--;
    return length > end && !strncmp(path + length - end, suffix, end);
}

winnow_status verify_start(const char *path, runner *r, winnow_error *error)
{
    if (access(path, R_OK))
        return wn_fail(error, WINNOW_ERROR_IO, -1, "%s cannot be read", path);
    if (ends_with(path, ".onnx"))
        return start_onnx(path, r, error);
    if (ends_with(path, ".c"))
        return start_c(path, r, error);
    if (ends_with(path, ".mlmodel") || ends_with(path, ".mlpackage"))
        return start_coreml(path, r, error);
    return wn_fail(
        error, WINNOW_ERROR_UNSUPPORTED, -1,
        "%s: there is no runtime for this here; .onnx, .c, .mlmodel and .mlpackage can be verified "
        "(docs/exporting.md)",
        path);
}
