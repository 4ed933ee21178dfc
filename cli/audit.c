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
    "ones; and shows the balance and the sources that a training would split by. Each DIR is one kind of "
    "photo: normals, look-alikes, anything else.",
    rows,
    1,
    -1,
};

typedef struct audit {
    wn_scan scan;
    wn_pool *pool;
    const char **path; /* [scan.count] */
    int *label;
    float *feature; /* (scan.count, dim), L2-normalised; or NULL */
    int dim;
    audit_result result;
    progress bar;
} audit;

/* ---- features ---- */

static void photo_done(void *context, size_t done, size_t count)
{
    (void)count;
    progress_update(&((audit *)context)->bar, (long)done);
}

static winnow_status compute(audit *a, const wn_backbone *backbone, winnow_error *error)
{
    wn_plan *plan = NULL;
    wn_feature_set set = {0};
    winnow_status status =
        wn_plan_create(&backbone->network, &backbone->params, WN_PRECISION_FP32, &plan, error);
    const wn_feature_options options = {.network = &backbone->network,
                                        .plan = plan,
                                        .preprocess = &backbone->preprocess,
                                        .pool = a->pool,
                                        .progress = photo_done,
                                        .context = a};
    progress_begin(&a->bar, "audit", "photos", (long)a->scan.count);
    if (!status)
        status = wn_features_compute(&options, a->path, a->scan.count, &set, error);
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
    a->path = malloc((a->scan.count + 1) * sizeof *a->path);
    a->label = malloc((a->scan.count + 1) * sizeof *a->label);
    if (!a->path || !a->label)
        return wn_fail_memory(error);
    for (size_t i = 0; i < a->scan.count; i++) {
        a->path[i] = a->scan.file[i].path;
        a->label[i] = a->scan.file[i].root;
    }
    if ((status = compute_features(a, error)))
        return status;
    const audit_photos photos = {a->path, a->label, a->scan.count, a->feature, a->dim};
    return audit_find(&photos, a->pool, &a->result, error);
}

static void release(audit *a)
{
    audit_result_free(&a->result);
    for (size_t i = 0; a->result.set && i < a->result.folders; i++)
        wn_dataset_free(a->result.set[i]);
    free(a->result.set);
    free(a->path);
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
