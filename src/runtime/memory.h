/* SPDX-License-Identifier: Apache-2.0
 * Memory for weights. */
#ifndef WN_MEMORY_H
#define WN_MEMORY_H

#include <stddef.h>

/* `bytes` (at least 1) of memory, 64-byte aligned, not cleared, to be freed with free(); NULL if there is
 * none. A megabyte and more lies on huge pages where the system has them: 9 MB of weights are then 5 page
 * faults rather than 2,300, which would take longer than to read them. */
void *wn_allocate(size_t bytes);

#endif
