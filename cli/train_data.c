/* SPDX-License-Identifier: Apache-2.0
 *
 * `winnow train`: from folders to lists of photos to train on and to hold out. */
#include "../src/runtime/error.h"
#include "../src/runtime/random.h"
#include "../src/train/dataset.h"
#include "../src/train/split.h"
#include "output.h"
#include "train.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KINDS = 4, STREAM_POOL_DRAW = 0x4000000 };

static const char *const kind_names[KINDS] = {"normal", "abnormal", "validation normal",
                                              "validation abnormal"};
static const double held_out_share = 0.2;

struct train_store {
    wn_dataset *set[KINDS]; /* NULL where no folder was given */
};

static void report_line(void *context, const char *line)
{
    (void)context;
    output_warning("%s", line);
}

/* ---- folders ---- */

static winnow_status open_kind(const train_request *request, int kind, wn_pool *pool, wn_dataset **set,
                               winnow_error *error)
{
    const option_list *const lists[KINDS] = {&request->normal, &request->abnormal, &request->valid_normal,
                                             &request->valid_abnormal};
    const option_list *folders = lists[kind];
    if (!folders->count)
        return WINNOW_OK;
    const wn_report report = {report_line, NULL};
    const wn_dataset_options options = {.name = kind_names[kind],
                                        .max_bad = request->max_bad,
                                        .classes = request->classes && kind % 2 == 0,
                                        .pool = pool,
                                        .report = &report};
    winnow_status status = wn_dataset_open(folders->item, (size_t)folders->count, &options, set, error);
    if (status)
        return status;
    char copies[64] = "", bad[64] = "";
    if ((*set)->copies)
        snprintf(copies, sizeof copies, ", %zu copies left out", (*set)->copies);
    if ((*set)->bad)
        snprintf(bad, sizeof bad, ", %zu cannot be read", (*set)->bad);
    output_note("%s: %zu photo%s of %zu source%s%s%s", kind_names[kind], (*set)->count,
                (*set)->count == 1 ? "" : "s", (*set)->group.count, (*set)->group.count == 1 ? "" : "s",
                copies, bad);
    return WINNOW_OK;
}

static winnow_status check_disjoint(const train_store *store, winnow_error *error)
{
    for (int a = 0; a < KINDS; a++)
        for (int b = a + 1; b < KINDS; b++)
            if (store->set[a] && store->set[b]) {
                winnow_status status = wn_dataset_check_disjoint(store->set[a], kind_names[a], store->set[b],
                                                                 kind_names[b], error);
                if (status)
                    return status;
            }
    return WINNOW_OK;
}

/* With --classes every normal photo needs one, and there must be something to tell apart. */
static winnow_status check_classes(const wn_dataset *set, const char *name, winnow_error *error)
{
    for (size_t i = 0; i < set->count; i++)
        if (set->photo[i].class_name < 0)
            return wn_fail(error, WINNOW_ERROR_DATA, -1,
                           "%s: this %s photo lies in no subfolder, so it has no class (--classes)",
                           set->photo[i].path, name);
    if (set->class_name.count < 2)
        return wn_fail(error, WINNOW_ERROR_DATA, -1,
                       "%s: a single class, '%s': --classes needs two subfolders or more", name,
                       set->class_name.count ? set->class_name.name[0] : "");
    return WINNOW_OK;
}

static winnow_status open_all(const train_request *request, train_store *store, winnow_error *error)
{
    wn_pool *pool = wn_pool_create(request->threads);
    winnow_status status = pool ? WINNOW_OK : wn_fail_memory(error);
    for (int kind = 0; kind < KINDS && !status; kind++)
        status = open_kind(request, kind, pool, &store->set[kind], error);
    wn_pool_free(pool);
    for (int kind = 0; kind < KINDS && !status && request->classes; kind += 2)
        if (store->set[kind])
            status = check_classes(store->set[kind], kind_names[kind], error);
    return status ? status : check_disjoint(store, error);
}

/* ---- lists ---- */

static bool photos_create(train_photos *photos, size_t most)
{
    photos->path = malloc((most + 1) * sizeof *photos->path);
    photos->source = malloc((most + 1) * sizeof *photos->source);
    photos->photo = malloc((most + 1) * sizeof *photos->photo);
    photos->class_name = malloc((most + 1) * sizeof *photos->class_name);
    return photos->path && photos->source && photos->photo && photos->class_name;
}

static void photos_free(train_photos *photos)
{
    free(photos->path);
    free(photos->source);
    free(photos->photo);
    free(photos->class_name);
    *photos = (train_photos){0};
}

static void photos_add(train_photos *photos, const wn_dataset *set, size_t index)
{
    const wn_photo *photo = &set->photo[index];
    photos->path[photos->count] = photo->path;
    photos->photo[photos->count] = photo;
    photos->class_name[photos->count] =
        photo->class_name >= 0 ? set->class_name.name[photo->class_name] : NULL;
    photos->source[photos->count++] = set->group.name[photo->group];
}

/* A frozen backbone looks at `most` of the abnormals, drawn by the seed; training of every layer may draw
 * from all. */
static winnow_status choose_pool(const train_request *request, size_t count, bool *chosen,
                                 winnow_error *error)
{
    const size_t most = request->recipe.freeze == WN_FREEZE_BACKBONE ? (size_t)request->pool : count;
    wn_random random;
    size_t *order = malloc((count + 1) * sizeof *order);
    if (!order)
        return wn_fail_memory(error);
    wn_random_seed(&random, request->seed, STREAM_POOL_DRAW);
    for (size_t i = 0; i < count; i++) {
        size_t j = (size_t)wn_random_below(&random, i + 1);
        order[i] = order[j];
        order[j] = i;
    }
    for (size_t i = 0; i < count; i++)
        chosen[order[i]] = i < most;
    free(order);
    return WINNOW_OK;
}

/* Parts a data set into what is trained on and what is held out; where the user gave folders to validate on,
 * all is trained on. Neighbours stay side by side: calibration leaves out blocks of them. */
static winnow_status part(const train_request *request, const wn_dataset *set, const wn_dataset *valid,
                          bool abnormal, train_photos *train, train_photos *held, winnow_error *error)
{
    const size_t count = set ? set->count : 0, valid_count = valid ? valid->count : 0;
    bool *out = calloc(count + 1, sizeof *out), *chosen = malloc((count + 1) * sizeof *chosen);
    size_t groups, *order = malloc((count + 1) * sizeof *order);
    winnow_status status = WINNOW_OK;
    if (!out || !chosen || !order || (set && !wn_dataset_neighbours(set, order)) ||
        !photos_create(train, count) || !photos_create(held, count + valid_count))
        status = wn_fail_memory(error);
    const bool alone = abnormal && count == 1 && request->recipe.freeze == WN_FREEZE_BACKBONE;
    if (!status && set && !valid && !alone) /* a frozen backbone holds nothing out */
        status = wn_dataset_split(set, held_out_share, request->seed, out, &groups, error);
    if (!status) {
        memset(chosen, true, count);
        if (abnormal)
            status = choose_pool(request, count, chosen, error);
    }
    for (size_t i = 0; i < count && !status; i++)
        if (chosen[order[i]])
            photos_add(out[order[i]] ? held : train, set, order[i]);
    for (size_t i = 0; i < valid_count && !status; i++)
        photos_add(held, valid, i);
    free(out);
    free(chosen);
    free(order);
    return status;
}

static void hash_all(const train_store *store, char *hash, size_t size)
{
    size_t length = 0;
    for (int kind = 0; kind < KINDS; kind++) {
        char one[33] = "";
        if (store->set[kind])
            wn_dataset_hash(store->set[kind], one);
        length += (size_t)snprintf(hash + length, size - length, "%s%.16s", kind ? "-" : "", one);
    }
}

int train_data_read(const train_request *request, train_data *data)
{
    winnow_error error;
    *data = (train_data){.own_validation = request->valid_normal.count > 0};
    data->store = calloc(1, sizeof *data->store);
    winnow_status status = data->store ? open_all(request, data->store, &error) : wn_fail_memory(&error);
    if (!status) {
        wn_dataset *const *set = data->store->set;
        status = part(request, set[0], set[2], false, &data->normal, &data->valid_normal, &error);
        if (!status)
            status = part(request, set[1], set[3], true, &data->abnormal, &data->valid_abnormal, &error);
        hash_all(data->store, data->hash, sizeof data->hash);
    }
    if (!status)
        return -1;
    train_data_free(data);
    return output_failure(&error);
}

void train_data_free(train_data *data)
{
    photos_free(&data->normal);
    photos_free(&data->abnormal);
    photos_free(&data->valid_normal);
    photos_free(&data->valid_abnormal);
    for (int kind = 0; data->store && kind < KINDS; kind++)
        wn_dataset_free(data->store->set[kind]);
    free(data->store);
    *data = (train_data){0};
}
