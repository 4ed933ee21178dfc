/* SPDX-License-Identifier: Apache-2.0
 * Which photos an epoch sees, and in which order: all normals, and as many abnormals, drawn afresh. */
#ifndef WN_ORDER_H
#define WN_ORDER_H

#include <stddef.h>
#include <stdint.h>

typedef struct wn_order_entry {
    int index; /* into the normals or the abnormals */
    int label; /* 0 abnormal, 1 normal */
} wn_order_entry;

/* Fills order[2 * normals], shuffled. The abnormals come from one endless sequence of shuffles of the pool,
 * of which each epoch takes its stretch: without replacement while the pool lasts, and evenly beyond. Depends
 * on seed and epoch alone. scratch[abnormals]. */
void wn_epoch_order(int normals, int abnormals, uint64_t seed, int epoch, wn_order_entry *order,
                    int *scratch);

#endif
