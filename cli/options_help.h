/* SPDX-License-Identifier: Apache-2.0
 * What an option table says about itself: the help, and the allowed range of one row. */
#ifndef CLI_OPTIONS_HELP_H
#define CLI_OPTIONS_HELP_H

#include "options.h"

#include <stddef.h>

/* Prints `winnow COMMAND --help` to standard output. */
void options_help(const options_usage *usage, const char *command);

/* Whether the row's range allows the value. */
bool options_in_range(const option_row *row, double value);

/* "1 to 100", "more than 0% and less than 50%", "none, light or phone"; "" where anything is allowed. */
void options_range(const option_row *row, char *text, size_t size);

#endif
