/* SPDX-License-Identifier: Apache-2.0 */
#include "runner.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* In the new process: becomes the program, or ends. */
static void become(const char *const *argv, int from, int to)
{
    const int nowhere = open("/dev/null", O_WRONLY);
    dup2(from, STDIN_FILENO);
    dup2(to, STDOUT_FILENO);
    if (nowhere >= 0)
        dup2(nowhere, STDERR_FILENO);
    execvp(argv[0], (char *const *)argv);
    _exit(127);
}

bool runner_start(runner *r, const char *const *argv)
{
    int question[2], answer[2];
    *r = (runner){0};
    if (pipe2(question, O_CLOEXEC))
        return false;
    if (pipe2(answer, O_CLOEXEC)) {
        close(question[0]);
        close(question[1]);
        return false;
    }
    signal(SIGPIPE, SIG_IGN); /* a program that ends early is an answer too */
    r->process = fork();
    if (!r->process)
        become(argv, question[0], answer[1]);
    close(question[0]);
    close(answer[1]);
    r->to = fdopen(question[1], "wb");
    r->from = fdopen(answer[0], "rb");
    char line[sizeof r->reason] = "", reason[sizeof line] = "";
    if (r->process > 0 && r->to && r->from && fgets(line, sizeof line, r->from) &&
        sscanf(line, "ready %d", &r->side) == 1)
        return true;
    sscanf(line, "not here: %[^\n]", reason);
    runner_stop(r);
    memcpy(r->reason, reason, sizeof reason);
    return false;
}

/* A count, and so many numbers. */
static bool read_numbers(FILE *from, int *count, float number[RUNNER_MOST])
{
    if (fscanf(from, "%d", count) != 1 || *count < 0 || *count > RUNNER_MOST)
        return false;
    for (int i = 0; i < *count; i++)
        if (fscanf(from, "%f", &number[i]) != 1)
            return false;
    return true;
}

bool runner_ask(runner *r, const unsigned char *rgb, int width, int height, runner_answer *answer)
{
    const int32_t head[3] = {width, height, 0};
    const size_t bytes = (size_t)width * (size_t)height * 3;
    int normal;
    bool good = fwrite(head, sizeof head, 1, r->to) == 1 && fwrite(rgb, 1, bytes, r->to) == bytes &&
                !fflush(r->to) &&
                fscanf(r->from, "%f %f %d", &answer->similarity, &answer->p_value, &normal) == 3 &&
                read_numbers(r->from, &answer->classes, answer->probability) &&
                read_numbers(r->from, &answer->length, answer->embedding);
    answer->normal = good && normal;
    return good;
}

void runner_stop(runner *r)
{
    if (r->to)
        fclose(r->to);
    if (r->from)
        fclose(r->from);
    if (r->process > 0)
        waitpid(r->process, NULL, 0);
    *r = (runner){0};
}
