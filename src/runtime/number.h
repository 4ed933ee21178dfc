/* SPDX-License-Identifier: Apache-2.0
 * Numbers in metadata, the same whatever the locale (strtod and printf follow it). */
#ifndef WN_NUMBER_H
#define WN_NUMBER_H

#include <stdbool.h>

/* Reads a decimal number ("-1.5e-3") that fills the whole text. False for anything else. */
bool wn_parse_number(const char *text, double *value);

/* Reads exactly `count` numbers separated by single spaces. */
bool wn_parse_numbers(const char *text, int count, double *value);

/* Writes a finite number so that it reads back as the same float: at most 9 significant digits. */
enum { WN_NUMBER_TEXT = 32 };
void wn_format_number(double value, char text[WN_NUMBER_TEXT]);

#endif
