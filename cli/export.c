/* SPDX-License-Identifier: Apache-2.0
 *
 * `winnow export`: a gate as a file for another runtime. */
#include "../src/convert/export.h"
#include "../src/runtime/file.h"
#include "commands.h"
#include "options.h"
#include "output.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { TO_ONNX, TO_COREML, TO_MLPACKAGE, TO_C, TO_NPZ };
static const char *const formats[] = {"onnx", "coreml", "mlpackage", "c", "npz", NULL};
static const char *const suffixes[] = {".onnx", ".mlmodel", ".mlpackage", ".c", ".npz"};
static const char *const precisions[] = {"fp32", "fp16", "fp16-compute", "int8", NULL};

static struct {
    int format, precision;
    const char *output;
    bool raw, exact, score_only, separate, classes, json;
} given = {.format = -1, .precision = -1};

static const option_row rows[] = {
    {"to", 0, OPTION_CHOICE, NULL, "the format", &given.format, .choices = formats},
    {"output", 'o', OPTION_TEXT, "FILE", "the file to write", &given.output},
    {"precision", 0, OPTION_CHOICE, NULL,
     "of the weights: coreml and mlpackage have fp16 too, onnx and c int8; fp16-compute: mlpackage's "
     "convolutions also compute in fp16, which the Neural Engine needs (default: fp32; int8 for the ONNX "
     "file of a gate that `winnow quantize` made)",
     &given.precision, .choices = precisions},
    {"separate", 0, OPTION_FLAG, NULL, "C: weights in a .bin file beside it, not in the source",
     &given.separate},
    {"exact-size", 0, OPTION_FLAG, NULL, "ONNX: take pictures of exactly the input size; no resize inside",
     &given.exact},
    {"raw", 0, OPTION_FLAG, NULL, "ONNX: only the embedding model, normalised floats `input_1` to `output_1`",
     &given.raw},
    {"score-only", 0, OPTION_FLAG, NULL,
     "ONNX: leave out the last layer where the score does not read it; `winnow import` then refuses the file",
     &given.score_only},
    {"with-classes", 0, OPTION_FLAG, NULL,
     "be sure that the diagnosis is in it: fail if the gate tells no classes (what it tells is always in it)",
     &given.classes},
    {"json", 0, OPTION_FLAG, NULL, "print the result as one JSON object", &given.json},
    {0},
};

static const options_usage usage = {
    "GATE --to FORMAT -o FILE",
    "Writes a gate as a file for another runtime: preprocessing, network, score, threshold and verdict in "
    "one (docs/exporting.md).",
    rows,
    1,
    1,
};

/* Of all files that were written. */
static double size_of_output(void)
{
    static const char *const package[] = {"/Manifest.json", "/Data/com.apple.CoreML/model.mlmodel",
                                          "/Data/com.apple.CoreML/weights/weight.bin", NULL};
    static const char *const code[] = {"c", "h", "bin", NULL}, *const embedded[] = {"c", "h", NULL};
    static const char *const alone[] = {"", NULL};
    const char *const *parts = given.format == TO_MLPACKAGE ? package
                               : given.format != TO_C       ? alone
                               : given.separate             ? code
                                                            : embedded;
    const int length = (int)strlen(given.output) - (given.format == TO_C); /* but for the c of .c */
    double size = 0;
    for (size_t i = 0; parts[i]; i++) {
        char path[4096];
        struct stat info;
        snprintf(path, sizeof path, "%.*s%s", length, given.output, parts[i]);
        if (!stat(path, &info) && S_ISREG(info.st_mode))
            size += (double)info.st_size;
    }
    return size;
}

static int report(void)
{
    const double size = size_of_output();
    if (given.json)
        return output_json(json_pack("{s:s, s:s, s:I}", "path", given.output, "format", formats[given.format],
                                     "bytes", (json_int_t)size));
    output_note("%s: %.1f MB", given.output, size / 1e6);
    return STATUS_DONE;
}

/* Every runtime, and `winnow verify`, goes by the suffix. */
static bool has_suffix(const char *path, const char *suffix)
{
    const size_t length = strlen(path), end = strlen(suffix);
    return length > end && !strcmp(path + length - end, suffix) && path[length - end - 1] != '/';
}

/* What a format has no meaning for is refused, not ignored. */
static int check_options(void)
{
    if (given.format < 0)
        return output_usage("--to is missing: which format?");
    if (!given.output)
        return output_usage("-o FILE is missing: where to?");
    if (!has_suffix(given.output, suffixes[given.format]))
        return output_usage("-o %s: what --to %s writes has to end in %s", given.output,
                            formats[given.format], suffixes[given.format]);
    if (given.raw && given.classes)
        return output_usage("--raw is the embedding alone: --with-classes has no place in it");
    if ((given.raw || given.exact || given.score_only) && given.format != TO_ONNX)
        return output_usage("--raw, --exact-size and --score-only are for --to onnx");
    if (given.separate && given.format != TO_C)
        return output_usage("--separate is for --to c");
    static const bool known[][4] = {[TO_ONNX] = {true, false, false, true},
                                    [TO_COREML] = {true, true, false, false},
                                    [TO_MLPACKAGE] = {true, true, true, false},
                                    [TO_C] = {true, false, false, true},
                                    [TO_NPZ] = {true, false, false, false}};
    if (given.precision >= 0 && !known[given.format][given.precision])
        return output_usage("--to %s has no --precision %s", formats[given.format],
                            precisions[given.precision]);
    return STATUS_DONE;
}

/* A gate that computes in bytes scores differently in floats: only what can say so may take it. */
static winnow_status choose_precision(const char *gate, bool int8, winnow_error *error)
{
    if (given.precision < 0)
        given.precision = int8 && given.format == TO_ONNX ? WN_EXPORT_INT8 : WN_EXPORT_FP32;
    if (!int8 || given.format == TO_NPZ || (given.format == TO_ONNX && given.precision == WN_EXPORT_INT8))
        return WINNOW_OK;
    return wn_fail(error, WINNOW_ERROR_UNSUPPORTED, -1,
                   "%s computes in bytes, and the scores of --to %s --precision %s would differ: export the "
                   "gate that it was quantized from, or --to onnx --precision int8",
                   gate, formats[given.format], precisions[given.precision]);
}

static winnow_status write_export(const char *gate, const wn_export_source *source, winnow_error *error)
{
    if (wn_same_file(gate, given.output))
        return wn_fail(error, WINNOW_ERROR_ARGUMENT, -1, "-o %s is the gate itself; nothing was written",
                       given.output);
    winnow_status status = choose_precision(gate, source->file.int8, error);
    if (status)
        return status;
    if (given.classes && !source->file.class_count)
        return wn_fail(error, WINNOW_ERROR_DATA, -1,
                       "--with-classes: %s tells no classes: train it with --classes; nothing was written",
                       gate);
    const wn_export_options options = {.precision = (wn_export_precision)given.precision,
                                       .raw = given.raw,
                                       .exact = given.exact,
                                       .whole = !given.score_only && given.precision == WN_EXPORT_FP32,
                                       .separate = given.separate};
    switch (given.format) {
    case TO_COREML:
        return wn_export_coreml(source, &options, given.output, error);
    case TO_MLPACKAGE:
        return wn_export_mlpackage(source, &options, given.output, error);
    case TO_C:
        return wn_export_c(source, &options, given.output, error);
    case TO_NPZ:
        return wn_export_npz(source, given.output, error);
    default:
        return wn_export_onnx(source, &options, given.output, error);
    }
}

int command_export(int argc, char **argv)
{
    char **operands;
    int status = options_read(&usage, argc, argv, &operands);
    if (status < 0 && (status = check_options()) == STATUS_DONE)
        status = -1;
    if (status >= 0)
        return status;
    wn_export_source source;
    winnow_error error;
    winnow_status failed = wn_export_open(operands[0], &source, &error);
    if (!failed) {
        failed = write_export(operands[0], &source, &error);
        wn_export_close(&source);
    }
    return failed ? output_failure(&error) : report();
}
