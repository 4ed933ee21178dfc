/* SPDX-License-Identifier: Apache-2.0
 *
 * Progress on standard error: a bar with rate and time left on a terminal, else a plain line now and then. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

typedef struct progress {
    const char *label, *unit; /* "train", "photos" */
    long total, done;
    double began, drawn; /* seconds */
} progress;

/* One progress at a time, used by one thread. `label` and `unit` must stay valid until the end. */
void progress_begin(progress *bar, const char *label, const char *unit, long total);
void progress_update(progress *bar, long done);
void progress_end(progress *bar);

/* Takes a bar that is on the terminal away, so that a line can be printed; the next update draws it again.
 * The functions of output.h that write to standard error do it themselves. */
void progress_hide(void);

/* Seconds of a clock that only runs forward. */
double progress_seconds(void);

#endif
