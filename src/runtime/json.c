/* SPDX-License-Identifier: Apache-2.0
 * Decoded strings are packed one after the other. They fit into as many bytes as the text has: two quotes pay
 * for the NUL, and no escape is shorter than what it stands for. */
#include "json.h"

#include "utf8.h"

#include <string.h>

winnow_status wn_json_fail(const wn_json *json, size_t at, const char *what)
{
    const int64_t where = json->base + (int64_t)at;
    return wn_fail(json->error, WINNOW_ERROR_FORMAT, where, "byte %lld: %s", (long long)where, what);
}

char wn_json_peek(wn_json *json)
{
    while (json->at < json->size && memchr(" \t\n\r", json->text[json->at], 4))
        json->at++;
    return json->at < json->size ? json->text[json->at] : 0;
}

bool wn_json_accept(wn_json *json, char c)
{
    if (wn_json_peek(json) != c || json->at == json->size)
        return false;
    json->at++;
    return true;
}

static winnow_status fail_expected(wn_json *json, const char *what, const char *where)
{
    const int64_t at = json->base + (int64_t)json->at;
    return wn_fail(json->error, WINNOW_ERROR_FORMAT, at, "byte %lld: expected %s%s", (long long)at, what,
                   where);
}

winnow_status wn_json_expect(wn_json *json, char c, const char *where)
{
    const char quoted[] = {'\'', c, '\'', ' ', 0};
    return wn_json_accept(json, c) ? WINNOW_OK : fail_expected(json, quoted, where);
}

/* The four digits of \uXXXX at json->at, or -1. */
static int32_t read_hex(wn_json *json)
{
    int32_t value = 0;
    if (json->size - json->at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        const char c = json->text[json->at + (size_t)i];
        const int digit = c >= '0' && c <= '9'   ? c - '0'
                          : c >= 'a' && c <= 'f' ? c - 'a' + 10
                          : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                 : -1;
        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    json->at += 4;
    return value;
}

/* What follows "\u": a code point, of which those above U+FFFF are written as two surrogates. */
static winnow_status read_unicode_escape(wn_json *json)
{
    const size_t start = json->at - 2;
    int32_t code = read_hex(json);
    if (code < 0)
        return wn_json_fail(json, start, "\\u needs four hexadecimal digits");
    if (code == 0)
        return wn_json_fail(json, start, "a string holds U+0000");
    if (code >= 0xd800 && code < 0xe000) {
        int32_t low = -1;
        if (code < 0xdc00 && json->size - json->at >= 6 && !memcmp(json->text + json->at, "\\u", 2)) {
            json->at += 2;
            low = read_hex(json);
        }
        if (low < 0xdc00 || low >= 0xe000)
            return wn_json_fail(json, start, "half of a surrogate pair");
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    json->strings += wn_utf8_encode((uint32_t)code, json->strings);
    return WINNOW_OK;
}

static winnow_status read_escape(wn_json *json)
{
    static const char escapes[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    const char c = json->at < json->size ? json->text[json->at] : 0;
    const char *escape = c ? strchr(escapes, c) : NULL;
    if (c != 'u' && !escape)
        return wn_json_fail(json, json->at - 1, "unknown escape in a string");
    json->at++;
    if (c == 'u')
        return read_unicode_escape(json);
    *json->strings++ = meanings[escape - escapes];
    return WINNOW_OK;
}

winnow_status wn_json_string(wn_json *json, const char *what, const char **string)
{
    if (!wn_json_accept(json, '"'))
        return fail_expected(json, what, "");
    const size_t start = json->at - 1;
    *string = json->strings;
    while (json->at < json->size) {
        const unsigned char c = (unsigned char)json->text[json->at];
        if (c == '"') {
            json->at++;
            *json->strings++ = 0;
            return WINNOW_OK;
        }
        if (c < 0x20)
            return wn_json_fail(json, json->at, "control character in a string");
        if (c == '\\') {
            json->at++;
            const winnow_status status = read_escape(json);
            if (status)
                return status;
            continue;
        }
        const int length = wn_utf8_length(json->text + json->at, json->size - json->at);
        if (length == 0)
            return wn_json_fail(json, json->at, "a string is not valid UTF-8");
        memcpy(json->strings, json->text + json->at, (size_t)length);
        json->strings += length;
        json->at += (size_t)length;
    }
    return wn_json_fail(json, start, "the string that starts here never ends");
}

winnow_status wn_json_number(wn_json *json, const char *what, uint64_t *number)
{
    wn_json_peek(json);
    const size_t start = json->at;
    uint64_t value = 0;
    for (; json->at < json->size; json->at++) {
        const char c = json->text[json->at];
        if (c < '0' || c > '9')
            break;
        const uint64_t digit = (uint64_t)(c - '0');
        if (value > ((uint64_t)INT64_MAX - digit) / 10)
            return wn_json_fail(json, start, "this number is above 2^63 - 1");
        value = value * 10 + digit;
    }
    if (json->at == start)
        return fail_expected(json, what, "");
    if (json->text[start] == '0' && json->at - start > 1)
        return wn_json_fail(json, start, "this number starts with 0");
    *number = value;
    return WINNOW_OK;
}
