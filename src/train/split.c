/* SPDX-License-Identifier: Apache-2.0 */
#include "split.h"

#include "../runtime/random.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { STREAM_SPLIT = 0x3000000, STRETCHES = 20 };

/* Units are groups or stretches of photos: unit[i] of photo i, 0 <= unit < count. */
typedef struct units {
    size_t *unit;
    size_t count;
} units;

/* Chooses units in random order, each where it brings the total closer to what is wanted, but never all.
 * Returns the number of photos in them. */
static size_t choose_units(const size_t *size, size_t count, size_t photos, double wanted, uint64_t seed,
                           bool *chosen, size_t *order)
{
    wn_random random;
    wn_random_seed(&random, seed, STREAM_SPLIT);
    for (size_t i = 0; i < count; i++) {
        const size_t j = (size_t)wn_random_below(&random, i + 1);
        order[i] = order[j];
        order[j] = i;
    }
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        const size_t unit = order[i];
        const double short_by = wanted - (double)total, over_by = (double)(total + size[unit]) - wanted;
        chosen[unit] = over_by < short_by && total + size[unit] < photos;
        total += chosen[unit] ? size[unit] : 0;
    }
    return total;
}

/* Marks the photos of the units that were chosen; false where memory ran out. *total photos, in *chosen
 * units. */
static bool mark_units(const units *u, size_t photos, double wanted, uint64_t seed, bool *validation,
                       size_t *total, size_t *chosen)
{
    size_t *size = calloc(u->count, sizeof *size), *order = calloc(u->count, sizeof *order);
    bool *take = calloc(u->count, sizeof *take);
    const bool done = size && order && take;
    if (done) {
        for (size_t i = 0; i < photos; i++)
            size[u->unit[i]]++;
        *total = choose_units(size, u->count, photos, wanted, seed, take, order);
        *chosen = 0;
        for (size_t i = 0; i < u->count; i++)
            *chosen += take[i];
        for (size_t i = 0; i < photos; i++)
            validation[i] = take[u->unit[i]];
    }
    free(size);
    free(order);
    free(take);
    return done;
}

/* "img9.jpg" before "img10.jpg": runs of digits compare as numbers. */
static int compare_names(const char *a, const char *b)
{
    while (*a && *b) {
        if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
            const size_t zeros_a = strspn(a, "0"), zeros_b = strspn(b, "0");
            const size_t digits_a = strspn(a + zeros_a, "0123456789");
            const size_t digits_b = strspn(b + zeros_b, "0123456789");
            if (digits_a != digits_b)
                return digits_a < digits_b ? -1 : 1;
            const int order = strncmp(a + zeros_a, b + zeros_b, digits_a);
            if (order)
                return order;
            a += zeros_a + digits_a;
            b += zeros_b + digits_b;
        } else if (*a != *b) {
            return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
        } else {
            a++;
            b++;
        }
    }
    return (unsigned char)*a - (unsigned char)*b;
}

static int by_neighbourhood(const void *left, const void *right)
{
    const wn_photo *a = *(const wn_photo *const *)left, *b = *(const wn_photo *const *)right;
    if (a->group != b->group)
        return a->group < b->group ? -1 : 1;
    if (a->subfolder != b->subfolder)
        return a->subfolder < b->subfolder ? -1 : 1;
    if (a->taken != b->taken)
        return a->taken < b->taken ? -1 : 1;
    const int order = compare_names(a->path + a->relative, b->path + b->relative);
    return order ? order : (a > b) - (a < b);
}

bool wn_dataset_neighbours(const wn_dataset *dataset, size_t *order)
{
    const wn_photo **photo = malloc((dataset->count + 1) * sizeof(wn_photo *));
    if (!photo)
        return false;
    for (size_t i = 0; i < dataset->count; i++)
        photo[i] = &dataset->photo[i];
    if (dataset->count)
        qsort(photo, dataset->count, sizeof *photo, by_neighbourhood);
    for (size_t i = 0; i < dataset->count; i++)
        order[i] = (size_t)(photo[i] - dataset->photo);
    free(photo);
    return true;
}

/* Cuts the photos, neighbours side by side, into STRETCHES units. */
static bool cut_stretches(const wn_dataset *dataset, units *u)
{
    size_t *order = malloc(dataset->count * sizeof *order);
    const bool done = order && wn_dataset_neighbours(dataset, order);
    u->count = dataset->count < STRETCHES ? dataset->count : STRETCHES;
    for (size_t i = 0; i < dataset->count && done; i++)
        u->unit[order[i]] = i * u->count / dataset->count;
    free(order);
    return done;
}

winnow_status wn_dataset_split(const wn_dataset *dataset, double fraction, uint64_t seed, bool *validation,
                               size_t *groups, winnow_error *error)
{
    if (!(fraction > 0 && fraction < 1))
        return wn_fail(error, WINNOW_ERROR_ARGUMENT, -1, "%g is no share between 0 and 1", fraction);
    if (dataset->count < 2)
        return wn_fail(error, WINNOW_ERROR_DATA, -1,
                       "%zu photo%s cannot be parted into training and validation; at least two are needed",
                       dataset->count, dataset->count == 1 ? "" : "s");
    units u = {malloc(dataset->count * sizeof *u.unit), dataset->group.count};
    double wanted = fraction * (double)dataset->count;
    size_t total = 0;
    bool done = u.unit != NULL;
    *groups = 0;
    if (done && u.count >= 3) {
        for (size_t i = 0; i < dataset->count; i++)
            u.unit[i] = (size_t)dataset->photo[i].group;
        done = mark_units(&u, dataset->count, wanted, seed, validation, &total, groups);
    }
    if (done && ((double)total < wanted / 2 || (double)total > wanted * 2 || total == 0)) {
        *groups = 0;
        size_t stretches;
        wanted = wanted < 1 ? 1 : wanted; /* never none */
        done = cut_stretches(dataset, &u) &&
               mark_units(&u, dataset->count, wanted, seed, validation, &total, &stretches);
    }
    free(u.unit);
    return done ? WINNOW_OK : wn_fail_memory(error);
}
