/* SPDX-License-Identifier: Apache-2.0 */
#include "coreset.h"
#include "samples.h"
#include "vector.h"

#include <stdlib.h>

int wn_fair_share(const int *size, int groups, int most)
{
    int low = 1, high = most > 1 ? most : 1; /* the answer lies in [low, high] */
    while (low < high) {
        int share = low + (high - low + 1) / 2;
        int64_t total = 0;
        for (int g = 0; g < groups; g++)
            total += size[g] < share ? size[g] : share;
        if (total <= most)
            low = share;
        else
            high = share - 1;
    }
    return low;
}

/* Greedy k-centre over rows[list[.]]: moves the chosen ones, in order of choice, to the front of list.
 * nearest[count] is scratch: the cosine of each row with the nearest chosen one. */
static void k_centre(const float *rows, int d, int *list, int count, int k, const float *mean, float *nearest)
{
    for (int i = 0; i < count; i++)
        nearest[i] =
            -wn_dot(rows + (size_t)list[i] * d, mean, d); /* so that the first is nearest to the mean */
    for (int done = 0; done < k; done++) {
        int farthest = done;
        for (int i = done + 1; i < count; i++)
            if (nearest[i] < nearest[farthest])
                farthest = i;
        int taken = list[farthest];
        list[farthest] = list[done];
        nearest[farthest] = nearest[done];
        list[done] = taken;
        for (int i = done + 1; i < count; i++) {
            float cosine = wn_dot(rows + (size_t)list[i] * d, rows + (size_t)taken * d, d);
            nearest[i] = done ? fmaxf(nearest[i], cosine) : cosine;
        }
    }
}

static void mean_of(const float *rows, int d, const int *list, int count, float *mean)
{
    memset(mean, 0, (size_t)d * sizeof *mean);
    for (int i = 0; i < count; i++)
        for (int j = 0; j < d; j++)
            mean[j] += rows[(size_t)list[i] * d + j] / count;
}

static int ascending(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

winnow_status wn_coreset(const float *rows, const int *group, int n, int d, int most, int *chosen, int *count,
                         winnow_error *error)
{
    int *size = calloc(WN_MAX_GROUPS, sizeof *size), *list = calloc((size_t)n + 1, sizeof *list);
    float *scratch = calloc((size_t)n + d, sizeof *scratch);
    winnow_status status = size && list && scratch ? WINNOW_OK : wn_fail_memory(error);
    *count = 0;
    for (int i = 0; i < n && !status; i++)
        size[group[i]]++;
    int share = status ? 0 : n <= most ? n : wn_fair_share(size, WN_MAX_GROUPS, most);
    for (int g = 0; g < WN_MAX_GROUPS && !status; g++) {
        int members = 0, room = most - *count;
        for (int i = 0; size[g] && i < n; i++)
            if (group[i] == g)
                list[members++] = i;
        int taken = members < share ? members : share;
        taken = taken < room ? taken : room;
        if (taken > 0 && taken < members) {
            mean_of(rows, d, list, members, scratch + n);
            k_centre(rows, d, list, members, taken, scratch + n, scratch);
        }
        for (int i = 0; i < taken; i++)
            chosen[(*count)++] = list[i];
    }
    if (!status)
        qsort(chosen, (size_t)*count, sizeof *chosen, ascending);
    free(size);
    free(list);
    free(scratch);
    return status;
}

/* One round: sums the rows of each centre into sums (k, d). Returns how many rows changed their centre. */
static int assign(const float *rows, int n, int d, int k, const float *centres, int *nearest, float *sums)
{
    int changed = 0;
    memset(sums, 0, (size_t)k * d * sizeof *sums);
    for (int i = 0; i < n; i++) {
        const float *x = rows + (size_t)i * d;
        int best = 0;
        float highest = wn_dot(centres, x, d);
        for (int c = 1; c < k; c++) {
            float cosine = wn_dot(centres + (size_t)c * d, x, d);
            if (cosine > highest) {
                highest = cosine;
                best = c;
            }
        }
        changed += nearest[i] != best;
        nearest[i] = best;
        for (int j = 0; j < d; j++)
            sums[(size_t)best * d + j] += x[j];
    }
    return changed;
}

winnow_status wn_spherical_kmeans(const float *rows, int n, int d, int *k, float *centres,
                                  winnow_error *error)
{
    enum { ROUNDS = 50 };
    *k = *k < n ? *k : n;
    int *list = calloc((size_t)n + 1, sizeof *list), *nearest = calloc((size_t)n + 1, sizeof *nearest);
    float *scratch = calloc((size_t)n + (size_t)(*k + 1) * d, sizeof *scratch), *sums = scratch + n;
    winnow_status status = list && nearest && scratch ? WINNOW_OK : wn_fail_memory(error);
    if (!status) {
        for (int i = 0; i < n; i++)
            list[i] = i, nearest[i] = -1;
        mean_of(rows, d, list, n, sums);
        k_centre(rows, d, list, n, *k, sums, scratch);
        for (int c = 0; c < *k; c++)
            memcpy(centres + (size_t)c * d, rows + (size_t)list[c] * d, (size_t)d * sizeof *centres);
        for (int round = 0; round < ROUNDS && assign(rows, n, d, *k, centres, nearest, sums); round++)
            for (int c = 0; c < *k; c++) {
                float *sum = sums + (size_t)c * d;
                if (wn_dot(sum, sum, d) > 0) { /* a centre without rows stays where it was */
                    wn_normalise(sum, d);
                    memcpy(centres + (size_t)c * d, sum, (size_t)d * sizeof *centres);
                }
            }
    }
    free(list);
    free(nearest);
    free(scratch);
    return status;
}
