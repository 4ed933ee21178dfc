/* SPDX-License-Identifier: Apache-2.0
 * Scan, probe every file, leave out what is bad or a copy, then group what is left. */
#include "dataset_parts.h"

#include <stdlib.h>
#include <string.h>

int wn_names_add(wn_names *names, const char *name, size_t length)
{
    for (size_t i = names->count; i-- > 0;) /* mostly the last */
        if (!strncmp(names->name[i], name, length) && !names->name[i][length])
            return (int)i;
    char **larger = names->name;
    if ((names->count & (names->count - 1)) == 0) /* room for the next power of two */
        larger = realloc(names->name, (names->count ? names->count * 2 : 1) * sizeof *larger);
    if (!larger)
        return -1;
    names->name = larger;
    names->name[names->count] = strndup(name, length);
    return names->name[names->count] ? (int)names->count++ : -1;
}

void wn_names_free(wn_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->name[i]);
    free(names->name);
    *names = (wn_names){0};
}

/* ---- probing, on all threads ---- */

typedef struct probing {
    const wn_scan *scan;
    wn_probe *probe;
    const volatile sig_atomic_t *stop;
} probing;

static void probe_one(void *context, int index, int worker)
{
    (void)worker;
    const probing *job = context;
    wn_probe *probe = &job->probe[index];
    winnow_error error;
    if (job->stop && *job->stop)
        return;
    probe->status = wn_probe_file(job->scan->file[index].path, probe, &error);
    if (probe->status && !(probe->message = strdup(error.message)))
        probe->status = WINNOW_ERROR_MEMORY;
}

static wn_probe *probe_all(const wn_scan *scan, const wn_dataset_options *options)
{
    probing job = {scan, calloc(scan->count + 1, sizeof(wn_probe)), options->stop};
    if (!job.probe)
        return NULL;
    if (options->pool)
        wn_pool_run(options->pool, (int)scan->count, probe_one, &job);
    else
        for (size_t i = 0; i < scan->count; i++)
            probe_one(&job, (int)i, 0);
    return job.probe;
}

static void free_probes(wn_probe *probe, size_t count)
{
    for (size_t i = 0; probe && i < count; i++)
        free(probe[i].message);
    free(probe);
}

/* ---- from files to photos ---- */

static bool add_photo(wn_dataset *dataset, wn_scan_file *file, const wn_probe *probe)
{
    wn_photo *photo = &dataset->photo[dataset->count++];
    const codec_info *info = &probe->info;
    *photo = (wn_photo){
        .path = file->path,
        .relative = file->relative,
        .root = file->root,
        .class_name = -1,
        .camera = *info->camera ? wn_names_add(&dataset->camera, info->camera, strlen(info->camera)) : -1,
        .taken = info->taken,
        .width = info->width,
        .height = info->height,
        .size = probe->size,
        .head = {probe->head[0], probe->head[1]},
    };
    file->path = NULL; /* the photo's now */
    return !*info->camera || photo->camera >= 0;
}

/* Moves what is a photo from the scan to the dataset and reports the rest. */
static winnow_status take_photos(wn_dataset *dataset, wn_scan *scan, const wn_probe *probe,
                                 const wn_report *report, winnow_error *error)
{
    dataset->photo = malloc((scan->count + 1) * sizeof *dataset->photo);
    if (!dataset->photo)
        return wn_fail_memory(error);
    dataset->found = scan->count + scan->unusable;
    dataset->bad = scan->unusable;
    for (size_t i = 0; i < scan->count; i++) {
        if (probe[i].status == WINNOW_ERROR_MEMORY)
            return wn_fail_memory(error);
        if (probe[i].status) {
            wn_report_line(report, "%s", probe[i].message);
            dataset->bad++;
        } else if (!add_photo(dataset, &scan->file[i], &probe[i])) {
            return wn_fail_memory(error);
        }
    }
    return WINNOW_OK;
}

/* Frees photos and closes the gaps. */
static void remove_photos(wn_dataset *dataset, const bool *remove)
{
    size_t kept = 0;
    for (size_t i = 0; i < dataset->count; i++)
        if (remove[i])
            free(dataset->photo[i].path);
        else
            dataset->photo[kept++] = dataset->photo[i];
    dataset->count = kept;
}

/* Keeps the first of byte-identical photos; `list` and `copy` have room for all. */
static winnow_status find_copies(wn_dataset *dataset, const wn_dataset_options *options, wn_content *list,
                                 bool *copy, winnow_error *error)
{
    for (size_t i = 0; i < dataset->count; i++)
        list[i] = wn_content_of(&dataset->photo[i], 0);
    if (!wn_contents_sort(list, dataset->count, options->pool))
        return wn_fail_memory(error);
    const wn_photo *example = NULL, *original = NULL;
    for (size_t i = 0, first = 0; i < dataset->count; i++) {
        if (!wn_contents_equal(&list[first], &list[i]))
            first = i;
        if (i == first)
            continue;
        copy[list[i].photo - dataset->photo] = true;
        dataset->copies++;
        if (!example || list[i].photo < example) {
            example = list[i].photo;
            original = list[first].photo;
        }
    }
    if (example)
        wn_report_line(options->report, "%s: %zu cop%s of the same photo left out, e.g. %s is %s",
                       options->name, dataset->copies, dataset->copies == 1 ? "y" : "ies", example->path,
                       original->path);
    remove_photos(dataset, copy);
    return WINNOW_OK;
}

static winnow_status drop_copies(wn_dataset *dataset, const wn_dataset_options *options, winnow_error *error)
{
    wn_content *list = malloc((dataset->count + 1) * sizeof *list);
    bool *copy = calloc(dataset->count + 1, sizeof *copy);
    const winnow_status status =
        list && copy ? find_copies(dataset, options, list, copy, error) : wn_fail_memory(error);
    free(list);
    free(copy);
    return status;
}

/* ---- is it enough? ---- */

winnow_status wn_check_bad(const char *name, size_t bad, size_t found, double max_bad, winnow_error *error)
{
    if ((double)bad <= max_bad * (double)found)
        return WINNOW_OK;
    return wn_fail(
        error, WINNOW_ERROR_DATA, -1,
        "%s: %zu of %zu files cannot be used, more than --max-bad allows (%g%%); mend or remove them", name,
        bad, found, max_bad * 100);
}

static winnow_status check_photos(const wn_dataset *dataset, const char *const *folder, size_t folders,
                                  const wn_dataset_options *options, winnow_error *error)
{
    winnow_status status = wn_check_bad(options->name, dataset->bad, dataset->found, options->max_bad, error);
    for (size_t root = 0; root < folders && !status; root++) {
        bool some = false;
        for (size_t i = 0; i < dataset->count && !some; i++)
            some = dataset->photo[i].root == (int)root;
        if (!some)
            status =
                wn_fail(error, WINNOW_ERROR_DATA, -1, "%s: there are no photos in this folder", folder[root]);
    }
    return status;
}

static winnow_status fill_dataset(wn_dataset *dataset, wn_scan *scan, const char *const *folder,
                                  size_t folders, const wn_dataset_options *options, winnow_error *error)
{
    if (scan->count > INT32_MAX)
        return wn_fail(error, WINNOW_ERROR_UNSUPPORTED, -1, "%s: more than 2,147,483,647 files",
                       options->name);
    wn_probe *probe = probe_all(scan, options);
    if (!probe)
        return wn_fail_memory(error);
    winnow_status status;
    if (options->stop && *options->stop)
        status = wn_fail(error, WINNOW_ERROR_ARGUMENT, -1, "interrupted");
    else
        status = take_photos(dataset, scan, probe, options->report, error);
    free_probes(probe, scan->count);
    if (!status)
        status = check_photos(dataset, folder, folders, options, error);
    if (!status)
        status = drop_copies(dataset, options, error);
    return status ? status : wn_dataset_assign_groups(dataset, folder, folders, options->classes, error);
}

winnow_status wn_dataset_open(const char *const *folder, size_t folders, const wn_dataset_options *options,
                              wn_dataset **dataset, winnow_error *error)
{
    wn_scan scan;
    *dataset = calloc(1, sizeof **dataset);
    if (!*dataset)
        return wn_fail_memory(error);
    winnow_status status = wn_scan_folders(folder, folders, options->report, options->stop, &scan, error);
    if (!status)
        status = fill_dataset(*dataset, &scan, folder, folders, options, error);
    wn_scan_free(&scan);
    if (status) {
        wn_dataset_free(*dataset);
        *dataset = NULL;
    }
    return status;
}

void wn_dataset_free(wn_dataset *dataset)
{
    if (!dataset)
        return;
    for (size_t i = 0; i < dataset->count; i++)
        free(dataset->photo[i].path);
    free(dataset->photo);
    wn_names_free(&dataset->source);
    wn_names_free(&dataset->subfolder);
    wn_names_free(&dataset->group);
    wn_names_free(&dataset->class_name);
    wn_names_free(&dataset->camera);
    free(dataset);
}
