/* SPDX-License-Identifier: Apache-2.0
 *
 * `winnow eval`: measures a gate on photos that it never saw. */
#include "eval.h"
#include "../src/runtime/error.h"
#include "../src/train/metrics.h"
#include "commands.h"
#include "diagnosis.h"
#include "options.h"
#include "output.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 256 };

static struct {
    option_list normal, abnormal;
    const char *report;
    double max_bad, confident;
    int threads;
    bool classes, json;
} given = {.max_bad = 0.05, .confident = CONFIDENT_ANSWER};

static const option_row rows[] = {
    {"normal", 0, OPTION_LIST, "DIR", "photos of the right kind; may be given again", &given.normal},
    {"abnormal", 0, OPTION_LIST, "DIR", "photos of anything else; may be given again", &given.abnormal},
    {"classes", 0, OPTION_FLAG, NULL,
     "the subfolders of --normal are classes: measure the diagnosis too, with and without the gate",
     &given.classes},
    {"confident", 0, OPTION_PERCENT, "P", "count answers of that probability or more as confident",
     &given.confident, 0, 1, .open = true},
    {"report", 0, OPTION_TEXT, "FILE", "write a page with charts and the worst photos (.html)",
     &given.report},
    {"max-bad", 0, OPTION_PERCENT, "P", "stop where more photos than that cannot be read", &given.max_bad, 0,
     1},
    {"threads", 0, OPTION_INTEGER, "N", "threads (default: as many as there are cores)", &given.threads, 1,
     256},
    {"json", 0, OPTION_FLAG, NULL, "print the result as one JSON object", &given.json},
    {0},
};

static const options_usage usage = {
    "GATE --normal DIR --abnormal DIR",
    "Measures a gate on photos that it never saw: AUROC, FPR at 95% TPR, and what it really turns away and "
    "lets through at its threshold, "
    "with 95% intervals, in all and for each subfolder.",
    rows,
    1,
    1,
};

static const char *const labels[2] = {"abnormal", "normal"};

static void report_line(void *context, const char *line)
{
    (void)context;
    output_warning("%s", line);
}

/* ---- reading and judging ---- */

static winnow_status open_side(const winnow_gate *gate, eval_side *s, const option_list *folders,
                               const char *name, winnow_error *error)
{
    if (!folders->count)
        return WINNOW_OK;
    const wn_report report = {report_line, NULL};
    const wn_dataset_options options = {.name = name,
                                        .max_bad = given.max_bad,
                                        .classes = given.classes && !strcmp(name, "normal"),
                                        .report = &report};
    winnow_status status = wn_dataset_open(folders->item, (size_t)folders->count, &options, &s->set, error);
    if (status)
        return status;
    s->judged = calloc(s->set->count + 1, sizeof *s->judged);
    s->score = malloc((s->set->count + 1) * sizeof *s->score);
    s->p = malloc((s->set->count + 1) * sizeof *s->p);
    if (given.report)
        s->embedding = malloc((s->set->count + 1) * (size_t)winnow_gate_embedding_size(gate) * sizeof(float));
    return s->judged && s->score && s->p && (s->embedding || !given.report) ? WINNOW_OK
                                                                            : wn_fail_memory(error);
}

static void collect(eval_side *s)
{
    for (size_t i = 0; i < s->set->count; i++) {
        const judged *j = &s->judged[i];
        if (j->failed) {
            output_warning("%s", j->message);
            s->failed++;
            continue;
        }
        s->score[s->count] = j->result.similarity;
        s->p[s->count++] = j->result.p_value;
        s->accepted += j->result.verdict == WINNOW_NORMAL;
    }
}

static winnow_status judge_side(evaluation *e, judge *j, eval_side *s, winnow_error *error)
{
    const size_t total = s->set ? s->set->count : 0;
    for (size_t at = 0; at < total; at += CHUNK) {
        const char *path[CHUNK];
        const size_t n = total - at < CHUNK ? total - at : CHUNK;
        for (size_t i = 0; i < n; i++)
            path[i] = s->set->photo[at + i].path;
        judge_photos(j, path, n, s->judged + at,
                     s->embedding ? s->embedding + at * (size_t)winnow_gate_embedding_size(e->gate) : NULL);
        progress_update(&e->bar, e->bar.done + (long)n);
    }
    if (!total)
        return WINNOW_OK;
    collect(s);
    if (s->failed + s->set->bad > given.max_bad * (double)s->set->found)
        return wn_fail(error, WINNOW_ERROR_DATA, -1,
                       "%zu of %zu photos cannot be read, more than --max-bad %g%%", s->failed + s->set->bad,
                       s->set->found, 100 * given.max_bad);
    return WINNOW_OK;
}

static winnow_status measure(evaluation *e, winnow_error *error)
{
    const eval_side *abnormal = &e->side[0], *normal = &e->side[1];
    e->auroc = e->fpr_at_95_tpr = NAN;
    if (!normal->count || !abnormal->count)
        return WINNOW_OK;
    wn_roc roc;
    winnow_status status =
        wn_roc_create(normal->score, normal->count, abnormal->score, abnormal->count, &roc, error);
    if (status)
        return status;
    e->auroc = roc.auroc;
    e->fpr_at_95_tpr = roc.fpr_at_95_tpr;
    wn_roc_free(&roc);
    return WINNOW_OK;
}

/* ---- groups ---- */

typedef struct group {
    const char *name;
    size_t count, accepted;
    double auroc; /* against all photos of the other label; NaN where there are none */
} group;

static group measure_group(const evaluation *e, int label, int subfolder, float *scratch)
{
    const eval_side *s = &e->side[label], *other = &e->side[!label];
    group g = {.name = s->set->subfolder.name[subfolder], .auroc = NAN};
    for (size_t i = 0; i < s->set->count; i++) {
        if (s->set->photo[i].subfolder != subfolder || s->judged[i].failed)
            continue;
        scratch[g.count++] = s->judged[i].result.similarity;
        g.accepted += s->judged[i].result.verdict == WINNOW_NORMAL;
    }
    wn_roc roc;
    if (g.count && other->count &&
        !wn_roc_create(label ? scratch : other->score, label ? g.count : other->count,
                       label ? other->score : scratch, label ? other->count : g.count, &roc, NULL)) {
        g.auroc = roc.auroc;
        wn_roc_free(&roc);
    }
    return g;
}

/* Calls show for every subfolder, normals first. */
static winnow_status each_group(const evaluation *e,
                                void (*show)(void *context, const group *group, int label), void *context,
                                winnow_error *error)
{
    for (int label = 1; label >= 0; label--) {
        const eval_side *s = &e->side[label];
        if (!s->set)
            continue;
        float *scratch = malloc((s->set->count + 1) * sizeof *scratch);
        if (!scratch)
            return wn_fail_memory(error);
        for (size_t f = 0; f < s->set->subfolder.count; f++) {
            group g = measure_group(e, label, (int)f, scratch);
            if (g.count)
                show(context, &g, label);
        }
        free(scratch);
    }
    return WINNOW_OK;
}

/* ---- printing ---- */

static double rate(size_t part, size_t whole)
{
    return whole ? (double)part / (double)whole : NAN;
}

static void print_rate(const char *name, size_t part, size_t whole)
{
    if (!whole)
        return;
    wn_interval interval = wn_rate_interval(part, whole, 0.95);
    printf("%-22s %6.2f%%   %zu of %zu, 95%% interval %.2f to %.2f%%\n", name, 100 * rate(part, whole), part,
           whole, 100 * interval.low, 100 * interval.high);
}

static void print_group(void *context, const group *g, int label)
{
    (void)context;
    printf("%-9s %6zu %9zu  %6.1f%%   ", labels[label], g->count, g->accepted,
           100 * rate(g->accepted, g->count));
    if (isnan(g->auroc))
        printf("     -   ");
    else
        printf("%.4f   ", g->auroc);
    puts(g->name);
}

static int print_text(const evaluation *e)
{
    const eval_side *abnormal = &e->side[0], *normal = &e->side[1];
    if (!isnan(e->auroc)) {
        printf("%-22s %.4f\n", "AUROC", e->auroc);
        printf("%-22s %6.2f%%\n", "FPR at 95% TPR", 100 * e->fpr_at_95_tpr);
    }
    printf("%-22s %.6g, for %.3g%% false rejects\n", "threshold", (double)winnow_gate_threshold(e->gate),
           100 * (double)winnow_gate_false_reject(e->gate));
    print_rate("normals rejected", normal->count - normal->accepted, normal->count);
    print_rate("abnormals accepted", abnormal->accepted, abnormal->count);
    printf("\n%-9s %6s %9s  %7s   %-6s   %s\n", "label", "photos", "accepted", "", "AUROC", "folder");
    winnow_error error;
    if (each_group(e, print_group, NULL, &error))
        return output_failure(&error);
    if (e->diagnosis)
        diagnosis_print(e->diagnosis, e->class_name);
    return STATUS_DONE;
}

static void add_group(void *context, const group *g, int label)
{
    json_array_append_new(context, json_pack("{s:s, s:s, s:I, s:I, s:o}", "name", g->name, "label",
                                             labels[label], "count", (json_int_t)g->count, "accepted",
                                             (json_int_t)g->accepted, "auroc", output_real(g->auroc)));
}

static int print_json(const evaluation *e)
{
    const eval_side *abnormal = &e->side[0], *normal = &e->side[1];
    winnow_error error;
    json_t *groups = json_array();
    if (each_group(e, add_group, groups, &error)) {
        json_decref(groups);
        return output_failure(&error);
    }
    json_t *drifting =
        json_pack("{s:o, s:o, s:b, s:b, s:o}", "significance", output_real(e->drift.significance), "lean",
                  output_real(e->drift.lean), "drifted", e->drift.leans, "promise_broken", e->drift.broken,
                  "explained_rate", output_real(e->basis.explained));
    const wn_interval reject = wn_rate_interval(normal->count - normal->accepted, normal->count, 0.95);
    const wn_interval accept = wn_rate_interval(abnormal->accepted, abnormal->count, 0.95);
    return output_json(
        json_pack("{s:o, s:o, s:o, s:[f,f], s:o, s:[f,f], s:o, s:I, s:I, s:b, s:o, s:o, s:o}", "auroc",
                  output_real(e->auroc), "fpr_at_95_tpr", output_real(e->fpr_at_95_tpr), "false_reject_rate",
                  output_real(rate(normal->count - normal->accepted, normal->count)), "false_reject_interval",
                  reject.low, reject.high, "abnormal_accept_rate",
                  output_real(rate(abnormal->accepted, abnormal->count)), "abnormal_accept_interval",
                  accept.low, accept.high, "threshold", output_real((double)winnow_gate_threshold(e->gate)),
                  "normals", (json_int_t)normal->count, "abnormals", (json_int_t)abnormal->count,
                  "of_training", e->of_training, "groups", groups, "drift", drifting, "diagnosis",
                  e->diagnosis ? diagnosis_json(e->diagnosis, e->class_name) : json_null()));
}

/* How many sources of one size would say as much as those of the normals: (sum of n)^2 / sum of n^2. */
static size_t count_sources(const eval_side *s)
{
    double squares = 0;
    for (size_t f = 0; s->set && f < s->set->subfolder.count; f++) {
        double n = 0;
        for (size_t i = 0; i < s->set->count; i++)
            n += s->set->photo[i].subfolder == (int)f && !s->judged[i].failed;
        squares += n * n;
    }
    return squares > 0 ? (size_t)((double)s->count * (double)s->count / squares) : 1;
}

/* Normals whose p-values lean low look less normal than those that the gate was calibrated on. Whether that
 * breaks the promise is another question: photos of one camera are alike, and may all lie a little below the
 * middle; and calibration photos are a draw, which alone moves the rate behind a threshold. */
static void find_drift(evaluation *e)
{
    const eval_side *normal = &e->side[1];
    e->basis = drift_basis_of(e->gate);
    e->drift = drift_find(e->gate, &e->basis, normal->p, normal->count, normal->count - normal->accepted,
                          count_sources(normal));
}

static void warn_of_drift(const evaluation *e)
{
    const eval_side *normal = &e->side[1];
    const double asked = 100 * (double)winnow_gate_false_reject(e->gate),
                 rejected = 100 * rate(normal->count - normal->accepted, normal->count);
    const wn_interval interval = wn_rate_interval(normal->count - normal->accepted, normal->count, 0.95);
    char excuse[128];
    drift_excuse(&e->basis, excuse, sizeof excuse);
    if (e->drift.broken)
        output_warning("%.3g%% of these normals are turned away where %.3g%% was asked, more than chance%s: "
                       "`winnow calibrate` on 60 or more of them mends it",
                       rejected, asked,
                       e->drift.leans ? "; they look less normal than those that the gate was calibrated on"
                                      : "");
    else if (e->drift.promise == REPORT_ABOVE && normal->count >= DRIFT_LEAST)
        output_note("%.3g%% of these normals (%.1f to %.1f%%) are turned away where %.3g%% was asked; %s. "
                    "`winnow calibrate` on 60 "
                    "or more of them holds it to that here",
                    rejected, 100 * interval.low, 100 * interval.high, asked, excuse);
    else if (e->drift.leans)
        output_note("these normals look less normal than most that the gate was calibrated on%s (%.3g%%)",
                    eval_promise_words(e), asked);
}

/* Figures on the photos of the training flatter; with all of them, as often happens by mistake, the hash
 * tells. */
static void warn_of_training(evaluation *e)
{
    const char *settings = winnow_gate_metadata(e->gate, "winnow.settings");
    for (int label = 0; label < 2 && settings; label++) {
        char hash[33];
        if (!e->side[label].set)
            continue;
        wn_dataset_hash(e->side[label].set, hash);
        hash[16] = 0; /* as much of it as the gate keeps */
        if (!strstr(settings, hash))
            continue;
        e->of_training = true;
        output_warning("these %ss are those that the gate was made of: it does better on them than on photos "
                       "that it never saw",
                       labels[label]);
    }
}

/* ---- the command ---- */

static winnow_status evaluate(evaluation *e, winnow_error *error)
{
    winnow_status status;
    if ((status = open_side(e->gate, &e->side[1], &given.normal, "normal", error)) ||
        (status = open_side(e->gate, &e->side[0], &given.abnormal, "abnormal", error)))
        return status;
    if (e->side[0].set && e->side[1].set &&
        (status = wn_dataset_check_disjoint(e->side[1].set, "normal", e->side[0].set, "abnormal", error)))
        return status;
    warn_of_training(e);
    judge *j = NULL;
    status = judge_create(e->gate, given.threads ? given.threads : wn_cpu_count(), NULL, &j, error);
    long total = 0;
    for (int label = 0; label < 2; label++)
        total += e->side[label].set ? (long)e->side[label].set->count : 0;
    progress_begin(&e->bar, "eval", "photos", total);
    if (!status)
        status = judge_side(e, j, &e->side[1], error);
    if (!status)
        status = judge_side(e, j, &e->side[0], error);
    progress_end(&e->bar);
    judge_free(j);
    return status ? status : measure(e, error);
}

int command_eval(int argc, char **argv)
{
    char **operands, *command = output_command_line(argc, argv);
    int exit_status = options_read(&usage, argc, argv, &operands);
    if (exit_status < 0 && !given.normal.count && !given.abnormal.count)
        exit_status = output_usage("nothing to measure on: give --normal DIR, --abnormal DIR or both");
    if (exit_status >= 0) {
        free(command);
        return exit_status;
    }
    winnow_error error;
    winnow_gate *gate = NULL;
    evaluation e = {.gate_path = operands[0], .command = command};
    const double began = progress_seconds();
    winnow_status status = winnow_gate_open(operands[0], &gate, &error);
    e.gate = gate;
    if (!status)
        status = evaluate(&e, &error);
    if (!status && given.classes)
        status = eval_diagnose(&e, given.confident, &error);
    if (!status) {
        find_drift(&e);
        warn_of_drift(&e);
    }
    e.seconds = progress_seconds() - began;
    if (!status && given.report)
        status = eval_write_report(&e, given.report, &error);
    exit_status = status ? output_failure(&error) : given.json ? print_json(&e) : print_text(&e);
    for (int label = 0; label < 2; label++) {
        wn_dataset_free(e.side[label].set);
        free(e.side[label].judged);
        free(e.side[label].embedding);
        free(e.side[label].score);
        free(e.side[label].p);
    }
    if (e.diagnosis)
        wn_diagnosis_free(e.diagnosis);
    free(e.diagnosis);
    free((void *)e.class_name);
    winnow_gate_free(gate);
    free(given.normal.item);
    free(given.abnormal.item);
    free(command);
    return exit_status;
}
