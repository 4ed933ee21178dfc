/* SPDX-License-Identifier: Apache-2.0 */
#include "teach.h"

#include "../src/runtime/plan.h"
#include "../src/train/dataset.h"
#include "../src/train/engine_head.h"
#include "../src/train/feature_set.h"
#include "../src/train/split.h"
#include "output.h"
#include "progress.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct teaching {
    wn_gate_file *gate;
    const teach_options *options;
    teach_group *group_of;
    wn_samples *samples;
    wn_plan *plan;
    wn_pool *pool;
    wn_dataset *set[2]; /* 0 abnormal, 1 normal */
    size_t *order;      /* of the set that is read: neighbours side by side */
    size_t bad;
    progress bar;
} teaching;

static const char *const labels[2] = {"abnormal", "normal"};

static void report_line(void *context, const char *line)
{
    (void)context;
    output_warning("%s", line);
}

static void bad_photo(void *context, size_t index, const char *line)
{
    (void)index;
    ((teaching *)context)->bad++;
    output_warning("%s", line);
}

static void photo_done(void *context, size_t done, size_t count)
{
    (void)count;
    progress_update(&((teaching *)context)->bar, (long)done);
}

static winnow_status open_set(teaching *t, int label, const option_list *folders, winnow_error *error)
{
    if (!folders->count)
        return WINNOW_OK;
    const wn_report report = {report_line, NULL};
    const wn_dataset_options options = {
        .name = labels[label], .max_bad = t->options->max_bad, .pool = t->pool, .report = &report};
    return wn_dataset_open(folders->item, (size_t)folders->count, &options, &t->set[label], error);
}

/* Appends the photos of one label, as far as they could be decoded. */
static winnow_status append(teaching *t, int label, const wn_feature_set *set, winnow_error *error)
{
    wn_gate_file *gate = t->gate;
    const wn_dataset *photos = t->set[label];
    float *embedding = malloc((size_t)gate->network.embedding * sizeof *embedding);
    winnow_status status = embedding ? WINNOW_OK : wn_fail_memory(error);
    for (size_t i = 0; i < set->count && !status; i++) {
        const float *features = set->features + i * (size_t)set->features_size;
        if (gate->has_embedding)
            wn_head_apply(&gate->network, &gate->params, features, embedding);
        const float *feature[WN_FEATURES] = {[WN_BOTTLENECK] =
                                                 set->bottleneck + i * (size_t)set->bottleneck_size,
                                             [WN_POOLED] = features,
                                             [WN_EMBEDDING] = embedding,
                                             [WN_EARLY] = set->early + i * (size_t)set->early_size,
                                             [WN_MIDDLE] = set->middle + i * (size_t)set->middle_size};
        const size_t photo = t->order[set->index[i]];
        const int group = t->group_of(gate, photos, photo, label == 1);
        status = group < 0 ? wn_fail(error, WINNOW_ERROR_DATA, -1,
                                     "the photos come from more than %d sources", WN_MAX_GROUPS)
                           : wn_samples_add(t->samples, feature, label ? 1 : WN_ABNORMAL, group, error);
    }
    free(embedding);
    return status;
}

static winnow_status read_set(teaching *t, int label, winnow_error *error)
{
    const wn_dataset *photos = t->set[label];
    if (!photos)
        return WINNOW_OK;
    const wn_feature_options options = {.network = &t->gate->network,
                                        .plan = t->plan,
                                        .preprocess = &t->gate->preprocess,
                                        .pool = t->pool,
                                        .bad = bad_photo,
                                        .progress = photo_done,
                                        .context = t};
    const char **path = malloc((photos->count + 1) * sizeof *path);
    t->order = malloc((photos->count + 1) * sizeof *t->order);
    if (!path || !t->order || !wn_dataset_neighbours(photos, t->order)) {
        free(path);
        free(t->order);
        return wn_fail_memory(error);
    }
    for (size_t i = 0; i < photos->count; i++)
        path[i] = photos->photo[t->order[i]].path;
    wn_feature_set set = {0};
    t->bad = 0;
    progress_begin(&t->bar, labels[label], "photos", (long)photos->count);
    winnow_status status = wn_features_compute(&options, path, photos->count, &set, error);
    progress_end(&t->bar);
    if (!status)
        status = wn_check_bad(labels[label], t->bad + photos->bad, photos->found, t->options->max_bad, error);
    if (!status)
        status = append(t, label, &set, error);
    wn_feature_set_free(&set);
    free(t->order);
    free(path);
    return status;
}

winnow_status teach_read(wn_gate_file *gate, const option_list *normal, const option_list *abnormal,
                         const teach_options *options, teach_group *group_of, wn_samples *samples,
                         winnow_error *error)
{
    teaching t = {.gate = gate, .options = options, .group_of = group_of, .samples = samples};
    t.pool = wn_pool_create(options->threads ? options->threads : wn_cpu_count());
    winnow_status status = t.pool ? WINNOW_OK : wn_fail_memory(error);
    if (!status)
        status = open_set(&t, 1, normal, error);
    if (!status)
        status = open_set(&t, 0, abnormal, error);
    if (!status && t.set[0] && t.set[1])
        status = wn_dataset_check_disjoint(t.set[1], "normal", t.set[0], "abnormal", error);
    if (!status)
        status = wn_gate_file_plan(gate, &t.plan, error);
    if (!status)
        status = read_set(&t, 1, error);
    if (!status)
        status = read_set(&t, 0, error);
    wn_plan_free(t.plan);
    wn_dataset_free(t.set[0]);
    wn_dataset_free(t.set[1]);
    wn_pool_free(t.pool);
    return status;
}

const char *teach_percent(double share, char text[16])
{
    if (isnan(share))
        strcpy(text, "-");
    else
        snprintf(text, 16, "%.1f%%", 100 * share);
    return text;
}

winnow_status teach_set_provenance(wn_gate_file *gate, const char *key, const char *command,
                                   winnow_error *error)
{
    char now[32];
    time_t clock = time(NULL);
    struct tm utc;
    strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ ", gmtime_r(&clock, &utc));
    char *text = malloc(strlen(now) + strlen(command) + 1);
    if (!text)
        return wn_fail_memory(error);
    strcat(strcpy(text, now), command);
    winnow_status status = wn_gate_file_set(gate, key, text, error);
    free(text);
    return status;
}
