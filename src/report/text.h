/* SPDX-License-Identifier: Apache-2.0
 * A string that grows. A failed allocation is remembered, so that only the end has to look. */
#ifndef WN_REPORT_TEXT_H
#define WN_REPORT_TEXT_H

#include <stdbool.h>
#include <stddef.h>

typedef struct text {
    char *data;
    size_t length, capacity;
    bool failed;
} text;

void text_add(text *out, const char *string);
void text_format(text *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_escape(text *out, const char *string); /* for HTML text and attribute values */
void text_base64(text *out, const void *bytes, size_t size);
void text_free(text *out);

#endif
