/* SPDX-License-Identifier: Apache-2.0
 *
 * `winnow export`: a gate as a file for another runtime. */
#include "../src/convert/export.h"
#include "commands.h"
#include "options.h"
#include "output.h"

#include <sys/stat.h>

enum { TO_ONNX, FORMATS };
static const char *const formats[] = {"onnx", NULL};

static struct {
    int format;
    const char *output;
    bool raw, exact, json;
} given = {.format = -1};

static const option_row rows[] = {
    {"to", 0, OPTION_CHOICE, NULL, "the format", &given.format, .choices = formats},
    {"output", 'o', OPTION_TEXT, "FILE", "the file to write", &given.output},
    {"exact-size", 0, OPTION_FLAG, NULL, "ONNX: take pictures of exactly the input size; no resize inside",
     &given.exact},
    {"raw", 0, OPTION_FLAG, NULL, "ONNX: only the embedding model, normalised floats `input_1` to `output_1`",
     &given.raw},
    {"json", 0, OPTION_FLAG, NULL, "print the result as one JSON object", &given.json},
    {0},
};

static const options_usage usage = {
    "GATE --to FORMAT -o FILE",
    "Writes a gate as a file for another runtime: preprocessing, network, score, threshold and verdict in "
    "one "
    "(docs/exporting.md).",
    rows,
    1,
    1,
};

static int report(void)
{
    struct stat info = {0};
    stat(given.output, &info);
    if (given.json)
        return output_json(json_pack("{s:s, s:s, s:I}", "path", given.output, "format", formats[given.format],
                                     "bytes", (json_int_t)info.st_size));
    output_note("%s: %.1f MB", given.output, (double)info.st_size / 1e6);
    return STATUS_DONE;
}

int command_export(int argc, char **argv)
{
    char **operands;
    const int status = options_read(&usage, argc, argv, &operands);
    if (status >= 0)
        return status;
    if (given.format < 0)
        return output_usage("--to is missing: which format?");
    if (!given.output)
        return output_usage("-o FILE is missing: where to?");
    wn_export_source source;
    winnow_error error;
    const wn_export_options options = {.raw = given.raw, .exact = given.exact};
    winnow_status failed = wn_export_open(operands[0], &source, &error);
    if (!failed) {
        failed = wn_export_onnx(&source, &options, given.output, &error);
        wn_export_close(&source);
    }
    return failed ? output_failure(&error) : report();
}
