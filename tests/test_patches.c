/* SPDX-License-Identifier: Apache-2.0
 * Means of maps over patches, against the sum over every pixel written out. */
#include "runtime/patches.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SIDE = WINNOW_EXPLAIN_SIDE, GRID = 3, DIM = 5 };

static const wn_window windows[] = {{0, 0, 0.5}, {0.25, 0.5, 0.5}, {0.5, 0.25, 0.5}, {0, 0, 1}};
enum { WINDOWS = sizeof windows / sizeof *windows };

static float sums[WN_PATCHES * DIM];
static float maps[WINDOWS][GRID * GRID * DIM];

static void add_all(wn_patches *patches)
{
    *patches = (wn_patches){.dim = {[WN_MIDDLE] = DIM}, .sum = {[WN_MIDDLE] = sums}};
    for (int i = 0; i < WN_PATCHES * DIM; i++)
        sums[i] = NAN; /* of the picture before */
    wn_patches_clear(patches);
    for (int w = 0; w < WINDOWS; w++) {
        const float *map[WN_FEATURES] = {[WN_MIDDLE] = maps[w]};
        wn_patches_add(patches, windows[w], GRID, map);
    }
}

/* A Gaussian of 0.7 of a patch around its centre. */
static double expected(int row, int column, int channel)
{
    double sum = 0, total = 0;
    for (int w = 0; w < WINDOWS; w++)
        for (int y = 0; y < GRID; y++)
            for (int x = 0; x < GRID; x++) {
                const double across =
                    (windows[w].left + (x + 0.5) * windows[w].side / GRID) * SIDE - column - 0.5;
                const double down = (windows[w].top + (y + 0.5) * windows[w].side / GRID) * SIDE - row - 0.5;
                const double weight = exp(-0.5 * (across * across + down * down) / (0.7 * 0.7));
                sum += weight * (double)maps[w][(y * GRID + x) * DIM + channel];
                total += weight;
            }
    return sum / total;
}

static void patches_are_weighted_means(void **state)
{
    (void)state;
    wn_patches patches;
    float mean[DIM];
    for (int w = 0; w < WINDOWS; w++)
        for (int i = 0; i < GRID * GRID * DIM; i++)
            maps[w][i] = (float)sin(w * 100 + i * i);
    add_all(&patches);
    for (int patch = 0; patch < WN_PATCHES; patch++) {
        wn_patches_mean(&patches, patch, WN_MIDDLE, mean);
        for (int c = 0; c < DIM; c++)
            assert_true(fabs((double)mean[c] - expected(patch / SIDE, patch % SIDE, c)) < 1e-5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patches_are_weighted_means),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
