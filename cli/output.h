/* SPDX-License-Identifier: Apache-2.0
 *
 * What a command says. Results go to standard output; messages and progress go to standard error, in colour
 * only on a terminal and where NO_COLOR is not set. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include "winnow.h"

#include <jansson.h>
#include <stdbool.h>

enum { STATUS_DONE = 0, STATUS_REJECTED = 1, STATUS_USAGE = 2, STATUS_INTERNAL = 3 };

/* The name that messages start with: "winnow NAME: ...". Static storage. */
void output_command(const char *name);

/* "winnow NAME ...", malloc'ed, for provenance; call it before options_read moves the operands. NULL: no
 * memory. */
char *output_command_line(int argc, char **argv);

/* One line on standard error. They step around a progress bar. */
void output_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
void output_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void output_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* output_error for a mistake in how winnow was called; returns STATUS_USAGE. */
int output_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Whether `path`, the argument of -o, ends as the file of a gate or a backbone (`what`) must: -1, or the
 * status of output_usage, whose line says how to name it. */
int output_check_name(const char *path, const char *what);

/* output_error for a library error; returns the exit status that fits: STATUS_INTERNAL where memory ran out
 * or winnow is at fault, else STATUS_USAGE. */
int output_failure(const winnow_error *error);

/* One line of JSON on standard output. Takes the reference to `value`; NULL (out of memory while it was being
 * built) is reported. Returns STATUS_DONE or STATUS_INTERNAL. */
int output_json(json_t *value);

/* A JSON number of 7 significant digits, which is what a float32 carries; null for NaN and infinities. */
json_t *output_real(double value);

/* The escape sequence of a colour on standard output, or "" where colours are off. */
typedef enum output_colour { COLOUR_OFF, COLOUR_BOLD, COLOUR_RED, COLOUR_GREEN, COLOUR_YELLOW } output_colour;
const char *output_paint(output_colour colour);

/* Flushes standard output; an error there (a full disk) turns the status 0 or 1 into STATUS_USAGE. */
int output_flush(int status);

#endif
