/* SPDX-License-Identifier: Apache-2.0
 *
 * Progress on standard error. On a terminal: one line, redrawn at most ten times a second:
 *
 *     train  [==========>         ]  52%  1664/3200 photos  146/s  0:10 left
 *
 * Elsewhere (a log file, a pipe): the same without the bar, as a line of its own, every 30 seconds, so that
 * short jobs leave no trace in a log and long ones are seen to live. */
#include "progress.h"

#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static const double redraw_seconds = 0.1, line_seconds = 30;

static bool on_screen;

double progress_seconds(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

void progress_hide(void)
{
    if (on_screen)
        fputs("\r\033[K", stderr);
    on_screen = false;
}

static void format_time(char *text, size_t size, double seconds)
{
    long s = (long)(seconds + 0.5);
    if (s >= 3600)
        snprintf(text, size, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(text, size, "%ld:%02ld", s / 60, s % 60);
}

static void format_counts(const progress *bar, double time, char *text, size_t size)
{
    double elapsed = time - bar->began;
    double rate = elapsed > 0 ? (double)bar->done / elapsed : 0;
    char left[32] = "?";
    if (rate > 0)
        format_time(left, sizeof left, (double)(bar->total - bar->done) / rate);
    snprintf(text, size, "%3ld%%  %ld/%ld %s  %.*f/s  %s left",
             bar->total ? 100 * bar->done / bar->total : 100, bar->done, bar->total, bar->unit,
             rate < 10 ? 1 : 0, rate, left);
}

static void draw(progress *bar, double time, bool terminal)
{
    enum { WIDTH = 24 };
    char counts[160];
    format_counts(bar, time, counts, sizeof counts);
    bar->drawn = time;
    if (!terminal) {
        fprintf(stderr, "%s: %s\n", bar->label, counts);
        return;
    }
    char line[WIDTH + 1];
    long full = bar->total ? WIDTH * bar->done / bar->total : WIDTH;
    for (int i = 0; i < WIDTH; i++)
        line[i] = i < full ? '=' : i == full ? '>' : ' ';
    line[WIDTH] = 0;
    fprintf(stderr, "\r%s  [%s] %s\033[K", bar->label, line, counts);
    fflush(stderr);
    on_screen = true;
}

void progress_begin(progress *bar, const char *label, const char *unit, long total)
{
    double time = progress_seconds();
    *bar = (progress){.label = label, .unit = unit, .total = total, .began = time, .drawn = time};
}

void progress_update(progress *bar, long done)
{
    bar->done = done;
    double time = progress_seconds();
    bool terminal = isatty(STDERR_FILENO);
    if (time - bar->drawn >= (terminal ? redraw_seconds : line_seconds))
        draw(bar, time, terminal);
}

void progress_end(progress *bar)
{
    bar->done = bar->total;
    progress_hide();
}
