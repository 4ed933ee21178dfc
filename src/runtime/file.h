/* SPDX-License-Identifier: Apache-2.0
 * Whole files in, whole files out. A write replaces the old file in one step, or leaves it as it was. */
#ifndef WN_FILE_H
#define WN_FILE_H

#include "error.h"

#include <stdbool.h>

/* Reads the regular file `path` of at most `limit` bytes. *bytes is malloc'ed (64-byte aligned), the
 * caller's, never NULL on success. Anything but a regular file is refused without waiting for it. Messages
 * start with the path. */
winnow_status wn_read_file(const char *path, size_t limit, void **bytes, size_t *size, winnow_error *error);

/* The same without a copy, until wn_unmap_file: pages that are not looked at are never read. A file that
 * another program cuts short meanwhile is a SIGBUS, so hold it only as long as it takes to read it; what
 * winnow itself writes, by wn_write_file_atomic, never shrinks. */
winnow_status wn_map_file(const char *path, size_t limit, const void **bytes, size_t *size,
                          winnow_error *error);
void wn_unmap_file(const void *bytes, size_t size);

/* Writes a temporary file beside `path` (PATH.PID-N.tmp), syncs it, renames it over `path` and syncs the
 * folder: at every moment, power cuts included, `path` is either the old file or the whole new one. On
 * failure the temporary file is removed. A link is followed; the old file's permissions are kept; a folder or
 * a device is refused. Messages start with the path. */
winnow_status wn_write_file_atomic(const char *path, const void *bytes, size_t size, winnow_error *error);

/* The same for a file that lies in pieces. */
typedef struct wn_piece {
    const void *bytes;
    size_t size;
} wn_piece;
winnow_status wn_write_pieces_atomic(const char *path, const wn_piece *pieces, size_t count,
                                     winnow_error *error);

/* The same for files that belong together: all are written and synced before the first takes its place, so
 * that a full disk leaves every old one. `count` is at most WN_MAX_FILES. */
enum { WN_MAX_FILES = 4 };
typedef struct wn_new_file {
    const char *path;
    const wn_piece *pieces;
    size_t count;
} wn_new_file;
winnow_status wn_write_files_atomic(const wn_new_file *files, size_t count, winnow_error *error);

/* Whether both paths lead to one file that exists. */
bool wn_same_file(const char *a, const char *b);

#endif
