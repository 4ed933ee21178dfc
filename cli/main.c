/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line: finds the command in the table of commands.h and hands over. Everything a command has
 * in common with the others is in options.h (reading its arguments) and output.h (what it says). */
#include "../src/runtime/cpu.h"
#include "commands.h"
#include "options.h"
#include "output.h"
#include "winnow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct command {
    const char *name, *summary;
    int (*run)(int argc, char **argv);
} command;

#define ENTRY(name, summary) {#name, summary, command_##name},
static const command commands[] = {COMMANDS(ENTRY)};
#undef ENTRY

enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

static void print_help(FILE *file)
{
    fputs("winnow: a gate for camera models. It tells the right kind of picture from every other.\n\n"
          "usage: winnow COMMAND [options] ...\n\ncommands:\n",
          file);
    for (int i = 0; i < COMMAND_COUNT; i++)
        fprintf(file, "  %-10s %s\n", commands[i].name, commands[i].summary);
    fputs("\n  winnow COMMAND --help    what a command does, and its options\n"
          "  winnow --version         the version\n\n"
          "Results go to standard output, everything else to standard error.\n"
          "Exit status: 0 done, 1 `check` rejected a photo, 2 usage or input error, 3 internal failure.\n",
          file);
}

static const command *find_command(const char *name)
{
    for (int i = 0; i < COMMAND_COUNT; i++)
        if (!strcmp(name, commands[i].name))
            return &commands[i];
    return NULL;
}

static int unknown_command(const char *name)
{
    const char *names[COMMAND_COUNT + 2] = {"--help", "--version"};
    for (int i = 0; i < COMMAND_COUNT; i++)
        names[i + 2] = commands[i].name;
    const char *near = options_nearest(name, names, COMMAND_COUNT + 2);
    const char *what = name[0] == '-' ? "option" : "command";
    if (near)
        return output_usage("unknown %s '%s'; did you mean '%s'?", what, name, near);
    return output_usage("unknown %s '%s'; `winnow --help` lists the commands", what, name);
}

/* argv[0] is the name of the command. */
static int run_command(int argc, char **argv)
{
    const command *found = find_command(argv[0]);
    if (!found)
        return unknown_command(argv[0]);
    output_command(found->name);
    return found->run(argc, argv);
}

int command_help(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "help") != 0 && strcmp(argv[1], "--help") != 0) {
        char *ask[] = {argv[1], "--help", NULL};
        output_command(NULL);
        return run_command(2, ask);
    }
    print_help(stdout);
    return STATUS_DONE;
}

static int run(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return STATUS_USAGE;
    }
    if (!strcmp(argv[1], "--version")) {
        puts("winnow " WINNOW_VERSION);
        return STATUS_DONE;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
        return command_help(1, argv);
    return run_command(argc - 1, argv + 1);
}

/* What the library ignores, as an app's environment may hold anything, is a mistake here. */
static int check_cpu(void)
{
    const char *wanted = getenv("WINNOW_CPU");
    wn_cpu level;
    if (!wanted || !*wanted || wn_cpu_named(wanted, &level))
        return STATUS_DONE;
    char known[256] = "";
    for (int i = 0; strcmp(wn_cpu_name((wn_cpu)i), "unknown") != 0; i++)
        snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s", i ? ", " : "",
                 wn_cpu_name((wn_cpu)i));
    return output_usage("WINNOW_CPU=%s is no instruction set: use one of %s", wanted, known);
}

int main(int argc, char **argv)
{
    int status = check_cpu();
    if (status == STATUS_DONE)
        status = run(argc, argv);
    return output_flush(status);
}
