/* SPDX-License-Identifier: Apache-2.0
 * There are no files in a browser: gates come and go as bytes. Stands in for src/runtime/file.c. */
#include "runtime/file.h"

static winnow_status none(const char *path, winnow_error *error)
{
    return wn_fail(error, WINNOW_ERROR_UNSUPPORTED, -1, "%s: there are no files here: give the bytes", path);
}

winnow_status wn_read_file(const char *path, size_t limit, void **bytes, size_t *size, winnow_error *error)
{
    (void)limit, (void)bytes, (void)size;
    return none(path, error);
}

winnow_status wn_map_file(const char *path, size_t limit, const void **bytes, size_t *size,
                          winnow_error *error)
{
    (void)limit, (void)bytes, (void)size;
    return none(path, error);
}

void wn_unmap_file(const void *bytes, size_t size)
{
    (void)bytes, (void)size;
}

winnow_status wn_write_file_atomic(const char *path, const void *bytes, size_t size, winnow_error *error)
{
    (void)bytes, (void)size;
    return none(path, error);
}

winnow_status wn_write_pieces_atomic(const char *path, const wn_piece *pieces, size_t count,
                                     winnow_error *error)
{
    (void)pieces, (void)count;
    return none(path, error);
}
