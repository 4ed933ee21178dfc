/* SPDX-License-Identifier: Apache-2.0 */
#include "error.h"

#include "utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* One line of UTF-8, whatever a file name or a header held: what a terminal might obey or choke on (controls,
 * stray bytes, a character that the buffer's end cut) becomes '?'. */
static void make_printable(char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        const int length = wn_utf8_length(text, left);
        const unsigned char first = (unsigned char)text[0], second = (unsigned char)text[1];
        if (length == 0 || first < 0x20 || first == 0x7f)
            *text = '?';
        else if (first == 0xc2 && second < 0xa0)
            text[0] = text[1] = '?';
        text += length ? length : 1;
        left -= length ? (size_t)length : 1;
    }
}

winnow_status wn_fail(winnow_error *error, winnow_status code, int64_t where, const char *format, ...)
{
    if (error) {
        error->code = code;
        error->where = where;
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(error->message, sizeof error->message, format, arguments);
        va_end(arguments);
        make_printable(error->message);
    }
    return code;
}

winnow_status wn_fail_memory(winnow_error *error)
{
    return wn_fail(error, WINNOW_ERROR_MEMORY, -1, "out of memory");
}

winnow_status wn_fail_prefix(winnow_error *error, winnow_status status, const char *prefix)
{
    if (!status || !error)
        return status;
    char message[sizeof error->message];
    memcpy(message, error->message, sizeof message);
    return wn_fail(error, status, error->where, "%s: %s", prefix, message);
}
