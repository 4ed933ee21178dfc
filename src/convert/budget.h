/* SPDX-License-Identifier: Apache-2.0
 * An allocator for unpacking foreign messages into an arena: a hostile file must not cost more than it
 * weighs, and a message of two bytes becomes a struct of a hundred. */
#ifndef WN_BUDGET_H
#define WN_BUDGET_H

#include "arena.h"

#include <protobuf-c/protobuf-c.h>

typedef struct wn_budget {
    ProtobufCAllocator allocator; /* for unpack; what it gives is freed with the arena */
    wn_arena *arena;
    size_t left;
} wn_budget;

/* For a message of `size` bytes. *budget must stay where it is while it is used. */
void wn_budget_open(wn_budget *budget, wn_arena *arena, size_t size);

#endif
