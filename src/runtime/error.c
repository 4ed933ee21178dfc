/* SPDX-License-Identifier: Apache-2.0 */
#include "error.h"

#include <stdarg.h>
#include <stdio.h>

winnow_status wn_fail(winnow_error *error, winnow_status code, int64_t where, const char *format, ...)
{
    if (error) {
        error->code = code;
        error->where = where;
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(error->message, sizeof error->message, format, arguments);
        va_end(arguments);
        for (char *c = error->message; *c; c++)
            if ((unsigned char)*c < 0x20 || *c == 0x7f)
                *c = '?';
    }
    return code;
}

winnow_status wn_fail_memory(winnow_error *error)
{
    return wn_fail(error, WINNOW_ERROR_MEMORY, -1, "out of memory");
}
