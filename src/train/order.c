/* SPDX-License-Identifier: Apache-2.0 */
#include "order.h"

#include "../runtime/random.h"

enum {
    STREAM_POOL = 0x1000000,
    STREAM_ORDER = 0x2000000
}; /* apart from each other and from the augmentation's */

/* Shuffle number `round` of the pool. */
static void shuffle_pool(int *pool, int count, uint64_t seed, uint64_t round)
{
    wn_random random;
    wn_random_seed(&random, seed, STREAM_POOL + round);
    for (int i = 0; i < count; i++) {
        int j = (int)wn_random_below(&random, (uint64_t)i + 1);
        pool[i] = pool[j];
        pool[j] = i;
    }
}

void wn_epoch_order(int normals, int abnormals, uint64_t seed, int epoch, wn_order_entry *order, int *scratch)
{
    uint64_t next = (uint64_t)epoch * (uint64_t)normals, shuffled = UINT64_MAX;
    for (int i = 0; i < normals; i++, next++) {
        order[2 * i] = (wn_order_entry){i, 1};
        uint64_t round = next / (uint64_t)abnormals;
        if (round != shuffled) {
            shuffle_pool(scratch, abnormals, seed, round);
            shuffled = round;
        }
        order[2 * i + 1] = (wn_order_entry){scratch[next % (uint64_t)abnormals], 0};
    }
    wn_random random;
    wn_random_seed(&random, seed, STREAM_ORDER + (uint64_t)epoch);
    for (int i = 2 * normals - 1; i > 0; i--) {
        int j = (int)wn_random_below(&random, (uint64_t)i + 1);
        wn_order_entry swap = order[i];
        order[i] = order[j];
        order[j] = swap;
    }
}
