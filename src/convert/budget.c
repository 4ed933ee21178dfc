/* SPDX-License-Identifier: Apache-2.0 */
#include "budget.h"

#include <stdint.h>

enum { MAX_GROWTH = 16, LEAST = 65536 };

static void *take(void *context, size_t size)
{
    wn_budget *b = context;
    if (size > b->left)
        return NULL;
    b->left -= size;
    return wn_arena_alloc(b->arena, size);
}

static void leave(void *context, void *memory)
{
    (void)context; /* the arena's */
    (void)memory;
}

void wn_budget_open(wn_budget *budget, wn_arena *arena, size_t size)
{
    const size_t left = size > SIZE_MAX / MAX_GROWTH - LEAST ? SIZE_MAX : size * MAX_GROWTH + LEAST;
    *budget = (wn_budget){{take, leave, budget}, arena, left};
}
