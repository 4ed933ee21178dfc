/* SPDX-License-Identifier: Apache-2.0 */
#include "output.h"
#include "progress.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *command_name;

static const char *const escapes[] = {"\033[0m", "\033[1m", "\033[31m", "\033[32m", "\033[33m"};

static const char *paint(int descriptor, output_colour colour)
{
    const char *off = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");
    if ((off && *off) || !isatty(descriptor) || (terminal && !strcmp(terminal, "dumb")))
        return "";
    return escapes[colour];
}

const char *output_paint(output_colour colour)
{
    return paint(STDOUT_FILENO, colour);
}

void output_command(const char *name)
{
    command_name = name;
}

static void say(output_colour colour, const char *kind, const char *format, va_list arguments)
{
    progress_hide();
    fprintf(stderr, "winnow%s%s: ", command_name ? " " : "", command_name ? command_name : "");
    if (*kind)
        fprintf(stderr, "%s%s:%s ", paint(STDERR_FILENO, colour), kind, paint(STDERR_FILENO, COLOUR_OFF));
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

char *output_command_line(int argc, char **argv)
{
    size_t size = sizeof "winnow";
    for (int i = 0; i < argc; i++)
        size += strlen(argv[i]) + 1;
    char *line = malloc(size);
    if (!line)
        return NULL;
    strcpy(line, "winnow");
    for (int i = 0; i < argc; i++)
        strcat(strcat(line, " "), argv[i]);
    return line;
}

void output_note(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(COLOUR_OFF, "", format, arguments);
    va_end(arguments);
}

void output_warning(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(COLOUR_YELLOW, "warning", format, arguments);
    va_end(arguments);
}

void output_error(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(COLOUR_RED, "error", format, arguments);
    va_end(arguments);
}

int output_usage(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(COLOUR_RED, "error", format, arguments);
    va_end(arguments);
    return STATUS_USAGE;
}

int output_check_name(const char *path, const char *what)
{
    static const char ending[] = ".safetensors";
    const size_t length = strlen(path), least = sizeof ending - 1;
    const bool ends = length >= least && !strcmp(path + length - least, ending);
    const size_t stem = ends ? length - least : length;
    const bool nameless = !stem || path[stem - 1] == '/';
    if (ends && !nameless)
        return -1;
    return output_usage("-o %s: a %s is a %s file; name it %.*s%s%s", path, what, ending, (int)stem, path,
                        nameless ? what : "", ending);
}

int output_failure(const winnow_error *error)
{
    output_error("%s", error->message);
    bool ours = error->code == WINNOW_ERROR_MEMORY || error->code == WINNOW_ERROR_INTERNAL;
    return ours ? STATUS_INTERNAL : STATUS_USAGE;
}

json_t *output_real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

int output_json(json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(7));
    json_decref(value);
    if (!text) {
        output_error("out of memory");
        return STATUS_INTERNAL;
    }
    puts(text);
    free(text);
    return STATUS_DONE;
}

int output_flush(int status)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    output_error("cannot write to standard output: %s", strerror(errno ? errno : EIO));
    return status > STATUS_USAGE ? status : STATUS_USAGE;
}
