/* SPDX-License-Identifier: Apache-2.0
 * One way to fail: every function that can fail returns wn_fail(...), which fills the caller's winnow_error.
 */
#ifndef WN_ERROR_H
#define WN_ERROR_H

#include "winnow.h"

/* Fills *error (NULL is allowed) and returns code. `where` is a byte position, or -1. The message is one
 * line of valid UTF-8: what, where, what to do; control characters and stray bytes in it (from file names)
 * are replaced by '?'. */
winnow_status wn_fail(winnow_error *error, winnow_status code, int64_t where, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* WINNOW_ERROR_MEMORY with the one message that everybody uses. */
winnow_status wn_fail_memory(winnow_error *error);

/* Where status is a failure, puts "prefix: " (a path) before its message. Returns status. */
winnow_status wn_fail_prefix(winnow_error *error, winnow_status status, const char *prefix);

#endif
