/* SPDX-License-Identifier: Apache-2.0
 *
 * `winnow quantize`: a gate that computes in bytes. Half of the photos give the ranges of the network's
 * layers, then all are scored by both gates: where the new one ranks the other half worse, it is refused;
 * else threshold and calibration follow the line that leads from the normals' old scores to the new. */
#include "../src/codec/codec.h"
#include "../src/runtime/learn.h"
#include "../src/train/dataset.h"
#include "../src/train/metrics.h"
#include "commands.h"
#include "options.h"
#include "output.h"
#include "teach.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_OBSERVED = 200, LEAST_PHOTOS = 8 };

enum { TO_INT8, TO_BF16 };
static const char *const precisions[] = {"int8", "bf16", NULL};

static struct {
    int to;
    option_list calibrate, abnormal;
    const char *output;
    double max_drop;
    teach_options read;
    bool json;
} given = {.to = TO_INT8, .max_drop = -1, .read = {.max_bad = 0.05}};

static const option_row rows[] = {
    {"to", 0, OPTION_CHOICE, NULL, "the precision", &given.to, .choices = precisions},
    {"calibrate", 0, OPTION_LIST, "DIR", "photos of the right kind; may be given again", &given.calibrate},
    {"abnormal", 0, OPTION_LIST, "DIR",
     "photos of anything else, to measure AUROC with (default: what the gate remembers of such photos)",
     &given.abnormal},
    {"output", 'o', OPTION_TEXT, "FILE", "the new gate", &given.output},
    {"max-drop", 0, OPTION_NUMBER, "X",
     "refuse a gate whose AUROC is lower by more than that (default: 0.002 for int8, 0.001 for bf16)",
     &given.max_drop, 0, 1},
    {"max-bad", 0, OPTION_PERCENT, "P", "stop where more photos than that cannot be read",
     &given.read.max_bad, 0, 1},
    {"threads", 0, OPTION_INTEGER, "N", "threads (default: as many as there are cores)", &given.read.threads,
     1, 256},
    {"json", 0, OPTION_FLAG, NULL, "print the result as one JSON object", &given.json},
    {0},
};

static const options_usage usage = {
    "GATE --calibrate DIR -o NEW",
    "Makes a gate smaller and faster: weights of one byte instead of four, and products of bytes. The photos "
    "show how large the numbers inside the network get; some dozens of varied ones are enough. The threshold "
    "is moved to where the new gate's scores need it.\n"
    "With --to bf16: weights of two bytes, and products of such numbers where the processor has instructions "
    "for them.\n"
    "Exit status 2, and nothing is written, where AUROC falls by more than --max-drop.",
    rows,
    1,
    1,
};

typedef struct quantisation {
    wn_gate_file before, after;
    wn_samples photos[2]; /* seen by the gate before, and after */
    float *score[2];
    double auroc[2], slope, offset;
    double deviation, spread; /* of the normals from the line, and of their scores: standard deviations */
    int normals, measured, abnormals; /* photos; normals that gave no range, and so measure AUROC */
    int changed;                      /* photos on the other side of the threshold */
} quantisation;

/* ---- ranges ---- */

static winnow_status observe_photo(const wn_gate_file *gate, const wn_plan *plan, const char *path,
                                   wn_ranges *ranges, winnow_error *error)
{
    const size_t values = (size_t)gate->preprocess.size * (size_t)gate->preprocess.size * 3;
    codec_picture picture;
    if (codec_decode_file(path, gate->preprocess.size, &picture, NULL))
        return WINNOW_OK; /* teach_read says so, and counts it */
    const winnow_image image = {.plane = {picture.rgb},
                                .stride = {(ptrdiff_t)picture.width * 3},
                                .width = picture.width,
                                .height = picture.height};
    const size_t size = wn_preprocess_scratch(&gate->preprocess, picture.width, picture.height);
    uint8_t *rgb = malloc(values);
    float *input = aligned_alloc(64, (values * sizeof *input + 63) / 64 * 64);
    void *resize = malloc(size + 1), *scratch = aligned_alloc(64, wn_plan_scratch(plan, 1));
    winnow_status status = rgb && input && resize && scratch
                               ? wn_preprocess_bytes(&gate->preprocess, &image, rgb, resize, size, error)
                               : wn_fail_memory(error);
    if (!status) {
        wn_preprocess_normalise(&gate->preprocess, rgb, input);
        wn_plan_observe(plan, input, scratch, ranges);
    }
    free(rgb);
    free(input);
    free(resize);
    free(scratch);
    codec_picture_free(&picture);
    return status;
}

/* Photos of even index give ranges; the others tell what that is worth. */
enum { MEASURES, GAVE_RANGES };

static int half_of(wn_gate_file *gate, const wn_dataset *photos, size_t photo, bool normal)
{
    (void)gate;
    (void)photos;
    return normal && given.to == TO_INT8 && photo % 2 == 0 ? GAVE_RANGES : MEASURES;
}

/* Some of the photos, evenly from that half of them. */
static winnow_status observe(const wn_gate_file *gate, wn_ranges *ranges, winnow_error *error)
{
    const wn_dataset_options options = {.name = "calibration", .max_bad = 1};
    wn_dataset *set = NULL;
    wn_plan *plan = NULL;
    winnow_status status =
        wn_dataset_open(given.calibrate.item, (size_t)given.calibrate.count, &options, &set, error);
    if (!status)
        status = wn_gate_file_plan(gate, &plan, error);
    const size_t half = status ? 0 : (set->count + 1) / 2,
                 count = half < MOST_OBSERVED ? half : MOST_OBSERVED;
    for (size_t i = 0; i < count && !status; i++)
        status = observe_photo(gate, plan, set->photo[i * half / count * 2].path, ranges, error);
    wn_plan_free(plan);
    wn_dataset_free(set);
    return status;
}

/* The new gate, as it will be read from its file. */
static winnow_status make(quantisation *q, winnow_error *error)
{
    wn_ranges ranges = {0};
    winnow_status status = given.to == TO_INT8 ? observe(&q->before, &ranges, error) : WINNOW_OK;
    if (status)
        return status;
    void *bytes;
    size_t size;
    q->before.int8 = given.to == TO_INT8;
    q->before.bf16 = given.to == TO_BF16;
    q->before.ranges = ranges;
    status = wn_gate_file_write_memory(&q->before, &bytes, &size, error);
    q->before.int8 = q->before.bf16 = false;
    if (status)
        return status;
    status = wn_gate_file_parse(bytes, size, true, &q->after, error);
    free(bytes);
    return status;
}

/* ---- scores ---- */

static winnow_status score(wn_gate_file *gate, wn_samples *photos, float **scores, winnow_error *error)
{
    wn_samples_init(photos, gate->scorer.dim);
    winnow_status status =
        teach_read(gate, &given.calibrate, &given.abnormal, &given.read, half_of, photos, error);
    if (status)
        return status;
    float *scratch = malloc(((size_t)wn_scorer_scratch(&gate->scorer) + 1) * sizeof *scratch);
    *scores = malloc(((size_t)photos->count + 1) * sizeof **scores);
    if (!scratch || !*scores)
        status = wn_fail_memory(error);
    for (int i = 0; i < photos->count && !status; i++)
        (*scores)[i] = wn_learn_score(&gate->scorer, photos, i, scratch);
    free(scratch);
    return status;
}

/* Least squares over the normals, among whom the threshold lies (abnormals, far from it, would outweigh
 * them): the new score is offset + slope * the old. */
static winnow_status fit_line(quantisation *q, winnow_error *error)
{
    const wn_samples *photos = &q->photos[0];
    const int n = wn_samples_normals(photos);
    double mean[2] = {0}, product = 0, square[2] = {0};
    for (int i = 0; i < photos->count; i++)
        for (int g = 0; g < 2 && photos->label[i] != WN_ABNORMAL; g++)
            mean[g] += q->score[g][i] / n;
    for (int i = 0; i < photos->count; i++) {
        if (photos->label[i] == WN_ABNORMAL)
            continue;
        const double x = q->score[0][i] - mean[0], y = q->score[1][i] - mean[1];
        product += x * y;
        square[0] += x * x;
        square[1] += y * y;
    }
    q->slope = square[0] > 0 ? product / square[0] : 1;
    q->offset = mean[1] - q->slope * mean[0];
    q->deviation = sqrt(fmax(0, square[1] - q->slope * product) / n);
    q->spread = sqrt(square[0] / n);
    if (q->slope > 0.1)
        return WINNOW_OK;
    return wn_fail(error, WINNOW_ERROR_DATA, -1,
                   "the new gate's scores do not follow the old one's (slope %.3g): nothing was written",
                   q->slope);
}

static float moved(const quantisation *q, float value)
{
    return (float)(q->offset + q->slope * (double)value);
}

static void move_calibration(quantisation *q)
{
    wn_calibration *calibration = &q->after.calibration;
    const float before = q->before.calibration.threshold;
    calibration->threshold = moved(q, calibration->threshold);
    calibration->unsure = moved(q, calibration->unsure);
    for (int i = 0; i < calibration->knots; i++)
        calibration->score[i] = moved(q, calibration->score[i]);
    for (int i = 0; i < q->photos[0].count; i++)
        q->changed += (q->score[0][i] >= before) != (q->score[1][i] >= calibration->threshold);
}

/* ---- AUROC ---- */

/* Scores of the abnormals that the gate remembers, by the gate before. */
static int remembered(const wn_gate_file *gate, float *out, float *scratch)
{
    int count = 0;
    for (int i = 0; i < gate->memory.count; i++)
        if (gate->memory.label[i] == WN_ABNORMAL)
            out[count++] = wn_learn_score(&gate->scorer, &gate->memory, i, scratch);
    return count;
}

static winnow_status measure_one(quantisation *q, int which, float *normal, float *abnormal, float *scratch,
                                 winnow_error *error)
{
    const wn_samples *photos = &q->photos[which];
    const int normals = wn_samples_normals(photos);
    int measured = 0, abnormals = 0;
    for (int i = 0; i < photos->count; i++)
        if (photos->label[i] == WN_ABNORMAL)
            abnormal[abnormals++] = q->score[which][i];
        else if (photos->group[i] == MEASURES)
            normal[measured++] = q->score[which][i];
    if (!given.abnormal.count) {
        abnormals = remembered(&q->before, abnormal, scratch);
        for (int i = 0; which && i < abnormals; i++)
            abnormal[i] = moved(q, abnormal[i]);
    }
    if (!abnormals)
        return wn_fail(error, WINNOW_ERROR_DATA, -1,
                       "the gate remembers no abnormal photos: give some with --abnormal DIR, so that what "
                       "is lost can be measured");
    if (normals < LEAST_PHOTOS || !measured)
        return wn_fail(error, WINNOW_ERROR_DATA, -1, "%d calibration photos are too few: give %d or more",
                       normals, LEAST_PHOTOS);
    q->normals = normals;
    q->measured = measured;
    q->abnormals = abnormals;
    wn_roc roc;
    winnow_status status = wn_roc_create(normal, (size_t)measured, abnormal, (size_t)abnormals, &roc, error);
    if (!status) {
        q->auroc[which] = roc.auroc;
        wn_roc_free(&roc);
    }
    return status;
}

static winnow_status measure(quantisation *q, winnow_error *error)
{
    const size_t most = (size_t)(q->photos[0].count + q->before.memory.count) + 1;
    float *memory = malloc((2 * most + (size_t)wn_scorer_scratch(&q->before.scorer) + 1) * sizeof *memory);
    if (!memory)
        return wn_fail_memory(error);
    winnow_status status = WINNOW_OK;
    for (int which = 0; which < 2 && !status; which++)
        status = measure_one(q, which, memory, memory + most, memory + 2 * most, error);
    free(memory);
    if (!status && q->auroc[0] - q->auroc[1] > given.max_drop)
        status = wn_fail(error, WINNOW_ERROR_DATA, -1,
                         "AUROC falls from %.4f to %.4f, by %.4f, more than --max-drop %g: nothing was "
                         "written",
                         q->auroc[0], q->auroc[1], q->auroc[0] - q->auroc[1], given.max_drop);
    return status;
}

static winnow_status quantise(quantisation *q, const char *path, winnow_error *error)
{
    winnow_status status = wn_gate_file_read(path, true, &q->before, error);
    if (!status && (q->before.int8 || q->before.bf16))
        status = wn_fail(error, WINNOW_ERROR_ARGUMENT, -1, "%s is quantised already", path);
    if (!status)
        status = make(q, error);
    if (!status)
        status = score(&q->before, &q->photos[0], &q->score[0], error);
    if (!status)
        status = score(&q->after, &q->photos[1], &q->score[1], error);
    if (!status && q->photos[0].count != q->photos[1].count)
        status = wn_fail(error, WINNOW_ERROR_DATA, -1, "the photos changed while they were read");
    if (!status)
        status = fit_line(q, error);
    if (!status)
        status = measure(q, error);
    if (!status)
        move_calibration(q);
    return status;
}

static int print(const quantisation *q)
{
    const double before = q->before.calibration.threshold, after = q->after.calibration.threshold;
    if (given.json)
        return output_json(json_pack(
            "{s:s, s:i, s:i, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:i}", "gate", given.output,
            "calibration_count", q->normals, "measured_count", q->measured, "abnormal_count", q->abnormals,
            "score_deviation", output_real(q->deviation), "score_spread", output_real(q->spread),
            "auroc_before", output_real(q->auroc[0]), "auroc", output_real(q->auroc[1]), "threshold_before",
            output_real(before), "threshold", output_real(after), "changed", q->changed));
    printf("AUROC      %.4f, before %.4f; %d normal%s and %d abnormal photos%s\n", q->auroc[1], q->auroc[0],
           q->measured, q->measured < q->normals ? " (the others gave the ranges)" : "", q->abnormals,
           given.abnormal.count ? "" : " (those that the gate remembers)");
    printf("scores     of the %d normals follow the old ones to %.3g, their own spread is %.3g (standard "
           "deviations)\n",
           q->normals, q->deviation, q->spread);
    printf("threshold  %.6g, before %.6g; %d of %d photos change sides\n", after, before, q->changed,
           q->photos[0].count);
    printf("gate       %s\n", given.output);
    return STATUS_DONE;
}

int command_quantize(int argc, char **argv)
{
    char **operands;
    char *command = output_command_line(argc, argv);
    int exit_status = options_read(&usage, argc, argv, &operands);
    winnow_error error;
    quantisation q = {0};
    if (exit_status < 0 && !given.calibrate.count)
        exit_status = output_usage("no photos to calibrate with: give --calibrate DIR");
    if (exit_status < 0 && !given.output)
        exit_status = output_usage("expected -o NEW, the gate to write");
    if (exit_status < 0)
        exit_status = output_check_name(given.output, "gate");
    if (given.max_drop < 0)
        given.max_drop = given.to == TO_INT8 ? 0.002 : 0.001;
    if (exit_status < 0) {
        winnow_status status = quantise(&q, operands[0], &error);
        if (!status)
            status = teach_set_provenance(&q.after, "winnow.quantized", command ? command : "", &error);
        if (!status)
            status = wn_gate_file_write(&q.after, given.output, &error);
        exit_status = status ? output_failure(&error) : print(&q);
    }
    for (int which = 0; which < 2; which++) {
        wn_samples_free(&q.photos[which]);
        free(q.score[which]);
    }
    wn_gate_file_free(&q.before);
    wn_gate_file_free(&q.after);
    free(given.calibrate.item);
    free(given.abnormal.item);
    free(command);
    return exit_status;
}
