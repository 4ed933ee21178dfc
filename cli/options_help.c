/* SPDX-License-Identifier: Apache-2.0 */
#include "options_help.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { HELP_COLUMN = 28, HELP_WIDTH = 96 };

/* Prints text from column `at`, wrapped at HELP_WIDTH, with further lines indented to `indent`. */
static void print_wrapped(const char *text, int at, int indent)
{
    while (*text) {
        int word = (int)strcspn(text, " \n");
        if (at > indent && at + 1 + word > HELP_WIDTH) {
            printf("\n%*s", indent, "");
            at = indent;
        } else if (at > indent) {
            at += printf(" ");
        }
        at += printf("%.*s", word, text);
        text += word;
        if (*text == '\n') {
            printf("\n%*s", indent, "");
            at = indent;
        }
        text += *text != 0;
    }
    putchar('\n');
}

static void format_choices(const option_row *row, char *text, size_t size)
{
    size_t used = 0;
    for (int i = 0; row->choices[i] && used < size; i++) {
        const char *comma = i == 0 ? "" : row->choices[i + 1] ? ", " : " or ";
        used += (size_t)snprintf(text + used, size - used, "%s%s", comma, row->choices[i]);
    }
}

void options_range(const option_row *row, char *text, size_t size)
{
    text[0] = 0;
    if (row->type == OPTION_CHOICE) {
        format_choices(row, text, size);
        return;
    }
    if (row->low == 0 && row->high == 0)
        return;
    bool percent = row->type == OPTION_PERCENT;
    const char *format = row->open ? "more than %.10g%s and less than %.10g%s" : "%.10g%s to %.10g%s";
    double scale = percent ? 100 : 1;
    const char *sign = percent ? "%" : row->type == OPTION_SIZE ? " pixels" : "";
    snprintf(text, size, format, row->low * scale, row->type == OPTION_SIZE ? "" : sign, row->high * scale,
             sign);
}

bool options_in_range(const option_row *row, double value)
{
    if (row->low == 0 && row->high == 0)
        return true;
    return row->open ? value > row->low && value < row->high : value >= row->low && value <= row->high;
}

static void format_default(const option_row *row, char *text, size_t size)
{
    text[0] = 0;
    const int *integer = row->value;
    const double *number = row->value;
    switch (row->type) {
    case OPTION_INTEGER:
        if (options_in_range(row, *integer))
            snprintf(text, size, "%d", *integer);
        break;
    case OPTION_SEED:
        snprintf(text, size, "%" PRIu64, *(const uint64_t *)row->value);
        break;
    case OPTION_NUMBER:
        if (options_in_range(row, *number))
            snprintf(text, size, "%.10g", *number);
        break;
    case OPTION_PERCENT:
        if (options_in_range(row, *number))
            snprintf(text, size, "%.10g%%", *number * 100);
        break;
    case OPTION_SIZE:
        if (options_in_range(row, integer[0]))
            snprintf(text, size, "%dx%d", integer[0], integer[1]);
        break;
    case OPTION_CHOICE:
        if (*integer >= 0)
            snprintf(text, size, "%s", row->choices[*integer]);
        break;
    case OPTION_TEXT:
        if (*(const char *const *)row->value)
            snprintf(text, size, "%s", *(const char *const *)row->value);
        break;
    case OPTION_FLAG:
    case OPTION_LIST:
        break;
    }
}

/* "help (range; default value)" */
static void format_help(const option_row *row, char *text, size_t size)
{
    char range[128], value[256];
    options_range(row, range, sizeof range);
    format_default(row, value, sizeof value);
    size_t used = (size_t)snprintf(text, size, "%s", row->help);
    if (used < size && (*range || *value))
        snprintf(text + used, size - used, " (%s%s%s%s)", range, *range && *value ? "; " : "",
                 *value ? "default " : "", value);
}

static void print_row(const option_row *row)
{
    char help[768];
    format_help(row, help, sizeof help);
    int column =
        row->letter ? printf("  -%c, --%s", row->letter, row->name) : printf("      --%s", row->name);
    const char *argument = row->argument ? row->argument : row->type == OPTION_CHOICE ? "WHICH" : NULL;
    if (argument)
        column += printf(" %s", argument);
    column +=
        column < HELP_COLUMN ? printf("%*s", HELP_COLUMN - column, "") : printf("\n%*s", HELP_COLUMN, "");
    print_wrapped(help, HELP_COLUMN, HELP_COLUMN);
}

void options_help(const options_usage *usage, const char *command)
{
    printf("usage: winnow %s %s\n\n", command, usage->operands);
    print_wrapped(usage->about, 0, 0);
    printf("\noptions:\n");
    for (const option_row *row = usage->rows; row->name; row++)
        print_row(row);
    const option_row help = {"help", 'h', OPTION_FLAG, NULL, "show this help"};
    print_row(&help);
}
