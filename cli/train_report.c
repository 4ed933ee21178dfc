/* SPDX-License-Identifier: Apache-2.0 */
#include "train_report.h"

#include "../src/report/report.h"
#include "../src/runtime/file.h"
#include "../src/train/metrics.h"
#include "diagnosis.h"
#include "output.h"
#include "promise.h"
#include "provenance.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void train_history_add(train_history *history, const wn_epoch_report *report)
{
    wn_epoch_report *epoch = realloc(history->epoch, (history->count + 1) * sizeof *epoch);
    if (!epoch)
        return; /* the report lacks a point; nothing else depends on it */
    history->epoch = epoch;
    epoch[history->count++] = *report;
}

void train_history_free(train_history *history)
{
    free(history->epoch);
    *history = (train_history){0};
}

winnow_status train_write_reference_outputs(const char *folder, const float *mean, int size,
                                            winnow_error *error)
{
    char path[4096];
    if (mkdir(folder, 0777) && errno != EEXIST)
        return wn_fail(error, WINNOW_ERROR_IO, -1, "%s: cannot be made: %s", folder, strerror(errno));
    if ((size_t)snprintf(path, sizeof path, "%s/mean_embedding.txt", folder) >= sizeof path)
        return wn_fail(error, WINNOW_ERROR_ARGUMENT, -1, "%s: the name is too long", folder);
    char *text = malloc((size_t)size * 32);
    if (!text)
        return wn_fail_memory(error);
    size_t length = 0;
    for (int i = 0; i < size; i++)
        length += (size_t)sprintf(text + length, "%.18e\n", (double)mean[i]);
    winnow_status status = wn_write_file_atomic(path, text, length, error);
    free(text);
    return status;
}

/* ---- measures of the gate on photos that it did not see ---- */

typedef struct measured {
    size_t normals, abnormals, rejected, accepted;
    wn_interval accept_interval;
} measured;

static measured measure(const train_outcome *outcome)
{
    const wn_gate_file *gate = outcome->gate;
    measured m = {0};
    for (int i = 0; i < outcome->fit->count; i++) {
        const bool accept = outcome->fit->score[i] >= gate->calibration.threshold;
        if (outcome->photo[outcome->fit->row[i]].label != WN_ABNORMAL) {
            m.normals++;
            m.rejected += !accept;
        } else {
            m.abnormals++;
            m.accepted += accept;
        }
    }
    m.accept_interval = wn_rate_interval(m.accepted, m.abnormals, 0.95);
    return m;
}

typedef struct source_tally {
    const char *name; /* NULL: there is none to tell of */
    size_t count, rejected;
} source_tally;

/* The sources that a gate of the others rejects most of. */
typedef struct worst_sources {
    source_tally most;   /* of those that have five photos or more */
    source_tally beyond; /* far more than is promised: beyond what 1 in 200 sources would by chance */
} worst_sources;

static bool is_worse(const source_tally *a, const source_tally *b)
{
    return a->rejected * (b->name ? b->count : 1) > b->rejected * a->count;
}

static worst_sources find_worst(const train_outcome *outcome)
{
    enum { LEAST = 5 };
    const double confidence = 0.99;
    const wn_gate_file *gate = outcome->gate;
    worst_sources worst = {0};
    source_tally *tally = calloc((size_t)outcome->fit->count + 1, sizeof *tally);
    size_t sources = 0, at = 0;
    if (!tally || gate->source != WN_CALIBRATED_BY_SOURCE)
        goto done;
    for (int i = 0; i < outcome->fit->count; i++) {
        const train_sample *sample = &outcome->photo[outcome->fit->row[i]];
        if (sample->label == WN_ABNORMAL)
            continue;
        if (at == sources ||
            strcmp(tally[at].name, sample->source) != 0) /* photos of a source are neighbours */
            for (at = 0; at < sources && strcmp(tally[at].name, sample->source) != 0;)
                at++;
        if (at == sources)
            tally[sources++].name = sample->source;
        tally[at].count++;
        tally[at].rejected += outcome->fit->score[i] < gate->calibration.threshold;
    }
    for (const source_tally *t = tally; t < tally + sources; t++) {
        const double least = wn_rate_interval(t->rejected, t->count, confidence).low;
        if (t->count >= LEAST && is_worse(t, &worst.most))
            worst.most = *t;
        if (least > gate->calibration.promise.false_reject && is_worse(t, &worst.beyond))
            worst.beyond = *t;
    }
done:
    free(tally);
    return worst;
}

static double share(size_t part, size_t whole)
{
    return whole ? (double)part / (double)whole : NAN;
}

/* Of blocks of neighbours: why it was no sources, and what follows. */
static const char *scope_of_blocks(const promise_basis *basis)
{
    if (basis->groups == 1)
        return "photos of one source: the promise holds for this camera and place only; "
               "three sources (subfolders) or more widen it";
    if (promise_sessions_of(basis) == 1)
        return "sessions of one camera, too few or too unlike in size to be left out: the promise holds for "
               "this camera and these places only; three sources (subfolders) or more widen it";
    return basis->groups == 2
               ? "photos of two sources: the promise holds for these cameras and places "
                 "only; three or more widen it"
               : "one source has over two thirds of the photos, or two nearly all: the promise holds "
                 "for these cameras and places only; more photos of the others widen it";
}

/* What the promise is about, and how that is known. */
static const char *scope(const promise_basis *basis, char text[256])
{
    char new[64];
    const char *whom = promise_new(basis, new);
    const bool held_out = !strcmp(basis->source, "held-out");
    if (!strcmp(basis->source, "blocks"))
        return scope_of_blocks(basis);
    if (promise_sessions_of(basis)) {
        snprintf(text, 256, "%s: holds for %s; three sources (subfolders) or more widen it",
                 held_out ? "held-out photos" : "each session scored by a gate made of the others", whom);
        return text;
    }
    if (held_out)
        return basis->over_groups ? "held-out photos: holds for new sources like these"
                                  : "held-out photos: holds for photos like these";
    return basis->over_groups
               ? "each source scored by a gate made of the others: holds for new sources like these"
               : "each source scored by a gate made of the others";
}

/* The share of its own calibration photos that a gate turns away is no measurement: the threshold was set by
 * them. */
static const char *by_construction(const wn_gate_file *gate, char text[80])
{
    snprintf(text, 80, "at most %.3g%%%s, by construction", 100 * gate->calibration.promise.false_reject,
             gate->calibration.over_groups ? " on average over sources" : "");
    return text;
}

/* Photos that the diagnosis could not be measured on: no other source has their class. */
static size_t left_out(const train_outcome *outcome)
{
    return (size_t)outcome->fit->count - outcome->diagnosis->normals - outcome->diagnosis->abnormals;
}

/* ---- the summary ---- */

static void show_text(const train_outcome *outcome, const measured *m)
{
    const wn_gate_file *gate = outcome->gate;
    const promise_basis basis = promise_basis_of(gate);
    char spec[WN_SPEC_TEXT], known[80], certainty[96], sources[64], about[256];
    wn_spec_format(&gate->spec, spec);
    printf("scorer       %s%s\n", spec, outcome->fit->candidates > 1 ? " (chosen by validation)" : "");
    if (m->abnormals)
        printf("validation   AUROC %.4f, FPR at 95%% TPR %.2f%%\n", outcome->fit->auroc,
               100 * outcome->fit->fpr_at_95_tpr);
    printf("calibration  %d normals of %s; threshold %.6g for %.3g%% false rejects", gate->calibration.count,
           promise_sources(&basis, sources), (double)gate->calibration.threshold,
           100 * gate->calibration.promise.false_reject);
    printf(" %s\n             %s\n",
           promise_certainty(gate->calibration.promise.confidence, gate->calibration.groups, certainty),
           scope(&basis, about));
    printf("at it        %zu of %zu calibration normals rejected (%.1f%%; %s)", m->rejected, m->normals,
           100 * share(m->rejected, m->normals), by_construction(gate, known));
    if (m->abnormals)
        printf(", %zu of %zu abnormals accepted (%.2f%%)", m->accepted, m->abnormals,
               100 * share(m->accepted, m->abnormals));
    const source_tally worst = find_worst(outcome).beyond;
    if (worst.name)
        printf("\n             of %s, %.1f%% of %zu would be rejected by a gate that never saw it",
               worst.name, 100 * share(worst.rejected, worst.count), worst.count);
    if (outcome->diagnosis) {
        diagnosis_print(outcome->diagnosis, (const char *const *)gate->class_name);
        if (left_out(outcome))
            printf("             (%zu photos whose class no photo of another source, or block, has are not "
                   "counted)\n",
                   left_out(outcome));
    } else {
        putchar('\n');
    }
    printf("gate         %s\n", outcome->request->output);
    if (outcome->request->report[0])
        printf("report       %s\n", outcome->request->report);
}

static int show_json(const train_outcome *outcome, const measured *m)
{
    const wn_gate_file *gate = outcome->gate;
    char spec[WN_SPEC_TEXT];
    wn_spec_format(&gate->spec, spec);
    json_t *diagnosis = outcome->diagnosis
                            ? diagnosis_json(outcome->diagnosis, (const char *const *)gate->class_name)
                            : json_null();
    const promise_basis basis = promise_basis_of(gate);
    char about[160];
    const source_tally worst = find_worst(outcome).beyond;
    json_t *source = worst.name
                         ? json_pack("{s:s, s:I, s:I, s:o}", "name", worst.name, "count",
                                     (json_int_t)worst.count, "rejected", (json_int_t)worst.rejected,
                                     "false_reject_rate", output_real(share(worst.rejected, worst.count)))
                         : json_null();
    return output_json(
        json_pack("{s:i, s:i, s:o, s:o, s:o, s:s, s:i, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:i, s:s}",
                  "epochs", outcome->trained->epochs, "best_epoch", outcome->trained->best_epoch, "auroc",
                  output_real(outcome->fit->auroc), "fpr_at_95_tpr", output_real(outcome->fit->fpr_at_95_tpr),
                  "images_per_second", output_real(outcome->images_per_second), "gate",
                  outcome->request->output, "calibration_count", gate->calibration.count, "scorer", spec,
                  "threshold", output_real((double)gate->calibration.threshold), "false_reject_rate",
                  output_real(share(m->rejected, m->normals)), "abnormal_accept_rate",
                  output_real(share(m->accepted, m->abnormals)), "seconds", output_real(outcome->seconds),
                  "worst_source", source, "diagnosis", diagnosis, "sources", gate->calibration.groups,
                  "promise_scope", promise_scope(&basis, about)));
}

/* ---- the report ---- */

bool train_audit_find(const train_sample *photo, size_t count, const float *feature, int dim, wn_pool *pool,
                      train_audit *audit)
{
    enum { MOST_PHOTOS = 10000 };
    static const char *const folders[] = {"normal", "abnormal"};
    *audit = (train_audit){.result = {.folder = folders, .folders = 2}};
    if (count > MOST_PHOTOS)
        return false;
    audit->path = malloc((count + 1) * sizeof *audit->path);
    int *label = malloc((count + 1) * sizeof *label);
    winnow_error error;
    bool done = audit->path && label;
    for (size_t i = 0; done && i < count; i++) {
        audit->path[i] = photo[i].path;
        label[i] = photo[i].label == WN_ABNORMAL;
    }
    const audit_photos photos = {audit->path, label, count, feature, dim};
    done = done && !audit_find(&photos, pool, &audit->result, &error);
    free(label);
    return done;
}

void train_audit_free(train_audit *audit)
{
    audit_result_free(&audit->result);
    free(audit->path);
}

/* The two as rows of the page; a source of few photos can be beyond chance, and not the worst. */
static void describe_worst(const worst_sources *worst, char *most, char *beyond, size_t size)
{
    const source_tally *m = &worst->most, *b = &worst->beyond;
    const wn_interval interval = wn_rate_interval(m->rejected, m->count, 0.95);
    snprintf(most, size, "%s: %.1f%% of %zu turned away, 95%% interval %.1f to %.1f%%",
             m->name ? m->name : "", 100 * share(m->rejected, m->count), m->count, 100 * interval.low,
             100 * interval.high);
    snprintf(beyond, size, "of %s, %.1f%% of %zu would be rejected by a gate that never saw it",
             b->name ? b->name : "", 100 * share(b->rejected, b->count), b->count);
}

static winnow_status write_report(const train_outcome *outcome, const measured *m, winnow_error *error)
{
    const wn_gate_file *gate = outcome->gate;
    const int count = outcome->fit->count;
    report_photo *photo = calloc((size_t)count + 1, sizeof *photo);
    report_epoch *epoch = calloc(outcome->history->count + 1, sizeof *epoch);
    report_audit_item *item = calloc((outcome->audit ? outcome->audit->findings : 0) + 1, sizeof *item);
    report_audit_kind kind[AUDIT_KINDS];
    if (!photo || !epoch || !item) {
        free(photo);
        free(epoch);
        free(item);
        return wn_fail_memory(error);
    }
    for (int i = 0; i < count; i++) {
        const train_sample *sample = &outcome->photo[outcome->fit->row[i]];
        const float score = outcome->fit->score[i];
        photo[i] = (report_photo){sample->path,
                                  sample->source,
                                  sample->label != WN_ABNORMAL,
                                  score,
                                  wn_calibration_p_value(&gate->calibration, score),
                                  wn_calibration_verdict(&gate->calibration, score)};
    }
    for (size_t i = 0; i < outcome->history->count; i++) {
        const wn_epoch_report *from = &outcome->history->epoch[i];
        epoch[i] = (report_epoch){from->epoch, from->loss, from->normal_similarity, from->abnormal_similarity,
                                  from->auroc};
    }
    if (outcome->audit)
        audit_page(outcome->audit, item, kind);
    const worst_sources worst = find_worst(outcome);
    char normals[64], certainty[96], promise[160], seconds[32], most[4096 + 128], beyond[4096 + 128],
        spec[WN_SPEC_TEXT], known[80];
    describe_worst(&worst, most, beyond, sizeof most);
    provenance_lines made;
    provenance_read(wn_gate_file_get(gate, "winnow.settings"), gate->has_embedding,
                    wn_gate_file_get(gate, "winnow.backbone"), &made);
    wn_spec_format(&gate->spec, spec);
    const promise_basis basis = promise_basis_of(gate);
    char sources[64], about[256];
    snprintf(normals, sizeof normals, "%d photos, %s", gate->calibration.count,
             promise_sources(&basis, sources));
    snprintf(promise, sizeof promise, "at most %.3g%% of normals rejected, %s",
             100 * gate->calibration.promise.false_reject,
             promise_certainty(gate->calibration.promise.confidence, gate->calibration.groups, certainty));
    snprintf(seconds, sizeof seconds, "%.1f s", outcome->seconds);
    const report_fact calibration[] = {{"scorer", spec},
                                       {"calibrated on", normals},
                                       {"promise", promise},
                                       {"rests on", scope(&basis, about)},
                                       {worst.most.name ? "worst source" : NULL, most},
                                       {worst.beyond.name ? "beyond chance" : NULL, beyond},
                                       {0}};
    const report_fact provenance[] = {{"command", outcome->request->command},
                                      {"backbone", made.backbone},
                                      {"seed", made.seed},
                                      {"data hash", made.photos},
                                      {"settings", made.options},
                                      {"time", seconds},
                                      {"made", wn_gate_file_get(gate, "winnow.created")},
                                      {"winnow", WINNOW_VERSION},
                                      {0}};
    report_diagnosis diagnosis = {0};
    if (outcome->diagnosis)
        diagnosis =
            diagnosis_page(outcome->diagnosis, (const char *const *)gate->class_name, left_out(outcome));
    const char *slash = strrchr(outcome->request->output, '/');
    const report_page page = {
        .title = slash ? slash + 1 : outcome->request->output,
        .photo = photo,
        .photo_count = (size_t)count,
        .feature = outcome->feature,
        .feature_size = outcome->feature_size,
        .auroc = outcome->fit->auroc,
        .fpr_at_95_tpr = outcome->fit->fpr_at_95_tpr,
        .false_reject = {share(m->rejected, m->normals), 0, 1, by_construction(gate, known)},
        .abnormal_accept = {share(m->accepted, m->abnormals), m->accept_interval.low, m->accept_interval.high,
                            NULL},
        .asked_false_reject = gate->calibration.promise.false_reject,
        .threshold = gate->calibration.threshold,
        .score_name = "similarity",
        .epoch = epoch,
        .epoch_count = outcome->history->count,
        .no_epochs =
            "No learning curves: the backbone is frozen, and what judges its features is fitted to them "
            "in one step, without epochs.",
        .diagnosis = outcome->diagnosis ? &diagnosis : NULL,
        .audit = outcome->audit ? kind : NULL,
        .audit_kinds = AUDIT_KINDS,
        .calibration = calibration,
        .provenance = provenance};
    winnow_status status = report_write(&page, outcome->request->report, error);
    free(photo);
    free(epoch);
    free(item);
    return status;
}

int train_show(const train_outcome *outcome)
{
    const measured m = measure(outcome);
    if (outcome->request->report[0]) {
        winnow_error error;
        if (write_report(outcome, &m, &error))
            return output_failure(&error);
    }
    if (outcome->request->json)
        return show_json(outcome, &m);
    show_text(outcome, &m);
    return STATUS_DONE;
}
