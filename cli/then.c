/* SPDX-License-Identifier: Apache-2.0 */
#include "then.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* "model {} --top 3" -> "model \"$1\" --top 3", malloc'ed. */
static char *with_parameter(const char *command)
{
    static const char parameter[] = "\"$1\"";
    char *script = malloc(2 * strlen(command) + sizeof " \"$1\""), *to = script;
    int found = 0;
    if (!script)
        return NULL;
    while (*command)
        if (!strncmp(command, "{}", 2)) {
            to = stpcpy(to, parameter);
            command += 2;
            found = 1;
        } else {
            *to++ = *command++;
        }
    *to = 0;
    if (!found)
        strcpy(stpcpy(to, " "), parameter);
    return script;
}

static void become(const char *script, const char *path, const char *class_name, double probability)
{
    char number[32], *safe = NULL;
    if (class_name) {
        snprintf(number, sizeof number, "%.6g", probability);
        setenv("WINNOW_CLASS", class_name, 1);
        setenv("WINNOW_PROBABILITY", number, 1);
    }
    if (*path == '-' && (safe = malloc(strlen(path) + 3))) /* or it would be taken for an option */
        strcpy(stpcpy(safe, "./"), path);
    /* Standard input may be winnow's list of photos, which a command that reads it (ssh, ffmpeg) would eat.
     */
    const int nothing = open("/dev/null", O_RDONLY);
    if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0)
        _exit(127);
    execl("/bin/sh", "sh", "-c", script, "sh", safe ? safe : path, (char *)NULL);
    _exit(127);
}

int then_run(const char *command, const char *path, const char *class_name, double probability)
{
    char *script = with_parameter(command);
    int status = -1;
    const pid_t child = script ? fork() : -1;
    if (!child)
        become(script, path, class_name, probability);
    free(script);
    if (child < 0)
        return -1;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
