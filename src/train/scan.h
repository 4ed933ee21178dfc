/* SPDX-License-Identifier: Apache-2.0
 * The files below some folders, in an order that depends on their names alone. */
#ifndef WN_SCAN_H
#define WN_SCAN_H

#include "../runtime/error.h"

#include <signal.h>
#include <stdbool.h>

/* Who hears of what is left out: one line each, without a newline, starting with the path. May be NULL. */
typedef struct wn_report {
    void (*line)(void *context, const char *line);
    void *context;
} wn_report;

/* Formats as wn_fail does, and reports. */
void wn_report_line(const wn_report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));

typedef struct wn_scan_file {
    char *path;      /* the folder as it was given, and the way from there */
    size_t relative; /* path + relative is the way from the folder: "blast/img1.jpg" */
    int root;        /* index of the folder */
} wn_scan_file;

typedef struct wn_scan {
    wn_scan_file *file;
    size_t count;
    size_t
        unusable; /* entries that are no file that could be opened: dangling links, pipes, locked folders */
} wn_scan;

/* Lists every file below the folders, without opening any. Within a folder entries are sorted by the bytes of
 * their names. Links to files and folders are followed; a folder that is reached a second time, by a loop of
 * links or otherwise, is left out with a line, and so are dangling links, empty folders and what is neither
 * file nor folder. Hidden files and folders (.name, Thumbs.db and the like) are skipped in silence. *stop
 * (may be NULL) non-zero ends it with WINNOW_ERROR_ARGUMENT "interrupted". Free with wn_scan_free, also after
 * a failure. */
winnow_status wn_scan_folders(const char *const *folder, size_t folders, const wn_report *report,
                              const volatile sig_atomic_t *stop, wn_scan *scan, winnow_error *error);
void wn_scan_free(wn_scan *scan);

#endif
