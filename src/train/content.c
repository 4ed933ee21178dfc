/* SPDX-License-Identifier: Apache-2.0
 * Which files are byte for byte the same. Size and beginning part nearly all files; only those that agree in
 * both are read to their end. */
#include "dataset_parts.h"

#include "../runtime/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xxhash.h>

static int by_content(const void *left, const void *right)
{
    const wn_content *a = left, *b = right;
    if (a->photo->size != b->photo->size)
        return a->photo->size < b->photo->size ? -1 : 1;
    for (int i = 0; i < 2; i++)
        if (a->id[i] != b->id[i])
            return a->id[i] < b->id[i] ? -1 : 1;
    if (a->set != b->set)
        return a->set - b->set;
    return a->photo < b->photo ? -1 : a->photo > b->photo;
}

bool wn_contents_equal(const wn_content *a, const wn_content *b)
{
    return a->photo->size == b->photo->size && a->id[0] == b->id[0] && a->id[1] == b->id[1];
}

static bool hash_file(const char *path, uint64_t id[2])
{
    enum { BLOCK = 256 * 1024 };
    const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    XXH3_state_t *state = XXH3_createState();
    uint8_t *block = malloc(BLOCK);
    ssize_t n = -1;
    if (file >= 0 && state && block) {
        XXH3_128bits_reset(state);
        while ((n = read(file, block, BLOCK)) > 0)
            XXH3_128bits_update(state, block, (size_t)n);
        const XXH128_hash_t hash = XXH3_128bits_digest(state);
        id[0] = hash.high64;
        id[1] = hash.low64;
    }
    free(block);
    XXH3_freeState(state);
    if (file >= 0)
        close(file);
    return n == 0;
}

static void hash_whole(void *context, int index, int worker)
{
    (void)worker;
    wn_content *c = ((wn_content **)context)[index];
    if (!hash_file(c->photo->path, c->id)) { /* like no other */
        c->id[0] = (uintptr_t)c->photo;
        c->id[1] = (uint64_t)c->set;
    }
}

wn_content wn_content_of(const wn_photo *photo, int set)
{
    return (wn_content){photo, {photo->head[0], photo->head[1]}, set};
}

bool wn_contents_sort(wn_content *content, size_t count, wn_pool *pool)
{
    wn_content **alike = malloc((count + 1) * sizeof(wn_content *));
    if (!alike)
        return false;
    qsort(content, count, sizeof *content, by_content);
    int found = 0;
    for (size_t i = 0; i < count; i++) {
        const bool same = (i > 0 && wn_contents_equal(&content[i - 1], &content[i])) ||
                          (i + 1 < count && wn_contents_equal(&content[i], &content[i + 1]));
        if (same && content[i].photo->size > WN_DATASET_HEAD)
            alike[found++] = &content[i];
    }
    if (pool)
        wn_pool_run(pool, found, hash_whole, alike);
    else
        for (int i = 0; i < found; i++)
            hash_whole(alike, i, 0);
    free(alike);
    qsort(content, count, sizeof *content, by_content);
    return true;
}

static wn_content *list_contents(const wn_dataset *a, const wn_dataset *b)
{
    wn_content *list = malloc((a->count + b->count + 1) * sizeof *list);
    for (size_t i = 0; list && i < a->count; i++)
        list[i] = wn_content_of(&a->photo[i], 0);
    for (size_t i = 0; list && i < b->count; i++)
        list[a->count + i] = wn_content_of(&b->photo[i], 1);
    return list;
}

winnow_status wn_dataset_check_disjoint(const wn_dataset *a, const char *name_a, const wn_dataset *b,
                                        const char *name_b, winnow_error *error)
{
    const size_t count = a->count + b->count;
    wn_content *list = list_contents(a, b);
    if (!list || !wn_contents_sort(list, count, NULL)) {
        free(list);
        return wn_fail_memory(error);
    }
    const wn_content *first = NULL;
    size_t shared = 0;
    for (size_t i = 0; i + 1 < count; i++)
        if (list[i].set != list[i + 1].set && wn_contents_equal(&list[i], &list[i + 1])) {
            if (!first || list[i].photo < first->photo)
                first = &list[i];
            shared++;
        }
    winnow_status status = WINNOW_OK;
    if (shared && wn_same_file(first->photo->path, first[1].photo->path)) {
        status = wn_fail(error, WINNOW_ERROR_DATA, -1,
                         "the folder %.*s was given as %s and as %s: %zu photo%s would be both",
                         (int)first->photo->relative, first->photo->path, name_a, name_b, shared,
                         shared == 1 ? "" : "s");
    } else if (shared) {
        char more[64] = "";
        if (shared > 1)
            snprintf(more, sizeof more, " (and %zu more such pairs)", shared - 1);
        status = wn_fail(error, WINNOW_ERROR_DATA, -1,
                         "the same photo is in %s and in %s; leave one of them out: %s is %s%s", name_a,
                         name_b, first->photo->path, first[1].photo->path, more);
    }
    free(list);
    return status;
}

void wn_dataset_hash(const wn_dataset *dataset, char hash[33])
{
    XXH128_hash_t sum = {0, 0};
    for (size_t i = 0; i < dataset->count; i++) {
        const wn_photo *photo = &dataset->photo[i];
        const char *name = photo->path + photo->relative;
        const XXH128_hash_t name_hash = XXH3_128bits(name, strlen(name));
        const uint64_t chain[] = {sum.high64,     sum.low64,      name_hash.high64, name_hash.low64,
                                  photo->head[0], photo->head[1], photo->size};
        sum = XXH3_128bits(chain, sizeof chain);
    }
    snprintf(hash, 33, "%016llx%016llx", (unsigned long long)sum.high64, (unsigned long long)sum.low64);
}
