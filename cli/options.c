/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading of options: getopt_long does the splitting, the table says what a value may be. */
#include "options.h"
#include "options_help.h"
#include "output.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ROWS = 64, HELP = 1000, FIRST_ROW = 1001 };

/* ---- the nearest name ---- */

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* Edit distance: insertions, deletions and substitutions. */
static int distance(const char *a, const char *b)
{
    enum { LONGEST = 63 };
    int row[LONGEST + 1];
    int columns = least((int)strlen(b), LONGEST);
    for (int j = 0; j <= columns; j++)
        row[j] = j;
    for (int i = 1; a[i - 1]; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= columns; j++) {
            int above = row[j];
            int change = diagonal + (a[i - 1] != b[j - 1]);
            row[j] = least(change, least(above, row[j - 1]) + 1);
            diagonal = above;
        }
    }
    return row[columns];
}

const char *options_nearest(const char *name, const char *const *names, int count)
{
    const char *nearest = NULL;
    int best = (int)(strlen(name) + 2) / 3 + 1;
    for (int i = 0; i < count; i++) {
        int d = distance(name, names[i]);
        if (d < best) {
            best = d;
            nearest = names[i];
        }
    }
    return nearest;
}

/* ---- values ---- */

static int refuse(const char *spelled, const char *text, const char *expected)
{
    return output_usage("%s %s: expected %s", spelled, *text ? text : "''", expected);
}

static int out_of_range(const option_row *row, const char *spelled, const char *text)
{
    char range[128];
    options_range(row, range, sizeof range);
    return refuse(spelled, text, range);
}

/* The end of the number that text starts with; NULL where it starts with none (or with NaN or infinity). */
static const char *read_number(const char *text, double *value)
{
    char *end;
    *value = strtod(text, &end);
    return end == text || isspace((unsigned char)*text) || !isfinite(*value) ? NULL : end;
}

static int read_integer(const option_row *row, const char *spelled, const char *text)
{
    double value;
    const char *end = read_number(text, &value);
    if (!end || *end || value != floor(value))
        return refuse(spelled, text, "a whole number");
    if (!options_in_range(row, value) || fabs(value) > INT32_MAX)
        return out_of_range(row, spelled, text);
    *(int *)row->value = (int)value;
    return 0;
}

static int read_seed(const option_row *row, const char *spelled, const char *text)
{
    char *end;
    errno = 0;
    uint64_t value = strtoull(text, &end, 0);
    if (!isdigit((unsigned char)*text) || *end || errno)
        return refuse(spelled, text, "a whole number from 0 to 18446744073709551615");
    *(uint64_t *)row->value = value;
    return 0;
}

static int read_real(const option_row *row, const char *spelled, const char *text)
{
    double value;
    const char *end = read_number(text, &value);
    bool percent = row->type == OPTION_PERCENT;
    if (end && percent && *end == '%') {
        value /= 100;
        end++;
    }
    if (!end || *end)
        return refuse(spelled, text, percent ? "a share such as 5% or 0.05" : "a number");
    if (!options_in_range(row, value))
        return out_of_range(row, spelled, text);
    *(double *)row->value = value;
    return 0;
}

static int read_size(const option_row *row, const char *spelled, const char *text)
{
    double side[2];
    const char *end = isdigit((unsigned char)*text) ? read_number(text, &side[0]) : NULL;
    if (end && *end == 'x' && isdigit((unsigned char)end[1]))
        end = read_number(end + 1, &side[1]);
    else
        side[1] = side[0];
    if (!end || *end || side[0] != floor(side[0]) || side[1] != floor(side[1]))
        return refuse(spelled, text, "a size such as 640x480");
    if (!options_in_range(row, side[0]) || !options_in_range(row, side[1]))
        return out_of_range(row, spelled, text);
    int *size = row->value;
    size[0] = (int)side[0];
    size[1] = (int)side[1];
    return 0;
}

static int read_choice(const option_row *row, const char *spelled, const char *text)
{
    for (int i = 0; row->choices[i]; i++)
        if (!strcmp(text, row->choices[i])) {
            *(int *)row->value = i;
            return 0;
        }
    return out_of_range(row, spelled, text);
}

static int read_text(const option_row *row, const char *spelled, const char *text)
{
    if (!*text)
        return output_usage("%s: expected %s, not an empty word", spelled, row->argument);
    if (row->type == OPTION_TEXT) {
        *(const char **)row->value = text;
        return 0;
    }
    option_list *list = row->value;
    const char **item = realloc(list->item, (size_t)(list->count + 1) * sizeof *item);
    if (!item) {
        output_error("out of memory");
        return STATUS_INTERNAL;
    }
    list->item = item;
    list->item[list->count++] = text;
    return 0;
}

static int read_value(const option_row *row, const char *text)
{
    char spelled[64];
    snprintf(spelled, sizeof spelled, "--%s", row->name);
    switch (row->type) {
    case OPTION_FLAG:
        *(bool *)row->value = true;
        return 0;
    case OPTION_INTEGER:
        return read_integer(row, spelled, text);
    case OPTION_SEED:
        return read_seed(row, spelled, text);
    case OPTION_NUMBER:
    case OPTION_PERCENT:
        return read_real(row, spelled, text);
    case OPTION_SIZE:
        return read_size(row, spelled, text);
    case OPTION_CHOICE:
        return read_choice(row, spelled, text);
    case OPTION_TEXT:
    case OPTION_LIST:
        return read_text(row, spelled, text);
    }
    return STATUS_INTERNAL;
}

/* ---- getopt_long's view of the table ---- */

typedef struct parser {
    struct option options[MAX_ROWS + 2];
    const char *names[MAX_ROWS + 1];
    char letters[2 * MAX_ROWS + 4];
    int count; /* of names; the first is help */
} parser;

static void build_parser(parser *p, const option_row *rows)
{
    char *letter = p->letters;
    *letter++ = ':'; /* tell a missing argument from an unknown option */
    *letter++ = 'h';
    p->options[0] = (struct option){"help", no_argument, NULL, HELP};
    p->names[0] = "help";
    p->count = 1;
    for (int i = 0; rows[i].name && i < MAX_ROWS; i++) {
        int needs = rows[i].type == OPTION_FLAG ? no_argument : required_argument;
        p->options[p->count] = (struct option){rows[i].name, needs, NULL, FIRST_ROW + i};
        p->names[p->count++] = rows[i].name;
        if (rows[i].letter) {
            *letter++ = rows[i].letter;
            if (needs == required_argument)
                *letter++ = ':';
        }
    }
    p->options[p->count] = (struct option){0};
    *letter = 0;
}

static int unknown_letter(char letter, const char *command)
{
    return output_usage("unknown option -%c; `winnow %s --help` lists the options", letter, command);
}

/* A long option that getopt_long refused: unknown, ambiguous, or a flag with a value. */
static int bad_long_option(const parser *p, const char *word, const char *command)
{
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word + 2, "="), word + 2);
    const char *first = NULL, *second = NULL;
    for (int i = 0; i < p->count; i++)
        if (!strncmp(p->names[i], name, strlen(name))) {
            second = first;
            first = p->names[i];
        }
    if (second)
        return output_usage("--%s could be --%s or --%s", name, second, first);
    if (first)
        return output_usage("--%s takes no value", first);
    const char *near = options_nearest(name, p->names, p->count);
    if (near)
        return output_usage("unknown option --%s; did you mean --%s?", name, near);
    return output_usage("unknown option --%s; `winnow %s --help` lists the options", name, command);
}

static const option_row *find_row(const option_row *rows, int found)
{
    for (int i = 0; rows[i].name; i++)
        if (found == FIRST_ROW + i || (rows[i].letter && found == rows[i].letter))
            return &rows[i];
    return NULL;
}

static int missing_value(const option_row *row)
{
    return output_usage("--%s: expected %s", row->name, row->argument ? row->argument : "a value");
}

static int check_operands(const options_usage *usage, int count, char **operands, const char *command)
{
    if (count < usage->least)
        return output_usage("expected: winnow %s %s", command, usage->operands);
    if (usage->most >= 0 && count > usage->most)
        return output_usage("unexpected '%s'; expected: winnow %s %s", operands[usage->most], command,
                            usage->operands);
    return -1;
}

int options_read(const options_usage *usage, int argc, char **argv, char ***operands)
{
    parser p;
    build_parser(&p, usage->rows);
    const char *command = argv[0];
    opterr = 0;
    optind = 0; /* start afresh: GNU's and BSD's way alike */
    int found;
    while ((found = getopt_long(argc, argv, p.letters, p.options, NULL)) != -1) {
        if (found == HELP || found == 'h') {
            options_help(usage, command);
            return STATUS_DONE;
        }
        if (found == ':')
            return missing_value(find_row(usage->rows, optopt));
        if (found == '?' && optopt && optopt < HELP)
            return unknown_letter((char)optopt, command);
        if (found == '?')
            return bad_long_option(&p, argv[optind - 1], command);
        int status = read_value(find_row(usage->rows, found), optarg);
        if (status)
            return status;
    }
    *operands = argv + optind;
    return check_operands(usage, argc - optind, *operands, command);
}
