/* SPDX-License-Identifier: Apache-2.0 */
#include "arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct wn_arena_block {
    struct wn_arena_block *before;
    size_t used, size;
    max_align_t bytes[];
};

enum { BLOCK = 64 * 1024 };

static struct wn_arena_block *add_block(wn_arena *arena, size_t size)
{
    struct wn_arena_block *block = calloc(1, sizeof *block + size);
    if (!block)
        return NULL;
    block->before = arena->last;
    block->size = size;
    return arena->last = block;
}

void *wn_arena_alloc(wn_arena *arena, size_t size)
{
    if (size > SIZE_MAX / 2)
        return NULL;
    size = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    struct wn_arena_block *block = arena->last;
    if (!block || size > block->size - block->used)
        block = add_block(arena, size > BLOCK ? size : BLOCK);
    if (!block)
        return NULL;
    void *memory = (char *)block->bytes + block->used;
    block->used += size;
    return memory;
}

char *wn_arena_text(wn_arena *arena, const char *text, size_t length)
{
    char *copy = wn_arena_alloc(arena, length + 1);
    if (copy && length)
        memcpy(copy, text, length);
    return copy;
}

void wn_arena_free(wn_arena *arena)
{
    while (arena->last) {
        struct wn_arena_block *block = arena->last;
        arena->last = block->before;
        free(block);
    }
}
