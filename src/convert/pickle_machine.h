/* SPDX-License-Identifier: Apache-2.0
 * What the instructions of pickle.c and of pickle_names.c share. */
#ifndef WN_PICKLE_MACHINE_H
#define WN_PICKLE_MACHINE_H

#include "pickle.h"

typedef wn_pickle_value value;

typedef struct value_list {
    value **item;
    size_t count, capacity;
} value_list;

typedef struct wn_pickle_machine {
    const uint8_t *bytes;
    size_t size, at, instruction; /* instruction: where the present one began */
    uint64_t base;
    wn_arena *arena;
    value_list stack, memo;
    wn_pickle_storage *storages;
    bool stopped;
    winnow_error *error;
} machine;

/* Fails at the present instruction: "byte N: the pickle ...". */
winnow_status wn_pickle_refuse(const machine *m, const char *what);

/* The next `count` bytes; NULL where the pickle is cut off. */
const uint8_t *wn_pickle_take(machine *m, size_t count);

/* The value at `depth` below the top; NULL where a mark or the bottom is in between. */
value *wn_pickle_peek(const machine *m, size_t depth);

/* A new value of the arena, and its way onto the stack, where NULL stands for the failed allocation. */
value *wn_pickle_new(machine *m, wn_pickle_kind kind);
winnow_status wn_pickle_push(machine *m, value *v);

/* Instructions that look at names: GLOBAL, BINPERSID, REDUCE and BUILD. */
winnow_status wn_pickle_global(machine *m);
winnow_status wn_pickle_persistent_id(machine *m);
winnow_status wn_pickle_reduce(machine *m);
winnow_status wn_pickle_build(machine *m);

#endif
