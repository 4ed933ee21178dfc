/* SPDX-License-Identifier: Apache-2.0
 * UTF-8 as Unicode defines it: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef WN_UTF8_H
#define WN_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of the character at s (1 to 4), of which `left` bytes may be read, or 0 where it is not valid. */
int wn_utf8_length(const void *s, size_t left);

/* Writes a code point (not checked) to out[4]; returns its bytes. */
int wn_utf8_encode(uint32_t code, char *out);

#endif
