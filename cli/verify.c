/* SPDX-License-Identifier: Apache-2.0
 *
 * `winnow verify`: do winnow and an exported file say the same of the same photos? Both get the same decoded
 * pixels. */
#include "verify.h"
#include "../src/codec/codec.h"
#include "../src/runtime/gate_file.h"
#include "../src/runtime/session.h"
#include "../src/train/scan.h"
#include "commands.h"
#include "options.h"
#include "output.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct {
    option_list images;
    double tolerance;
    int count;
    bool json;
} given = {.tolerance = 1e-4, .count = 1000};

static const option_row rows[] = {
    {"images", 0, OPTION_LIST, "DIR", "photos to compare on; may be given again", &given.images},
    {"count", 'n', OPTION_INTEGER, "N", "at most so many photos, spread over all", &given.count, 1, 1000000},
    {"tolerance", 0, OPTION_NUMBER, "X", "how far similarities may lie apart; Core ML's fp16 needs 1e-3",
     &given.tolerance, 0, 1000},
    {"json", 0, OPTION_FLAG, NULL, "print the result as one JSON object", &given.json},
    {0},
};

static const options_usage usage = {
    "GATE EXPORTED --images DIR",
    "Scores photos with a gate and with what `winnow export` made of it, in that file's own runtime (.onnx: "
    "ONNX Runtime in python3, or in $WINNOW_PYTHON; .mlmodel and .mlpackage: coremltools in the same, on "
    "macOS; .c: compiled by cc, or $CC), and prints the largest "
    "differences.\nExit status: 0 within the tolerance, 1 not.",
    rows,
    2,
    2,
};

/* The largest difference of something, and where; NaN is larger than any. */
typedef struct largest {
    double difference;
    const char *path;
} largest;

typedef struct comparison {
    wn_gate_file file;
    winnow_gate *gate;
    winnow_session *session;
    runner runner;
    uint8_t *square; /* (side, side, 3), for runtimes that take nothing else */
    int photos, unreadable, verdicts;
    int clear_verdicts; /* of those that differ, farther from the threshold than the tolerance */
    int classes;        /* most probable ones that differ */
    largest similarity, p_value, probability, embedding;
} comparison;

static void note(largest *l, double a, double b, const char *path)
{
    const double difference = fabs(a - b);
    if (l->path && (isnan(l->difference) || difference <= l->difference))
        return;
    l->difference = difference;
    l->path = path;
}

/* What the exported file says of a picture. */
static winnow_status ask(comparison *c, const winnow_image *image, runner_answer *answer, winnow_error *error)
{
    const uint8_t *rgb = image->plane[0];
    int width = image->width, height = image->height;
    if (c->runner.side) {
        const wn_preprocess *preprocess = &c->file.preprocess;
        const size_t size = wn_preprocess_scratch(preprocess, width, height);
        void *scratch = aligned_alloc(64, (size + 63) / 64 * 64);
        winnow_status status = scratch
                                   ? wn_preprocess_bytes(preprocess, image, c->square, scratch, size, error)
                                   : wn_fail_memory(error);
        free(scratch);
        if (status)
            return status;
        rgb = c->square;
        width = height = c->runner.side;
    }
    if (!runner_ask(&c->runner, rgb, width, height, answer))
        return wn_fail(error, WINNOW_ERROR_DATA, -1,
                       "the exported file's runtime failed at a picture of %d x %d", width, height);
    return WINNOW_OK;
}

/* What winnow says of the picture, and of the photo at `path` what the exported file does. */
static void note_answer(comparison *c, const winnow_result *ours, const runner_answer *theirs,
                        const char *path)
{
    note(&c->similarity, (double)ours->similarity, (double)theirs->similarity, path);
    note(&c->p_value, (double)ours->p_value, (double)theirs->p_value, path);
    if (theirs->normal != (ours->verdict == WINNOW_NORMAL)) {
        c->verdicts++;
        c->clear_verdicts +=
            fabs((double)ours->similarity - (double)winnow_gate_threshold(c->gate)) > given.tolerance;
    }
}

/* All classes, and the embedding where the file gives it. Another number of either is no small difference. */
static void note_vectors(comparison *c, const winnow_result *ours, const runner_answer *theirs,
                         const char *path)
{
    float probability[WN_MAX_CLASSES];
    const int classes = winnow_gate_class_count(c->gate), length = winnow_gate_embedding_size(c->gate);
    const float *embedding = wn_session_embedding(c->session);
    int best = -1;
    if (theirs->classes != classes)
        note(&c->probability, 0, INFINITY, path);
    else if (classes)
        wn_session_classes(c->session, probability);
    for (int i = 0; i < classes && theirs->classes == classes; i++) {
        note(&c->probability, (double)probability[i], (double)theirs->probability[i], path);
        if (best < 0 || theirs->probability[i] > theirs->probability[best])
            best = i;
    }
    c->classes += ours->class_index != best;
    if (theirs->length && theirs->length != length)
        note(&c->embedding, 0, INFINITY, path);
    for (int i = 0; i < length && theirs->length == length; i++)
        note(&c->embedding, (double)embedding[i], (double)theirs->embedding[i], path);
}

static winnow_status compare(comparison *c, const char *path, winnow_error *error)
{
    codec_picture picture;
    winnow_error unreadable;
    if (codec_decode_file(path, 0, &picture, &unreadable)) {
        output_warning("%s", unreadable.message);
        c->unreadable++;
        return WINNOW_OK;
    }
    const winnow_image image = {.plane = {picture.rgb},
                                .stride = {(ptrdiff_t)picture.width * 3},
                                .width = picture.width,
                                .height = picture.height,
                                .format = WINNOW_RGB};
    winnow_result ours;
    runner_answer theirs;
    winnow_status status = winnow_score(c->session, &image, &ours, error);
    if (!status)
        status = ask(c, &image, &theirs, error);
    codec_picture_free(&picture);
    if (status)
        return wn_fail_prefix(error, status, path);
    c->photos++;
    note_answer(c, &ours, &theirs, path);
    note_vectors(c, &ours, &theirs, path);
    return WINNOW_OK;
}

/* The first of what is too far apart; NULL: nothing. */
static const char *what_differs(const comparison *c)
{
    const double most = given.tolerance;
    return !c->photos                             ? "no photo was compared"
           : !(c->similarity.difference <= most)  ? "the similarity"
           : c->clear_verdicts                    ? "a verdict"
           : !(c->probability.difference <= most) ? "a class's probability"
           : !(c->embedding.difference <= most)   ? "the embedding"
           : isnan(c->p_value.difference)         ? "the p-value, which is no number"
                                                  : NULL;
}

static int report(const comparison *c, const char *exported)
{
    const char *differs = what_differs(c);
    const bool good = !differs;
    int status = good ? STATUS_DONE : STATUS_REJECTED;
    if (given.json) {
        const int printed = output_json(json_pack(
            "{s:s, s:i, s:i, s:o, s:s?, s:o, s:i, s:i, s:o, s:i, s:o, s:b}", "exported", exported, "photos",
            c->photos, "unreadable", c->unreadable, "similarity", output_real(c->similarity.difference),
            "similarity_photo", c->similarity.path, "p_value", output_real(c->p_value.difference), "verdicts",
            c->verdicts, "clear_verdicts", c->clear_verdicts, "class_probability",
            output_real(c->probability.difference), "classes", c->classes, "embedding",
            c->embedding.path ? output_real(c->embedding.difference) : json_null(), "equal", good));
        return printed ? printed : status;
    }
    printf("photos       %d compared, %d could not be read\n", c->photos, c->unreadable);
    if (c->photos) {
        printf("similarity   largest difference %.3g (%s)\n", c->similarity.difference, c->similarity.path);
        printf("p-value      largest difference %.3g (%s)\n", c->p_value.difference, c->p_value.path);
        printf("verdict      %d differ, %d of them farther than %g from the threshold\n", c->verdicts,
               c->clear_verdicts, given.tolerance);
    }
    if (c->embedding.path)
        printf("embedding    largest difference %.3g (%s)\n", c->embedding.difference, c->embedding.path);
    if (c->photos && winnow_gate_class_count(c->gate)) {
        printf("class        %d differ\n", c->classes);
        printf("probability  largest difference %.3g (%s)\n", c->probability.difference, c->probability.path);
    }
    if (good)
        puts("the same");
    else
        printf("NOT the same within %g: %s (files of bytes or halves are farther from their gate: "
               "--tolerance, docs/exporting.md)\n",
               given.tolerance, differs);
    return status;
}

static void report_line(void *context, const char *line)
{
    (void)context;
    output_warning("%s", line);
}

static winnow_status open_both(comparison *c, char **operands, winnow_error *error)
{
    winnow_status status = wn_gate_file_read(operands[0], false, &c->file, error);
    if (!status)
        status = winnow_gate_open(operands[0], &c->gate, error);
    if (!status)
        status = winnow_session_create(c->gate, &c->session, error);
    if (!status)
        status = verify_start(operands[1], &c->runner, error);
    if (status || !c->runner.side)
        return status;
    if (c->runner.side != c->file.preprocess.size)
        return wn_fail(error, WINNOW_ERROR_DATA, -1,
                       "%s takes pictures of %d x %d, the gate looks at %d x %d", operands[1], c->runner.side,
                       c->runner.side, c->file.preprocess.size, c->file.preprocess.size);
    c->square = malloc((size_t)c->runner.side * (size_t)c->runner.side * 3);
    return c->square ? WINNOW_OK : wn_fail_memory(error);
}

int command_verify(int argc, char **argv)
{
    char **operands;
    int exit_status = options_read(&usage, argc, argv, &operands);
    if (exit_status >= 0)
        return exit_status;
    if (!given.images.count)
        return output_usage("--images DIR is missing: photos to compare on");
    const wn_report warnings = {report_line, NULL};
    winnow_error error;
    comparison c = {0};
    wn_scan scan = {0};
    winnow_status status = open_both(&c, operands, &error);
    if (!status)
        status =
            wn_scan_folders(given.images.item, (size_t)given.images.count, &warnings, NULL, &scan, &error);
    const size_t count = scan.count < (size_t)given.count ? scan.count : (size_t)given.count;
    for (size_t i = 0; i < count && !status; i++)
        status = compare(&c, scan.file[i * scan.count / count].path, &error);
    exit_status = status ? output_failure(&error) : report(&c, operands[1]);
    wn_scan_free(&scan);
    runner_stop(&c.runner);
    winnow_session_free(c.session);
    winnow_gate_free(c.gate);
    wn_gate_file_free(&c.file);
    free(c.square);
    free(given.images.item);
    return exit_status;
}
