/* SPDX-License-Identifier: Apache-2.0
 * POSIX files. The order write, fsync, rename, fsync of the folder is what makes a replacement atomic:
 * without the first fsync a crash may leave the new name on an empty file; without the second, the old file.
 */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Linux transfers less than 2 GiB a call. */
enum { LARGEST_TRANSFER = 1 << 30 };

static winnow_status fail_errno(winnow_error *error, const char *path, const char *what)
{
    const int code = errno;
    if (code == ENOMEM)
        return wn_fail_memory(error);
    if (code == ENOSPC || code == EDQUOT)
        return wn_fail(error, WINNOW_ERROR_IO, -1, "%s: %s: the disk is full; nothing was changed", path,
                       what);
    return wn_fail(error, WINNOW_ERROR_IO, -1, "%s: %s: %s", path, what, strerror(code));
}

static winnow_status read_all(int file, const char *path, char *bytes, size_t size, winnow_error *error)
{
    for (size_t done = 0; done < size;) {
        const size_t wanted = size - done < LARGEST_TRANSFER ? size - done : LARGEST_TRANSFER;
        const ssize_t n = read(file, bytes + done, wanted);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_errno(error, path, "cannot read");
        if (n == 0)
            return wn_fail(error, WINNOW_ERROR_IO, (int64_t)done, "%s: the file shrank while it was read",
                           path);
        done += (size_t)n;
    }
    return WINNOW_OK;
}

/* Opens the regular file `path` of at most `limit` bytes. */
static winnow_status open_regular(const char *path, size_t limit, int *file, size_t *size,
                                  winnow_error *error)
{
    struct stat info;
    /* Not blocking: opening a pipe would otherwise wait for its writer. */
    *file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*file < 0)
        return fail_errno(error, path, "cannot read");
    winnow_status status = WINNOW_OK;
    if (fstat(*file, &info))
        status = fail_errno(error, path, "cannot read");
    else if (S_ISDIR(info.st_mode))
        status = wn_fail(error, WINNOW_ERROR_IO, -1, "%s: is a folder, not a file", path);
    else if (!S_ISREG(info.st_mode))
        status = wn_fail(error, WINNOW_ERROR_IO, -1, "%s: is not a regular file", path);
    else if ((uintmax_t)info.st_size > limit)
        status =
            wn_fail(error, WINNOW_ERROR_FORMAT, -1, "%s: %jd bytes are more than the %zu that are allowed",
                    path, (intmax_t)info.st_size, limit);
    if (status)
        close(*file);
    *size = status ? 0 : (size_t)info.st_size;
    return status;
}

static winnow_status read_open(int file, const char *path, size_t length, void **bytes, winnow_error *error)
{
    char *buffer = length <= SIZE_MAX - 64 ? aligned_alloc(64, (length / 64 + 1) * 64) : NULL;
    if (!buffer)
        return wn_fail_memory(error);
    const winnow_status status = read_all(file, path, buffer, length, error);
    if (status)
        free(buffer);
    else
        *bytes = buffer;
    return status;
}

winnow_status wn_read_file(const char *path, size_t limit, void **bytes, size_t *size, winnow_error *error)
{
    int file;
    winnow_status status = open_regular(path, limit, &file, size, error);
    if (status)
        return status;
    status = read_open(file, path, *size, bytes, error);
    close(file);
    return status;
}

winnow_status wn_map_file(const char *path, size_t limit, const void **bytes, size_t *size,
                          winnow_error *error)
{
    int file;
    winnow_status status = open_regular(path, limit, &file, size, error);
    if (status)
        return status;
    void *mapped = *size ? mmap(NULL, *size, PROT_READ, MAP_PRIVATE, file, 0) : NULL;
    if (mapped == MAP_FAILED)
        status = fail_errno(error, path, "cannot read");
    else
        *bytes = *size ? mapped : "";
    close(file);
    return status;
}

void wn_unmap_file(const void *bytes, size_t size)
{
    if (size)
        munmap((void *)bytes, size);
}

static int write_pieces(int file, const wn_piece *pieces, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t done = 0; done < pieces[i].size;) {
            const size_t left = pieces[i].size - done;
            const ssize_t n = write(file, (const char *)pieces[i].bytes + done,
                                    left < LARGEST_TRANSFER ? left : LARGEST_TRANSFER);
            if (n < 0 && errno != EINTR)
                return -1;
            if (n > 0)
                done += (size_t)n;
        }
    return 0;
}

/* Creates a file of a name that nobody else uses beside `target`. The process id keeps processes apart,
 * O_EXCL with the number threads, and what a killed process of the same id left. */
static int create_temporary(const char *target, char *name, size_t size)
{
    for (int i = 0; i < 10000; i++) {
        if (snprintf(name, size, "%s.%ld-%d.tmp", target, (long)getpid(), i) >= (int)size) {
            errno = ENAMETOOLONG;
            return -1;
        }
        const int file = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file >= 0 || errno != EEXIST)
            return file;
    }
    return -1;
}

/* Makes the rename durable. A file system that cannot sync folders (EINVAL) orders renames by itself. */
static int sync_folder(const char *target)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(target, '/');
    const int length = slash ? (int)(slash - target) + 1 : 0;
    snprintf(folder, sizeof folder, "%.*s.", length, target);
    const int file = open(folder, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return errno == EACCES ? 0 : -1; /* a folder may be writable, but not readable */
    const int failed = fsync(file) && errno != EINVAL;
    close(file);
    return failed ? -1 : 0;
}

/* Finds what stands at `path`: follows links to the file that is to be replaced, and takes over its mode. */
static winnow_status resolve_target(const char *path, char target[PATH_MAX], mode_t *mode, bool *exists,
                                    winnow_error *error)
{
    struct stat info;
    *exists = stat(path, &info) == 0;
    if (!*exists) {
        if (snprintf(target, PATH_MAX, "%s", path) >= PATH_MAX)
            return wn_fail(error, WINNOW_ERROR_IO, -1, "%s: the path is too long", path);
        return WINNOW_OK;
    }
    if (S_ISDIR(info.st_mode))
        return wn_fail(error, WINNOW_ERROR_IO, -1, "%s: is a folder, not a file; nothing was changed", path);
    if (!S_ISREG(info.st_mode))
        return wn_fail(error, WINNOW_ERROR_IO, -1, "%s: is not a regular file; nothing was changed", path);
    *mode = info.st_mode & 0777;
    return realpath(path, target) ? WINNOW_OK : fail_errno(error, path, "cannot write");
}

/* Writes, syncs and closes. errno is that of the first failure. */
static int fill_temporary(int file, const wn_piece *pieces, size_t count)
{
    const bool failed = write_pieces(file, pieces, count) || fsync(file);
    const int reason = errno;
    const bool lost = close(file) != 0;
    if (failed)
        errno = reason;
    return failed || lost ? -1 : 0;
}

/* A file that is written, but has not taken its place yet. */
typedef struct pending {
    char target[PATH_MAX], name[PATH_MAX];
} pending;

static winnow_status prepare(const wn_new_file *file, pending *p, winnow_error *error)
{
    mode_t mode;
    bool exists;
    winnow_status status = resolve_target(file->path, p->target, &mode, &exists, error);
    if (status)
        return status;
    const int out = create_temporary(p->target, p->name, sizeof p->name);
    if (out < 0 && errno == ENOENT)
        return wn_fail(error, WINNOW_ERROR_IO, -1, "%s: cannot write: its folder does not exist", file->path);
    if (out < 0)
        return fail_errno(error, file->path, "cannot write");
    if (exists)
        (void)!fchmod(out, mode); /* a file system without permissions is no reason to fail */
    if (fill_temporary(out, file->pieces, file->count)) {
        status = fail_errno(error, file->path, "cannot write");
        unlink(p->name);
    }
    return status;
}

winnow_status wn_write_files_atomic(const wn_new_file *files, size_t count, winnow_error *error)
{
    pending *p = malloc(WN_MAX_FILES * sizeof *p);
    winnow_status status = p ? WINNOW_OK : wn_fail_memory(error);
    size_t ready = 0, placed = 0;
    while (!status && ready < count)
        if (!(status = prepare(&files[ready], &p[ready], error)))
            ready++;
    while (!status && placed < count)
        if (rename(p[placed].name, p[placed].target))
            status = fail_errno(error, files[placed].path, "cannot write");
        else
            placed++;
    for (size_t i = placed; i < ready; i++) /* after a failure */
        unlink(p[i].name);
    for (size_t i = 0; i < count && !status; i++)
        if (sync_folder(p[i].target))
            status = fail_errno(error, files[i].path, "written, but its folder cannot be synced");
    free(p);
    return status;
}

winnow_status wn_write_pieces_atomic(const char *path, const wn_piece *pieces, size_t count,
                                     winnow_error *error)
{
    const wn_new_file file = {path, pieces, count};
    return wn_write_files_atomic(&file, 1, error);
}

winnow_status wn_write_file_atomic(const char *path, const void *bytes, size_t size, winnow_error *error)
{
    const wn_piece piece = {bytes, size};
    return wn_write_pieces_atomic(path, &piece, 1, error);
}

bool wn_same_file(const char *a, const char *b)
{
    struct stat x, y;
    return !stat(a, &x) && !stat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}
