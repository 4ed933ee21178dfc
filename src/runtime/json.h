/* SPDX-License-Identifier: Apache-2.0
 * A cursor over JSON for the header of a safetensors file: strings, whole numbers and punctuation, read in
 * the order that the caller expects them. Strict (RFC 8259), never recursive, allocates nothing; every
 * refusal names the byte. */
#ifndef WN_JSON_H
#define WN_JSON_H

#include "error.h"

#include <stdbool.h>

typedef struct wn_json {
    const char *text;
    size_t size, at;
    int64_t base;  /* position of text in the file, added to reported positions */
    char *strings; /* where decoded strings go: `size` bytes are enough for all of them */
    winnow_error *error;
} wn_json;

/* Fails at position `at` of the text. */
winnow_status wn_json_fail(const wn_json *json, size_t at, const char *what);

/* Skips white space; the next byte, or 0 at the end. */
char wn_json_peek(wn_json *json);

/* Skips white space and, if it stands there, `c`. */
bool wn_json_accept(wn_json *json, char c);

/* The same, but `c` must stand there: "expected 'c' WHERE", e.g. "after the name of a tensor". */
winnow_status wn_json_expect(wn_json *json, char c, const char *where);

/* A string of valid UTF-8 without U+0000, decoded and NUL-terminated in json->strings. `what` names it in a
 * refusal: "a tensor name". */
winnow_status wn_json_string(wn_json *json, const char *what, const char **string);

/* A whole number from 0 to 2^63 - 1, without sign, fraction or exponent. */
winnow_status wn_json_number(wn_json *json, const char *what, uint64_t *number);

#endif
