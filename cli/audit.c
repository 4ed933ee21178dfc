/* SPDX-License-Identifier: Apache-2.0
 *
 * `winnow audit`: what is wrong with folders of photos, before they are trained on. */
#include "audit.h"

#include "../src/runtime/plan.h"
#include "../src/runtime/vector.h"
#include "../src/train/backbone.h"
#include "../src/train/feature_set.h"
#include "commands.h"
#include "options.h"
#include "output.h"
#include "progress.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    const char *backbone, *report;
    int threads;
    bool json;
} given;

static const option_row rows[] = {
    {"backbone", 0, OPTION_TEXT, "FILE",
     "compare photos by the features of these weights; `none` by their looks alone; else by those of `make "
     "backbone`, where they are",
     &given.backbone},
    {"report", 0, OPTION_TEXT, "FILE", "write a page with thumbnails of what was found (.html)",
     &given.report},
    {"json", 0, OPTION_FLAG, NULL, "print the result as one JSON object", &given.json},
    {"threads", 0, OPTION_INTEGER, "N", "threads (default: as many as there are cores)", &given.threads, 1,
     256},
    {0},
};

static const options_usage usage = {
    "DIR ...",
    "Looks for what spoils a training: photos that cannot be read, copies and near copies (also between "
    "folders), photos that look more like another folder's or like nothing else, blurred, dark and tiny "
    "ones; "
    "and shows the balance and the sources that a training would split by. Each DIR is one kind of photo: "
    "normals, look-alikes, anything else.",
    rows,
    1,
    -1,
};

typedef struct audit {
    wn_scan scan;
    wn_pool *pool;
    wn_audit_photo *photo;
    char **message; /* [count], of what cannot be read; owned */
    float *feature; /* (count, dim), L2-normalised; or NULL */
    int dim;
    int *label;
    audit_result result;
    progress bar;
    bool short_of_memory;
} audit;

/* ---- findings ---- */

static void find(audit *a, audit_kind kind, size_t photo, size_t other, double value, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

static void find(audit *a, audit_kind kind, size_t photo, size_t other, double value, const char *format, ...)
{
    char note[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(note, sizeof note, format, arguments);
    va_end(arguments);
    audit_result *result = &a->result;
    const size_t count = result->findings;
    if ((count & (count - 1)) == 0) { /* room for the next power of two */
        audit_finding *more = realloc(result->finding, (count ? 2 * count : 1) * sizeof *more);
        if (!more) {
            a->short_of_memory = true;
            return;
        }
        result->finding = more;
    }
    result->finding[result->findings++] = (audit_finding){kind, photo, other, value, strdup(note)};
    a->short_of_memory |= !result->finding[count].note;
}

static int by_kind(const void *left, const void *right)
{
    const audit_finding *a = left, *b = right;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    if (a->value != b->value)
        return a->value > b->value ? -1 : 1;
    return a->photo < b->photo ? -1 : a->photo > b->photo;
}

static void find_pair(void *context, size_t i, size_t j, bool copy)
{
    audit *a = context;
    const bool apart = a->label[i] != a->label[j];
    find(a, copy ? AUDIT_COPY : AUDIT_NEAR, j, i, apart, "%s %s%s",
         copy ? "the same as" : "looks the same as", a->scan.file[i].path,
         apart ? ", in another folder" : "");
}

static void find_by_looks(audit *a)
{
    for (size_t i = 0; i < a->scan.count; i++) {
        const wn_audit_photo *p = &a->photo[i];
        const int side = p->width < p->height ? p->width : p->height;
        if (!p->readable) {
            find(a, AUDIT_UNREADABLE, i, i, 0, "%s", a->message[i] ? a->message[i] : "cannot be read");
            continue;
        }
        if (p->sharpness < WN_AUDIT_BLURRED)
            find(a, AUDIT_BLURRED, i, i, (double)-p->sharpness, "sharpness %.1f; below %g",
                 (double)p->sharpness, (double)WN_AUDIT_BLURRED);
        if (p->brightness < WN_AUDIT_DARK)
            find(a, AUDIT_DARK, i, i, (double)-p->brightness, "mean brightness %.0f%%",
                 100 * (double)p->brightness);
        if (side < WN_AUDIT_TINY)
            find(a, AUDIT_TINY, i, i, -side, "%d x %d pixels", p->width, p->height);
    }
}

/* Photos that are nearer to another folder than to their own; and those that are near to nothing: more than 4
 * standard deviations below the mean nearness of their folder. */
static void find_by_features(audit *a, const float *own, const float *other)
{
    const double far_off = 4;
    for (size_t folder = 0; folder < a->result.folders; folder++) {
        double sum = 0, squares = 0;
        size_t count = 0;
        for (size_t i = 0; i < a->scan.count; i++)
            if (a->label[i] == (int)folder && a->photo[i].readable) {
                sum += (double)own[i];
                squares += (double)own[i] * (double)own[i];
                count++;
            }
        const double mean = count ? sum / (double)count : 0;
        const double deviation = count ? sqrt(fmax(squares / (double)count - mean * mean, 1e-12)) : 1;
        for (size_t i = 0; i < a->scan.count && count >= 10; i++) {
            if (a->label[i] != (int)folder || !a->photo[i].readable)
                continue;
            const double off = (mean - (double)own[i]) / deviation;
            if (other[i] > own[i])
                find(a, AUDIT_MISLABELLED, i, i, (double)(other[i] - own[i]),
                     "nearer to another folder's photos (cosine %.3f) than to its own (%.3f)",
                     (double)other[i], (double)own[i]);
            else if (off > far_off)
                find(a, AUDIT_ODD, i, i, off,
                     "like no other photo here (cosine %.3f with the nearest, %.3f is "
                     "usual)",
                     (double)own[i], mean);
        }
    }
}

/* ---- looking ---- */

static void look_at(void *context, int index, int worker)
{
    (void)worker;
    audit *a = context;
    codec_picture picture;
    winnow_error error;
    if (codec_decode_file(a->scan.file[index].path, WN_AUDIT_TARGET, &picture, &error)) {
        a->message[index] = strdup(error.message);
        return;
    }
    if (!wn_audit_measure(&picture, &a->photo[index]))
        a->photo[index].readable = false;
    codec_picture_free(&picture);
}

static void photo_done(void *context, size_t done, size_t count)
{
    (void)count;
    progress_update(&((audit *)context)->bar, (long)done);
}

static winnow_status compute(audit *a, const wn_backbone *backbone, winnow_error *error)
{
    const char **path = malloc((a->scan.count + 1) * sizeof *path);
    wn_plan *plan = NULL;
    wn_feature_set set = {0};
    winnow_status status =
        path ? wn_plan_create(&backbone->network, &backbone->params, WN_PRECISION_FP32, &plan, error)
             : wn_fail_memory(error);
    for (size_t i = 0; i < a->scan.count && !status; i++)
        path[i] = a->scan.file[i].path;
    const wn_feature_options options = {.network = &backbone->network,
                                        .plan = plan,
                                        .preprocess = &backbone->preprocess,
                                        .pool = a->pool,
                                        .progress = photo_done,
                                        .context = a};
    progress_begin(&a->bar, "audit", "photos", (long)a->scan.count);
    if (!status)
        status = wn_features_compute(&options, path, a->scan.count, &set, error);
    progress_end(&a->bar);
    a->dim = set.bottleneck_size;
    if (!status && !(a->feature = calloc(a->scan.count * (size_t)a->dim + 1, sizeof *a->feature)))
        status = wn_fail_memory(error);
    for (size_t i = 0; i < set.count && !status; i++) {
        float *row = a->feature + set.index[i] * (size_t)a->dim;
        memcpy(row, set.bottleneck + i * (size_t)a->dim, (size_t)a->dim * sizeof *row);
        wn_normalise(row, a->dim);
    }
    wn_feature_set_free(&set);
    wn_plan_free(plan);
    free(path);
    return status;
}

static winnow_status compute_features(audit *a, winnow_error *error)
{
    enum { INPUT = 128, EMBEDDING = 8 };
    char found[4096];
    const char *path = given.backbone;
    if (!path && wn_backbone_default(found, sizeof found))
        path = found;
    if (!path || !strcmp(path, "none")) {
        output_note("no backbone: photos are compared by their looks, and likely mistakes are not looked for "
                    "(`make backbone`, or --backbone FILE)");
        return WINNOW_OK;
    }
    wn_backbone backbone;
    winnow_status status = wn_backbone_load(path, INPUT, EMBEDDING, 1, &backbone, error);
    if (status)
        return status;
    status = compute(a, &backbone, error);
    wn_backbone_free(&backbone);
    a->result.compared = !status;
    return status;
}

static winnow_status compare(audit *a, winnow_error *error)
{
    float *own = malloc((a->scan.count + 1) * sizeof *own),
          *other = malloc((a->scan.count + 1) * sizeof *other);
    winnow_status status = own && other ? WINNOW_OK : wn_fail_memory(error);
    if (!status) {
        wn_audit_pairs(a->photo, a->scan.count, a->feature, a->dim, find_pair, a);
        if (a->feature) {
            wn_audit_nearness(a->feature, a->label, a->photo, a->scan.count, a->dim, a->pool, own, other);
            find_by_features(a, own, other);
        }
    }
    free(own);
    free(other);
    return status;
}

/* ---- the command ---- */

static void report_line(void *context, const char *line)
{
    (void)context;
    output_warning("%s", line);
}

/* Sources and balance, as a training would see them. A folder without a photo is told by the scan. */
static winnow_status open_sets(audit *a, winnow_error *error)
{
    a->result.set = calloc(a->result.folders, sizeof(wn_dataset *));
    if (!a->result.set)
        return wn_fail_memory(error);
    for (size_t i = 0; i < a->result.folders; i++) {
        const wn_dataset_options options = {.name = a->result.folder[i], .max_bad = 1, .pool = a->pool};
        winnow_status status = wn_dataset_open(&a->result.folder[i], 1, &options, &a->result.set[i], error);
        if (status)
            return status;
    }
    return WINNOW_OK;
}

static winnow_status run_audit(audit *a, winnow_error *error)
{
    const wn_report report = {report_line, NULL};
    a->pool = wn_pool_create(given.threads ? given.threads : wn_cpu_count());
    winnow_status status = a->pool ? open_sets(a, error) : wn_fail_memory(error);
    if (!status)
        status = wn_scan_folders(a->result.folder, a->result.folders, &report, NULL, &a->scan, error);
    if (status)
        return status;
    a->photo = calloc(a->scan.count + 1, sizeof *a->photo);
    a->message = calloc(a->scan.count + 1, sizeof *a->message);
    a->label = malloc((a->scan.count + 1) * sizeof *a->label);
    if (!a->photo || !a->message || !a->label)
        return wn_fail_memory(error);
    for (size_t i = 0; i < a->scan.count; i++)
        a->label[i] = a->scan.file[i].root;
    wn_pool_run(a->pool, (int)a->scan.count, look_at, a);
    status = compute_features(a, error);
    if (status)
        return status;
    find_by_looks(a);
    status = compare(a, error);
    if (!status && a->short_of_memory)
        status = wn_fail_memory(error);
    if (a->result.findings)
        qsort(a->result.finding, a->result.findings, sizeof *a->result.finding, by_kind);
    a->result.file = a->scan.file;
    a->result.count = a->scan.count;
    a->result.photo = a->photo;
    return status;
}

static void release(audit *a)
{
    for (size_t i = 0; i < a->result.findings; i++)
        free(a->result.finding[i].note);
    free(a->result.finding);
    for (size_t i = 0; a->result.set && i < a->result.folders; i++)
        wn_dataset_free(a->result.set[i]);
    free(a->result.set);
    for (size_t i = 0; a->message && i < a->scan.count; i++)
        free(a->message[i]);
    free(a->message);
    free(a->photo);
    free(a->label);
    free(a->feature);
    wn_scan_free(&a->scan);
    wn_pool_free(a->pool);
}

int command_audit(int argc, char **argv)
{
    char **operands;
    int exit_status = options_read(&usage, argc, argv, &operands);
    if (exit_status >= 0)
        return exit_status;
    audit a = {.result.folder = (const char *const *)operands};
    while (operands[a.result.folders])
        a.result.folders++;
    winnow_error error;
    winnow_status status = run_audit(&a, &error);
    if (!status && given.report)
        status = audit_report(&a.result, given.report, &error);
    if (status)
        exit_status = output_failure(&error);
    else if (given.json)
        exit_status = audit_json(&a.result);
    else {
        audit_print(&a.result);
        exit_status = STATUS_DONE;
    }
    release(&a);
    return exit_status;
}
