/* SPDX-License-Identifier: Apache-2.0 */
#include "text.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Makes room for `more` bytes and a NUL; false after a failure. */
static bool reserve(text *out, size_t more)
{
    if (out->failed)
        return false;
    if (out->length + more + 1 <= out->capacity)
        return true;
    size_t capacity = (out->length + more + 1) * 2;
    char *data = realloc(out->data, capacity);
    if (!data) {
        out->failed = true;
        return false;
    }
    out->data = data;
    out->capacity = capacity;
    return true;
}

static void add_bytes(text *out, const char *bytes, size_t size)
{
    if (!reserve(out, size))
        return;
    memcpy(out->data + out->length, bytes, size);
    out->length += size;
    out->data[out->length] = 0;
}

void text_add(text *out, const char *string)
{
    add_bytes(out, string, strlen(string));
}

void text_format(text *out, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0)
        out->failed = true;
    else if (reserve(out, (size_t)length)) {
        vsnprintf(out->data + out->length, (size_t)length + 1, format, again);
        out->length += (size_t)length;
    }
    va_end(again);
}

void text_escape(text *out, const char *string)
{
    for (const char *c = string; *c; c++) {
        switch (*c) {
        case '&':
            text_add(out, "&amp;");
            break;
        case '<':
            text_add(out, "&lt;");
            break;
        case '>':
            text_add(out, "&gt;");
            break;
        case '"':
            text_add(out, "&quot;");
            break;
        default:
            add_bytes(out, c, 1);
        }
    }
}

void text_base64(text *out, const void *bytes, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *in = bytes;
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t word =
            (uint32_t)in[i] << 16 | (left > 1 ? (uint32_t)in[i + 1] << 8 : 0) | (left > 2 ? in[i + 2] : 0u);
        char group[4] = {digits[word >> 18], digits[word >> 12 & 63], left > 1 ? digits[word >> 6 & 63] : '=',
                         left > 2 ? digits[word & 63] : '='};
        add_bytes(out, group, 4);
    }
}

void text_free(text *out)
{
    free(out->data);
    *out = (text){0};
}
