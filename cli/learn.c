/* SPDX-License-Identifier: Apache-2.0
 *
 * `winnow learn`: adds a few photos to a gate, in seconds. */
#include "../src/runtime/learn.h"
#include "../src/runtime/file.h"
#include "commands.h"
#include "options.h"
#include "output.h"
#include "promise.h"
#include "teach.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NOT_GIVEN = -1 };

static struct {
    option_list normal, abnormal;
    const char *output;
    double false_reject, confidence;
    teach_options read;
    bool json;
} given = {.false_reject = NOT_GIVEN, .confidence = NOT_GIVEN, .read = {.max_bad = 0.05}};

static const option_row rows[] = {
    {"normal", 0, OPTION_LIST, "DIR",
     "photos of the right kind, from a new camera above all; may be given again", &given.normal},
    {"abnormal", 0, OPTION_LIST, "DIR",
     "look-alikes that the gate lets through, 5 to 50 of them; may be given again", &given.abnormal},
    {"output", 'o', OPTION_TEXT, "FILE",
     "the new gate (.safetensors); the old one is kept, which is the undo", &given.output},
    {"false-reject", 0, OPTION_PERCENT, "P",
     "share of normal photos that the new gate may turn away (default: as before)", &given.false_reject, 0,
     0.5, .open = true},
    {"confidence", 0, OPTION_PERCENT, "P", "keep that promise with this probability (default: as before)",
     &given.confidence, 0, 0.9999},
    {"max-bad", 0, OPTION_PERCENT, "P", "stop where more photos than that cannot be read",
     &given.read.max_bad, 0, 1},
    {"threads", 0, OPTION_INTEGER, "N", "threads (default: as many as there are cores)", &given.read.threads,
     1, 256},
    {"json", 0, OPTION_FLAG, NULL, "print the result as one JSON object", &given.json},
    {0},
};

static const options_usage usage = {
    "GATE --abnormal DIR --normal DIR -o NEW",
    "Adds photos to a gate without training: normals that it turned away, look-alikes that it let through. "
    "It is calibrated anew, and what changed is told.",
    rows,
    1,
    1,
};

static void print_row(const char *what, double before, double after)
{
    char b[16], a[16];
    if (!isnan(before) || !isnan(after))
        printf("  %-34s %8s %8s\n", what, teach_percent(before, b), teach_percent(after, a));
}

static void print_counts(const char *what, int normals, int abnormals)
{
    printf("%-12s %d normal%s, %d abnormal%s", what, normals, normals == 1 ? "" : "s", abnormals,
           abnormals == 1 ? "" : "s");
}

static void print_text(const wn_gate_file *gate, const winnow_lesson *lesson, int relabelled)
{
    const promise_basis basis = promise_basis_of(gate);
    const bool one_camera = lesson->sources == 1 || promise_sessions_of(&basis) == 1;
    char spec[WN_SPEC_TEXT], certainty[96], sources[64], new[64];
    wn_spec_format(&gate->spec, spec);
    print_counts("learned", lesson->new_normals, lesson->new_abnormals);
    if (lesson->replaced)
        printf(" (%d of them known before)", lesson->replaced);
    putchar('\n');
    print_counts("remembers", lesson->normals, lesson->abnormals);
    printf("\nscorer       %s\n", spec);
    if (relabelled)
        output_warning("%d of the photos %s known as the other kind until now, which %s no longer%s; the old "
                       "gate is the undo",
                       relabelled, relabelled == 1 ? "was" : "were", relabelled == 1 ? "it is" : "they are",
                       given.normal.count ? "" : ", so fewer normals are left to calibrate on");
    printf("calibration  %d normals of %s; threshold %.6g for %.3g%% false rejects %s\n",
           gate->calibration.count, promise_sources(&basis, sources), (double)gate->calibration.threshold,
           100 * gate->calibration.promise.false_reject,
           promise_certainty(gate->calibration.promise.confidence, lesson->sources, certainty));
    if (gate->source == WN_CALIBRATED_BY_SOURCE && promise_sessions_of(&basis))
        printf("             each session scored by a gate made of the others: holds for %s\n",
               promise_new(&basis, new));
    else if (gate->source != WN_CALIBRATED_BY_SOURCE)
        printf("             the promise holds for %s and place%s only; %s widen it\n",
               one_camera ? "this camera" : "these cameras", lesson->sources == 1 ? "" : "s",
               lesson->sources < 3 ? "three sources or more" : "more photos of the smaller sources");
    printf("each photo judged by a gate without it %5s %8s\n", "before", "after");
    print_row("known normals turned away", lesson->before.rejected, lesson->after.rejected);
    print_row("known abnormals let through", lesson->before.accepted, lesson->after.accepted);
    print_row("new normals turned away", lesson->before.new_rejected, lesson->after.new_rejected);
    print_row("new abnormals let through", lesson->before.new_accepted, lesson->after.new_accepted);
    printf("gate         %s\n", given.output);
}

static json_t *shares(const winnow_lesson_shares *s)
{
    return json_pack("{s:o, s:o, s:o, s:o}", "rejected", output_real(s->rejected), "accepted",
                     output_real(s->accepted), "new_rejected", output_real(s->new_rejected), "new_accepted",
                     output_real(s->new_accepted));
}

static int print_json(const wn_gate_file *gate, const winnow_lesson *lesson, int relabelled)
{
    const promise_basis basis = promise_basis_of(gate);
    char about[160];
    return output_json(
        json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:o, s:o, s:o, s:s}", "gate", given.output,
                  "normals", lesson->normals, "abnormals", lesson->abnormals, "new_normals",
                  lesson->new_normals, "new_abnormals", lesson->new_abnormals, "replaced", lesson->replaced,
                  "relabelled", relabelled, "sources", lesson->sources, "threshold",
                  output_real((double)gate->calibration.threshold), "before", shares(&lesson->before),
                  "after", shares(&lesson->after), "promise_scope", promise_scope(&basis, about)));
}

/* Photos from row `first_new` on that the gate knew as the other kind. */
static int count_relabelled(const wn_samples *memory, int first_new)
{
    int count = 0;
    for (int i = first_new; i < memory->count; i++) {
        const int known = wn_samples_find(memory, memory, i);
        count +=
            known < first_new && (memory->label[known] == WN_ABNORMAL) != (memory->label[i] == WN_ABNORMAL);
    }
    return count;
}

/* Rows of the gate's memory before anything is added. */
static int own_rows;

/* The source of the gate's own normals that is that camera, or -1; *others: it knows others. */
static int find_camera(const wn_gate_file *gate, const char *camera, bool *others)
{
    int found = -1;
    *others = false;
    for (int i = 0; i < own_rows; i++) {
        const wn_origin *origin = &gate->origin[gate->memory.group[i]];
        if (gate->memory.label[i] == WN_ABNORMAL)
            continue;
        if (!origin->camera || strcmp(origin->camera, camera) != 0)
            *others = true;
        else if (origin->kind == WN_SOURCE_CAMERA)
            found = gate->memory.group[i];
    }
    return found;
}

/* Beside other cameras the sessions of one are one source: left out one by one, each would be judged by a
 * gate that knows its camera. */
static int group_of(wn_gate_file *gate, const wn_dataset *photos, size_t photo, bool normal)
{
    const wn_photo *from = &photos->photo[photo];
    const char *name = photos->group.name[from->group];
    wn_source_kind kind = from->group_kind;
    winnow_error none;
    bool others = false;
    if (normal && from->group_camera) {
        const int known = find_camera(gate, from->group_camera, &others);
        if (others && known >= 0)
            return known;
    }
    if (others) {
        name = from->group_camera;
        kind = WN_SOURCE_CAMERA;
    }
    const int group = wn_learn_group(gate, name, normal);
    return group < 0 || wn_gate_file_set_origin(gate, group, kind, from->group_camera, &none) ? -1 : group;
}

static winnow_status learn(wn_gate_file *gate, const char *command, wn_learned *learned, int *relabelled,
                           winnow_error *error)
{
    wn_promise *promise = &gate->calibration.promise;
    const int first_new = own_rows = gate->memory.count;
    winnow_status status = wn_learn_check(gate, error);
    if (!status)
        status =
            teach_read(gate, &given.normal, &given.abnormal, &given.read, group_of, &gate->memory, error);
    if (status)
        return status;
    *relabelled = count_relabelled(&gate->memory, first_new);
    if (given.false_reject != NOT_GIVEN)
        promise->false_reject = given.false_reject;
    if (given.confidence != NOT_GIVEN)
        promise->confidence = given.confidence;
    if (gate->source == WN_CALIBRATED_BY_CAMERA)
        output_note("the gate was calibrated to one camera: that is replaced; calibrate again if it is still "
                    "that one");
    status = wn_learn(gate, first_new, true, learned, error);
    if (status)
        return status;
    wn_learned_swap(gate, learned);
    status = teach_set_provenance(gate, "winnow.learned", command, error);
    return status ? status : wn_gate_file_write(gate, given.output, error);
}

int command_learn(int argc, char **argv)
{
    char **operands;
    char *command = output_command_line(argc, argv);
    int exit_status = options_read(&usage, argc, argv, &operands);
    winnow_error error;
    wn_gate_file gate = {0};
    wn_learned learned = {0};
    if (exit_status < 0 && !given.output)
        exit_status = output_usage("where should the new gate go? give -o FILE");
    if (exit_status < 0)
        exit_status = output_check_name(given.output, "gate");
    if (exit_status < 0 && wn_same_file(operands[0], given.output))
        exit_status =
            output_usage("-o %s is the gate itself, which is the undo; name another file", given.output);
    if (exit_status < 0 && !given.normal.count && !given.abnormal.count)
        exit_status = output_usage("nothing to learn: give --abnormal DIR, --normal DIR or both");
    if (exit_status < 0) {
        int relabelled = 0;
        winnow_status status = wn_gate_file_read(operands[0], true, &gate, &error);
        if (!status)
            status = learn(&gate, command ? command : "", &learned, &relabelled, &error);
        exit_status = status       ? output_failure(&error)
                      : given.json ? print_json(&gate, &learned.lesson, relabelled)
                                   : (print_text(&gate, &learned.lesson, relabelled), STATUS_DONE);
    }
    wn_learned_free(&learned);
    wn_gate_file_free(&gate);
    free(given.normal.item);
    free(given.abnormal.item);
    free(command);
    return exit_status;
}
