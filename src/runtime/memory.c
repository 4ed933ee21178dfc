/* SPDX-License-Identifier: Apache-2.0 */
#include "memory.h"

#include <stdint.h>
#include <stdlib.h>

#ifdef __linux__
#include <sys/mman.h>
#endif

enum { LINE = 64, LARGE = 1 << 20, HUGE_PAGE = 1 << 21 };

void *wn_allocate(size_t bytes)
{
    if (bytes > SIZE_MAX - HUGE_PAGE)
        return NULL;
#if defined __linux__ && defined MADV_HUGEPAGE
    if (bytes >= LARGE) {
        const size_t whole = (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
        void *memory = aligned_alloc(HUGE_PAGE, whole);
        if (memory)
            madvise(memory, whole, MADV_HUGEPAGE); /* where it is refused, small pages do as well */
        return memory;
    }
#endif
    return aligned_alloc(LINE, (bytes + LINE - 1) / LINE * LINE);
}
