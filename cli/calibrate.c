/* SPDX-License-Identifier: Apache-2.0
 *
 * `winnow calibrate`: keeps a gate's promise on a new camera. */
#include "../src/runtime/cross.h"
#include "../src/runtime/learn.h"
#include "commands.h"
#include "options.h"
#include "output.h"
#include "teach.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { NOT_GIVEN = -1 };

static struct {
    option_list normal;
    const char *output;
    double false_reject, confidence;
    teach_options read;
    bool force, json;
} given = {.false_reject = NOT_GIVEN, .confidence = NOT_GIVEN, .read = {.max_bad = 0.05}};

static const option_row rows[] = {
    {"normal", 0, OPTION_LIST, "DIR",
     "photos of the right kind from the new camera, that the gate was not made of; may be given again",
     &given.normal},
    {"output", 'o', OPTION_TEXT, "FILE", "the new gate (default: GATE itself)", &given.output},
    {"false-reject", 0, OPTION_PERCENT, "P",
     "share of normal photos that may be turned away (default: as before)", &given.false_reject, 0, 0.5,
     .open = true},
    {"confidence", 0, OPTION_PERCENT, "P", "keep that promise with this probability (default: as before)",
     &given.confidence, 0, 0.9999},
    {"max-bad", 0, OPTION_PERCENT, "P", "stop where more photos than that cannot be read",
     &given.read.max_bad, 0, 1},
    {"threads", 0, OPTION_INTEGER, "N", "threads (default: as many as there are cores)", &given.read.threads,
     1, 256},
    {"force", 0, OPTION_FLAG, NULL,
     "also where the new threshold lets abnormals through that the gate knows: most of them, or a tenth "
     "where "
     "it turns most of the photos away today",
     &given.force},
    {"json", 0, OPTION_FLAG, NULL, "print the result as one JSON object", &given.json},
    {0},
};

static const options_usage usage = {
    "GATE --normal DIR [-o NEW]",
    "Sets a gate's threshold anew on photos of one camera, so that it keeps its promise there. What it looks "
    "for stays. 5% takes 19 photos, 5% with 95% confidence 59, 1% takes 99.",
    rows,
    1,
    1,
};

static int one_group(wn_gate_file *gate, const wn_dataset *photos, size_t photo, bool normal)
{
    (void)gate;
    (void)photos;
    (void)photo;
    (void)normal;
    return 0;
}

/* What came of it. */
typedef struct recalibration {
    float before;                     /* threshold */
    double rejected;                  /* share of the photos that the old threshold turns away */
    double accepted_before, accepted; /* shares of the abnormals that the gate remembers; NaN: it has none */
    bool apart;                       /* these by gates without the abnormals' source */
    int count;
} recalibration;

/* Scores of the photos by the gate as it is. Those that it was made of say nothing, and are left out. */
static winnow_status score_photos(const wn_gate_file *gate, const wn_samples *photos, float *score,
                                  int *count, winnow_error *error)
{
    float *scratch = malloc(((size_t)wn_scorer_scratch(&gate->scorer) + 1) * sizeof *scratch);
    if (!scratch)
        return wn_fail_memory(error);
    *count = 0;
    for (int i = 0; i < photos->count; i++)
        if (wn_samples_find(&gate->memory, photos, i) < 0)
            score[(*count)++] = wn_learn_score(&gate->scorer, photos, i, scratch);
    free(scratch);
    if (photos->count && !*count)
        return wn_fail(
            error, WINNOW_ERROR_DATA, -1,
            "all %d photos were left out, because the gate was made of them: calibration needs photos "
            "that it did not see",
            photos->count);
    if (*count < photos->count)
        output_warning(
            "%d photo%s the gate was made of %s left out: calibration needs photos that it did not see",
            photos->count - *count, photos->count - *count == 1 ? "" : "s",
            photos->count - *count == 1 ? "is" : "are");
    return WINNOW_OK;
}

/* Scores of the remembered photos by gates without their source, as `winnow learn` judges them: a gate hardly
 * lets anything through that it was fitted to. False where they cannot be had. */
static bool score_apart(const wn_gate_file *gate, float *score)
{
    winnow_error none;
    return !wn_learn_check(gate, &none) &&
           !wn_cross_score(&gate->spec, &gate->scorer, &gate->memory, &gate->classes, score, &none);
}

/* Shares of the remembered abnormals at or above each of two thresholds. */
static winnow_status score_known(const wn_gate_file *gate, float before, float after, recalibration *result,
                                 winnow_error *error)
{
    int abnormals = 0, passed[2] = {0};
    float *scratch = malloc(((size_t)wn_scorer_scratch(&gate->scorer) + 1) * sizeof *scratch),
          *score = calloc((size_t)gate->memory.count + 1, sizeof *score);
    if (!scratch || !score) {
        free(scratch);
        free(score);
        return wn_fail_memory(error);
    }
    result->apart = wn_samples_normals(&gate->memory) < gate->memory.count && score_apart(gate, score);
    for (int i = 0; i < gate->memory.count; i++)
        if (gate->memory.label[i] == WN_ABNORMAL) {
            const float s =
                result->apart ? score[i] : wn_learn_score(&gate->scorer, &gate->memory, i, scratch);
            abnormals++;
            passed[0] += s >= before;
            passed[1] += s >= after;
        }
    free(scratch);
    free(score);
    result->accepted_before = abnormals ? (double)passed[0] / abnormals : NAN;
    result->accepted = abnormals ? (double)passed[1] / abnormals : NAN;
    return WINNOW_OK;
}

/* A threshold that lets most of what is known to be wrong through, or much of it where most of the photos are
 * turned away today, is that of the wrong photos. */
static winnow_status check_threshold(const recalibration *result, winnow_error *error)
{
    const double most = 0.5, much = 0.1;
    const bool loose = result->accepted > most && result->accepted_before <= most;
    const bool strange =
        result->rejected > most && result->accepted > much && result->accepted_before <= much;
    if (given.force || isnan(result->accepted) || !(loose || strange))
        return WINNOW_OK;
    return wn_fail(
        error, WINNOW_ERROR_DATA, -1,
        "the gate as it is turns away %.1f%% of these photos, and a threshold that keeps them lets "
        "%.1f%% of the abnormals through that it knows (%.1f%% now): are they photos of the right "
        "kind? Nothing is written; --force does it all the same",
        100 * result->rejected, 100 * result->accepted, 100 * result->accepted_before);
}

static winnow_status calibrate(wn_gate_file *gate, recalibration *result, winnow_error *error)
{
    wn_samples photos;
    wn_calibration calibration = {0};
    wn_promise promise = gate->calibration.promise;
    if (given.false_reject != NOT_GIVEN)
        promise.false_reject = given.false_reject;
    if (given.confidence != NOT_GIVEN)
        promise.confidence = given.confidence;
    wn_samples_init(&photos, gate->memory.count ? gate->memory.dim : gate->scorer.dim);
    const option_list none = {0};
    float *score = NULL;
    winnow_status status = teach_read(gate, &given.normal, &none, &given.read, one_group, &photos, error);
    if (!status && !(score = malloc(((size_t)photos.count + 1) * sizeof *score)))
        status = wn_fail_memory(error);
    if (!status)
        status = score_photos(gate, &photos, score, &result->count, error);
    if (!status)
        status = wn_calibrate(score, NULL, result->count, promise, &calibration, error);
    if (!status) {
        int rejected = 0;
        for (int i = 0; i < result->count; i++)
            rejected += score[i] < gate->calibration.threshold;
        result->rejected = (double)rejected / result->count;
        result->before = gate->calibration.threshold;
        status = score_known(gate, result->before, calibration.threshold, result, error);
    }
    if (!status)
        status = check_threshold(result, error);
    if (status) {
        wn_calibration_free(&calibration);
    } else {
        wn_calibration_free(&gate->calibration);
        gate->calibration = calibration;
        gate->held_out |= gate->source == WN_CALIBRATED_HELD_OUT;
        gate->source = WN_CALIBRATED_BY_CAMERA;
    }
    free(score);
    wn_samples_free(&photos);
    return status;
}

static int print(const wn_gate_file *gate, const recalibration *result, const char *output)
{
    const wn_calibration *calibration = &gate->calibration;
    if (given.json)
        return output_json(json_pack(
            "{s:s, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "gate", output, "calibration_count",
            result->count, "threshold", output_real((double)calibration->threshold), "threshold_before",
            output_real((double)result->before), "rejected_before", output_real(result->rejected),
            "known_accepted_before", output_real(result->accepted_before), "known_accepted",
            output_real(result->accepted), "false_reject", output_real(calibration->promise.false_reject),
            "confidence", output_real(calibration->promise.confidence)));
    printf("calibration  %d normals of this camera; threshold %.6g, before %.6g, which turned away %.1f%% of "
           "them\n",
           result->count, (double)calibration->threshold, (double)result->before, 100 * result->rejected);
    if (!isnan(result->accepted))
        printf("             %.1f%% of the abnormals that the gate knows are let through, before %.1f%%%s\n",
               100 * result->accepted, 100 * result->accepted_before,
               result->apart ? " (each judged by a gate without it)" : "");
    printf("promise      at most %.3g%% of this camera's normal photos are turned away",
           100 * calibration->promise.false_reject);
    if (calibration->promise.confidence > 0)
        printf(", with %.3g%% confidence", 100 * calibration->promise.confidence);
    else
        printf(", on average");
    printf("\ngate         %s\n", output);
    return STATUS_DONE;
}

int command_calibrate(int argc, char **argv)
{
    char **operands;
    char *command = output_command_line(argc, argv);
    int exit_status = options_read(&usage, argc, argv, &operands);
    winnow_error error;
    wn_gate_file gate = {0};
    if (exit_status < 0 && !given.normal.count)
        exit_status = output_usage("no photos of the new camera: give --normal DIR");
    if (exit_status < 0 && given.output)
        exit_status = output_check_name(given.output, "gate");
    if (exit_status < 0) {
        recalibration result = {0};
        const char *output = given.output ? given.output : operands[0];
        winnow_status status = wn_gate_file_read(operands[0], true, &gate, &error);
        if (!status)
            status = calibrate(&gate, &result, &error);
        if (!status)
            status = teach_set_provenance(&gate, "winnow.calibrated", command ? command : "", &error);
        if (!status)
            status = wn_gate_file_write(&gate, output, &error);
        exit_status = status ? output_failure(&error) : print(&gate, &result, output);
    }
    wn_gate_file_free(&gate);
    free(given.normal.item);
    free(command);
    return exit_status;
}
