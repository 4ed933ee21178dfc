/* SPDX-License-Identifier: Apache-2.0
 *
 * Command-line options as a table. One row says how an option is spelled, what it takes, which values are
 * allowed and where the value goes; reading, range checks, error lines and `--help` all come from the row.
 *
 *     static struct { int count; double false_reject; } given = {.count = 100, .false_reject = 0.05};
 *     static const option_row rows[] = {
 *         {"count", 'n', OPTION_INTEGER, "N", "pictures of each kind", &given.count, 1, 100000},
 *         {"false-reject", 0, OPTION_PERCENT, "P", "...", &given.false_reject, 0, 0.5, .open = true},
 *         {0}};
 *     static const options_usage usage = {"[options] DIR", "What it does.", rows, 1, 1};
 *     char **operands;
 *     int status = options_read(&usage, argc, argv, &operands);
 *     if (status >= 0)
 *         return status;
 *
 * What `value` points at before reading is the default, and is shown as such in the help unless it lies
 * outside the range (use that to say "none"). */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>

typedef enum option_type {
    OPTION_FLAG,    /* bool; takes no argument */
    OPTION_INTEGER, /* int */
    OPTION_SEED,    /* uint64_t, all values allowed */
    OPTION_NUMBER,  /* double */
    OPTION_PERCENT, /* double, 1 = 100%; "5%" and "0.05" are the same */
    OPTION_SIZE,    /* int[2]: width, height; "640x480", or "256" for a square */
    OPTION_CHOICE,  /* int: an index into choices */
    OPTION_TEXT,    /* const char *: a file, a folder, a name; not empty */
    OPTION_LIST     /* option_list: may be given again and again */
} option_type;

typedef struct option_list {
    const char **item; /* the array is malloc'ed (free it), the strings are argv's */
    int count;
} option_list;

typedef struct option_row {
    const char *name; /* without "--"; NULL ends the table */
    char letter;      /* for "-n", or 0 */
    option_type type;
    const char *argument; /* its name in the help: "N", "FILE"; NULL for flags and choices */
    const char *help;
    void *value;
    double low, high;           /* allowed range of numbers and of each side of a size; both 0: any */
    bool open;                  /* low and high themselves are not allowed */
    const char *const *choices; /* NULL-terminated */
} option_row;

typedef struct options_usage {
    const char *operands; /* "[options] GATE PHOTO..." */
    const char *about;    /* what the command does; lines are wrapped, "\n" starts a new one */
    const option_row *rows;
    int least, most; /* operands; most < 0: any number */
} options_usage;

/* Reads argv[1..argc-1] (options and operands in any order, "--" ends the options). Returns -1 to go on, with
 * *operands the NULL-terminated operands inside argv; or the exit status to leave with: 0 after --help, 2
 * after a mistake, which has then been reported in one line. */
int options_read(const options_usage *usage, int argc, char **argv, char ***operands);

/* The name nearest to `name`, or NULL where none is near (more than about a third of the letters differ). */
const char *options_nearest(const char *name, const char *const *names, int count);

#endif
