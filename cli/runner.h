/* SPDX-License-Identifier: Apache-2.0
 *
 * Another program that scores photos with an exported file. It says "ready SIDE" (the side of the squares
 * that it takes; 0: pictures of any size) once it is able to, or "not here: REASON" and ends. Then it answers
 * each picture with one line of numbers: SIMILARITY P_VALUE IS_NORMAL CLASSES and so many probabilities,
 * LENGTH and so many numbers of the embedding, 0 where the file gives none. A picture is three 32-bit numbers
 * (width, height, 0), in the order of this machine, and its RGB bytes. */
#ifndef CLI_RUNNER_H
#define CLI_RUNNER_H

#include "../src/runtime/error.h"

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

enum { RUNNER_MOST = 2048 };

typedef struct runner {
    pid_t process;
    FILE *to, *from;
    int side;
    char reason[160]; /* why it did not start, where it said so */
} runner;

typedef struct runner_answer {
    float similarity, p_value;
    bool normal;
    int classes, length;
    float probability[RUNNER_MOST], embedding[RUNNER_MOST];
} runner_answer;

/* Runs argv (searched in PATH; NULL-terminated). False where it does not become ready: r->reason is then what
 * it said, or empty; what it printed to standard error has been dropped. */
bool runner_start(runner *r, const char *const *argv);

/* False where the program has ended or says something else. */
bool runner_ask(runner *r, const unsigned char *rgb, int width, int height, runner_answer *answer);

/* Ends it. A runner that is zeroed, or did not start, is allowed. */
void runner_stop(runner *r);

#endif
