/* SPDX-License-Identifier: Apache-2.0
 * A few rows that stand for many. All rows are L2-normalised; nearness is the cosine. */
#ifndef WN_CORESET_H
#define WN_CORESET_H

#include "error.h"

/* Chooses at most `most` rows: every group (ids 0 to WN_MAX_GROUPS-1) gets an even share, small groups are
 * kept whole, and of a larger one greedy k-centre takes the share (Gonzalez, 1985): first the row nearest to
 * the group's mean, then always the row that is farthest from those taken. chosen[most] receives ascending
 * row numbers; *count how many. */
winnow_status wn_coreset(const float *rows, const int *group, int n, int d, int most, int *chosen, int *count,
                         winnow_error *error);

/* Spherical k-means (Dhillon and Modha, 2001) from centres chosen by greedy k-centre, at most 50 rounds:
 * centres (*k, d), at most k and at most n of them. */
winnow_status wn_spherical_kmeans(const float *rows, int n, int d, int *k, float *centres,
                                  winnow_error *error);

/* The largest share that groups of these sizes may keep so that together they keep at most `most`; at least
 * 1. */
int wn_fair_share(const int *size, int groups, int most);

#endif
