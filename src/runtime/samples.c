/* SPDX-License-Identifier: Apache-2.0 */
#include "samples.h"
#include "coreset.h"
#include "half.h"
#include "vector.h"

#include <stdlib.h>

const char *wn_feature_name(wn_feature feature)
{
    static const char *const names[WN_FEATURES] = {"bottleneck", "pooled", "embedding", "early", "middle"};
    return (unsigned)feature < WN_FEATURES ? names[feature] : "?";
}

void wn_samples_init(wn_samples *samples, const int dim[WN_FEATURES])
{
    *samples = (wn_samples){.first_learned = WN_MAX_GROUPS};
    memcpy(samples->dim, dim, sizeof samples->dim);
}

void wn_samples_free(wn_samples *samples)
{
    for (int f = 0; f < WN_FEATURES; f++)
        free(samples->feature[f]);
    free(samples->label);
    free(samples->group);
    *samples = (wn_samples){0};
}

static int resize(void **block, size_t count, size_t size)
{
    void *larger = realloc(*block, count * size);
    if (larger)
        *block = larger;
    return larger != NULL;
}

static winnow_status grow(wn_samples *samples, winnow_error *error)
{
    size_t capacity = samples->capacity ? 2 * (size_t)samples->capacity : 64;
    if (capacity > INT32_MAX / 2)
        return wn_fail_memory(error);
    int done = resize((void **)&samples->label, capacity, sizeof *samples->label) &&
               resize((void **)&samples->group, capacity, sizeof *samples->group);
    for (int f = 0; f < WN_FEATURES && done; f++)
        if (samples->dim[f])
            done = resize((void **)&samples->feature[f], capacity, samples->dim[f] * sizeof(float));
    if (!done)
        return wn_fail_memory(error);
    samples->capacity = (int)capacity;
    return WINNOW_OK;
}

winnow_status wn_samples_add(wn_samples *samples, const float *const feature[WN_FEATURES], int label,
                             int group, winnow_error *error)
{
    if (label < 0 || group < 0 || group >= WN_MAX_GROUPS)
        return wn_fail(error, WINNOW_ERROR_ARGUMENT, -1, "label %d or group %d is out of range", label,
                       group);
    if (samples->count == samples->capacity) {
        winnow_status status = grow(samples, error);
        if (status)
            return status;
    }
    for (int f = 0; f < WN_FEATURES; f++) {
        int dim = samples->dim[f];
        if (!dim)
            continue;
        float *row = samples->feature[f] + (size_t)samples->count * dim;
        memcpy(row, feature[f], dim * sizeof *row);
        wn_normalise(row, dim);
        for (int i = 0; i < dim; i++) {
            if (!isfinite(row[i]))
                return wn_fail(error, WINNOW_ERROR_DATA, -1, "the %s feature of photo %d is not finite",
                               wn_feature_name(f), samples->count);
            row[i] = wn_half_to_float(wn_half_from_float(row[i]));
        }
    }
    samples->label[samples->count] = label;
    samples->group[samples->count] = group;
    samples->count++;
    return WINNOW_OK;
}

int wn_samples_normals(const wn_samples *samples)
{
    int normals = 0;
    for (int i = 0; i < samples->count; i++)
        normals += samples->label[i] != WN_ABNORMAL;
    return normals;
}

/* ---- thinning ---- */

typedef struct candidate {
    int row, group;
    uint64_t hash;
} candidate;

static uint64_t hash_row(const wn_samples *samples, int row)
{
    uint64_t hash = 0xcbf29ce484222325;
    for (int f = 0; f < WN_FEATURES; f++) {
        const float *x = samples->feature[f] ? samples->feature[f] + (size_t)row * samples->dim[f] : NULL;
        for (int i = 0; x && i < samples->dim[f]; i++) {
            uint32_t bits;
            memcpy(&bits, &x[i], sizeof bits);
            hash = (hash ^ bits) * 0x100000001b3;
        }
    }
    return hash ^ hash >> 29;
}

static int by_group_then_hash(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->group != y->group)
        return (x->group > y->group) - (x->group < y->group);
    if (x->hash != y->hash)
        return (x->hash > y->hash) - (x->hash < y->hash);
    return (x->row > y->row) - (x->row < y->row);
}

/* Marks what stays of one kind. */
static void choose(candidate *list, int count, int most, unsigned char *stays)
{
    int size[WN_MAX_GROUPS] = {0};
    for (int i = 0; i < count; i++)
        size[list[i].group]++;
    qsort(list, (size_t)count, sizeof *list, by_group_then_hash);
    int share = wn_fair_share(size, WN_MAX_GROUPS, most), kept = 0;
    for (int i = 0, rank = 0; i < count && kept < most; i++) {
        rank = i && list[i].group == list[i - 1].group ? rank + 1 : 0;
        if (rank < share) {
            stays[list[i].row] = 1;
            kept++;
        }
    }
}

static void drop_rows(wn_samples *samples, const unsigned char *stays, int *boundary)
{
    int kept = 0, before = 0;
    for (int i = 0; i < samples->count; i++) {
        before += boundary && i < *boundary && stays[i];
        if (!stays[i])
            continue;
        for (int f = 0; f < WN_FEATURES; f++) {
            size_t dim = samples->dim[f];
            if (dim)
                memmove(samples->feature[f] + kept * dim, samples->feature[f] + i * dim, dim * sizeof(float));
        }
        samples->label[kept] = samples->label[i];
        samples->group[kept] = samples->group[i];
        kept++;
    }
    samples->count = kept;
    if (boundary)
        *boundary = before;
}

void wn_samples_keep(wn_samples *samples, const unsigned char *stays)
{
    drop_rows(samples, stays, NULL);
}

winnow_status wn_samples_thin(wn_samples *samples, int most, int *boundary, winnow_error *error)
{
    unsigned char *stays = calloc((size_t)samples->count + 1, 1);
    candidate *list = calloc((size_t)samples->count + 1, sizeof *list);
    if (!stays || !list) {
        free(stays);
        free(list);
        return wn_fail_memory(error);
    }
    for (int normal = 0; normal < 2; normal++) {
        int count = 0;
        for (int i = 0; i < samples->count; i++)
            if ((samples->label[i] != WN_ABNORMAL) == normal)
                list[count++] = (candidate){i, samples->group[i], hash_row(samples, i)};
        if (count > most)
            choose(list, count, most, stays);
        else
            for (int i = 0; i < count; i++)
                stays[list[i].row] = 1;
    }
    drop_rows(samples, stays, boundary);
    free(stays);
    free(list);
    return WINNOW_OK;
}

/* ---- what is told again ---- */

static bool same_features(const wn_samples *a, int i, const wn_samples *b, int j)
{
    for (int f = 0; f < WN_FEATURES; f++) {
        const size_t dim = (size_t)a->dim[f];
        if (dim && memcmp(a->feature[f] + (size_t)i * dim, b->feature[f] + (size_t)j * dim,
                          dim * sizeof(float)) != 0)
            return false;
    }
    return true;
}

int wn_samples_find(const wn_samples *samples, const wn_samples *other, int row)
{
    for (int i = 0; i < samples->count; i++)
        if (same_features(samples, i, other, row))
            return i;
    return -1;
}

winnow_status wn_samples_drop_known(wn_samples *samples, int *boundary, int *dropped, winnow_error *error)
{
    unsigned char *stays = malloc((size_t)samples->count + 1);
    if (!stays)
        return wn_fail_memory(error);
    *dropped = 0;
    for (int i = 0; i < samples->count; i++) {
        stays[i] = 1;
        for (int j = *boundary; i < *boundary && j < samples->count && stays[i]; j++)
            stays[i] = !same_features(samples, i, samples, j);
        *dropped += !stays[i];
    }
    drop_rows(samples, stays, boundary);
    free(stays);
    return WINNOW_OK;
}

winnow_status wn_samples_copy(const wn_samples *samples, wn_samples *copy, winnow_error *error)
{
    wn_samples_init(copy, samples->dim);
    copy->first_learned = samples->first_learned;
    winnow_status status = WINNOW_OK;
    while (copy->capacity < samples->count && !status)
        status = grow(copy, error);
    if (status) {
        wn_samples_free(copy);
        return status;
    }
    copy->count = samples->count;
    for (int f = 0; f < WN_FEATURES && copy->count; f++)
        if (copy->dim[f])
            memcpy(copy->feature[f], samples->feature[f],
                   (size_t)copy->count * (size_t)copy->dim[f] * sizeof(float));
    if (copy->count) {
        memcpy(copy->label, samples->label, (size_t)copy->count * sizeof *copy->label);
        memcpy(copy->group, samples->group, (size_t)copy->count * sizeof *copy->group);
    }
    return WINNOW_OK;
}
