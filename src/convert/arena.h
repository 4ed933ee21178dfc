/* SPDX-License-Identifier: Apache-2.0
 * Memory that is freed all at once: what reading one file leaves behind. */
#ifndef WN_ARENA_H
#define WN_ARENA_H

#include <stddef.h>

typedef struct wn_arena {
    struct wn_arena_block *last;
} wn_arena;

/* Zeroed, aligned for any type; NULL when memory runs out. The size may be 0. */
void *wn_arena_alloc(wn_arena *arena, size_t size);

/* A NUL-terminated copy of text[length]. */
char *wn_arena_text(wn_arena *arena, const char *text, size_t length);

void wn_arena_free(wn_arena *arena);

#endif
