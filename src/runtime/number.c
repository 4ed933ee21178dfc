/* SPDX-License-Identifier: Apache-2.0
 * Digits are gathered in an integer and scaled once by a power of ten that is exact up to 10^22, so that what
 * wn_format_number writes is read back to the last bit of a float. */
#include "number.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits into *mantissa; counts those after the point as a negative *exponent. Returns where it stopped, NULL
 * if there is no digit or too many. */
static const char *scan_mantissa(const char *text, uint64_t *mantissa, int *exponent)
{
    int digits = 0;
    bool point = false;
    for (; is_digit(*text) || (*text == '.' && !point); text++) {
        if (*text == '.') {
            point = true;
            continue;
        }
        if (++digits > 18)
            return NULL;
        *mantissa = *mantissa * 10 + (uint64_t)(*text - '0');
        *exponent -= point;
    }
    return digits ? text : NULL;
}

static const char *scan(const char *text, double *value)
{
    uint64_t mantissa = 0;
    int exponent = 0, written = 0;
    bool negative = *text == '-', down = false;
    text = scan_mantissa(text + negative, &mantissa, &exponent);
    if (text && (*text == 'e' || *text == 'E')) {
        text++;
        down = *text == '-';
        text += *text == '-' || *text == '+';
        if (!is_digit(*text))
            return NULL;
        for (; is_digit(*text); text++)
            written = written < 1000 ? written * 10 + (*text - '0') : written;
    }
    if (!text)
        return NULL;
    exponent += down ? -written : written;
    double scale = pow(10, exponent < 0 ? -exponent : exponent);
    *value = exponent < 0 ? (double)mantissa / scale : (double)mantissa * scale;
    *value = negative ? -*value : *value;
    return isfinite(*value) ? text : NULL;
}

bool wn_parse_numbers(const char *text, int count, double *value)
{
    for (int i = 0; i < count; i++) {
        if (i && *text++ != ' ')
            return false;
        text = scan(text, &value[i]);
        if (!text)
            return false;
    }
    return !*text;
}

bool wn_parse_number(const char *text, double *value)
{
    return wn_parse_numbers(text, 1, value);
}

void wn_format_number(double value, char text[WN_NUMBER_TEXT])
{
    for (int digits = 6; digits <= 9; digits++) {
        double back;
        snprintf(text, WN_NUMBER_TEXT, "%.*g", digits, value);
        for (char *c = text; *c; c++)
            if (!is_digit(*c) && !strchr("-+e", *c))
                *c = '.';
        if (wn_parse_number(text, &back) && (float)back == (float)value)
            return;
    }
}
