/* SPDX-License-Identifier: Apache-2.0
 * Parts a dataset into training and validation so that the validation is as strange to the training as data
 * of that kind can make it. */
#ifndef WN_SPLIT_H
#define WN_SPLIT_H

#include "dataset.h"

/* order[dataset->count]: the photos of each group, and in it of each subfolder, as they were taken, or by
 * name where that is unknown ("img9" before "img10"). False where memory runs out. */
bool wn_dataset_neighbours(const wn_dataset *dataset, size_t *order);

/* Marks about `fraction` (0 < fraction < 1) of the photos for validation; validation[dataset->count]. At
 * least one photo goes each way; WINNOW_ERROR_DATA where there are fewer than two.
 *
 * Where there are three groups or more, whole groups go to validation (*groups tells how many), if that can
 * bring between half and twice the fraction there. Else (*groups is 0) stretches of photos that follow each
 * other in time, or in name where there is no time, are kept whole: a twentieth of the dataset each.
 * Depends on the photos' order, groups, times and on the seed alone. */
winnow_status wn_dataset_split(const wn_dataset *dataset, double fraction, uint64_t seed, bool *validation,
                               size_t *groups, winnow_error *error);

#endif
