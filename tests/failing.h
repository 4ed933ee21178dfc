/* SPDX-License-Identifier: Apache-2.0
 * Allocations that fail on demand, and a count of those that are not freed. The linker puts the functions
 * below in place of malloc and its kin, in all that is linked statically. Included once a program. */
#ifndef TESTS_FAILING_H
#define TESTS_FAILING_H

#include "winnow.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static pthread_mutex_t allocation_lock = PTHREAD_MUTEX_INITIALIZER; /* of all of these: */
static long until_failure = -1;                                     /* < 0: never */
static bool forbidden;
static long attempts;    /* to allocate, or to ask the environment, while it was forbidden */
static size_t allocated; /* bytes, in all */
static void *in_use[1 << 14];
static size_t blocks; /* in use */

static bool fails(size_t size)
{
    pthread_mutex_lock(&allocation_lock);
    allocated += size;
    attempts += forbidden;
    const bool failing = forbidden || (until_failure >= 0 && until_failure-- == 0);
    pthread_mutex_unlock(&allocation_lock);
    return failing;
}

static void *remember(void *new)
{
    pthread_mutex_lock(&allocation_lock);
    if (blocks == sizeof in_use / sizeof *in_use)
        abort();
    if (new)
        in_use[blocks++] = new;
    pthread_mutex_unlock(&allocation_lock);
    return new;
}

/* What a shared library allocated was never known. */
static void forget(const void *old)
{
    pthread_mutex_lock(&allocation_lock);
    size_t i = blocks;
    while (i > 0 && in_use[i - 1] != old)
        i--;
    if (i > 0)
        in_use[i - 1] = in_use[--blocks];
    pthread_mutex_unlock(&allocation_lock);
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void __real_free(void *old);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void __wrap_free(void *old);

void *__wrap_malloc(size_t size)
{
    return fails(size) ? NULL : remember(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails(count * size) ? NULL : remember(__real_calloc(count, size));
}

void *__wrap_realloc(void *old, size_t size)
{
    if (fails(size))
        return NULL;
    forget(old); /* first, as another thread may have its memory next */
    return remember(__real_realloc(old, size));
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return fails(size) ? NULL : remember(__real_aligned_alloc(alignment, size));
}

void __wrap_free(void *old)
{
    forget(old);
    __real_free(old);
}

char *__real_getenv(const char *name);
char *__wrap_getenv(const char *name);

/* An open gate looks at WINNOW_CPU no more. */
char *__wrap_getenv(const char *name)
{
    attempts += forbidden;
    return __real_getenv(name);
}

/* Runs `work` with its first allocation failing, then its second, until nothing fails any more: each is told,
 * and none leaves memory behind. `work` frees what it makes; it allocates `least` times or more. */
static void fail_each(winnow_status (*work)(winnow_error *error), long least)
{
    winnow_error error;
    long n = 0;
    for (;; n++) {
        const size_t before = blocks;
        until_failure = n;
        const winnow_status status = work(&error);
        const bool all_done = until_failure >= 0;
        until_failure = -1;
        if (blocks != before)
            fail_msg("allocation %ld fails: %ld blocks are not freed", n, (long)blocks - (long)before);
        if (all_done) {
            assert_int_equal(status, WINNOW_OK);
            break;
        }
        if (status != WINNOW_ERROR_MEMORY)
            fail_msg("allocation %ld: status %d, %s", n, status, error.message);
        assert_int_equal(error.code, WINNOW_ERROR_MEMORY);
        assert_non_null(strstr(error.message, "out of memory"));
    }
    assert_true(n >= least);
}

#endif
