/* SPDX-License-Identifier: Apache-2.0
 * A glance at a file: is it a photo, and which. */
#include "dataset_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xxhash.h>

/* Reads up to `size` bytes from the start; less than that only at the end of the file. */
static ssize_t read_head(int file, uint8_t *bytes, size_t size)
{
    size_t done = 0;
    while (done < size) {
        const ssize_t n = pread(file, bytes + done, size - done, (off_t)done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

/* Probes with the first `wanted` bytes of the file, in *bytes. */
static winnow_status probe_beginning(int file, size_t wanted, uint8_t **bytes, wn_probe *probe,
                                     winnow_error *error)
{
    uint8_t *larger = realloc(*bytes, wanted ? wanted : 1);
    if (!larger)
        return wn_fail_memory(error);
    *bytes = larger;
    const ssize_t n = read_head(file, larger, wanted);
    if (n < 0)
        return wn_fail(error, WINNOW_ERROR_IO, -1, "cannot read: %s", strerror(errno));
    if (wanted <= WN_DATASET_HEAD) {
        const XXH128_hash_t hash = XXH3_128bits(larger, (size_t)n);
        probe->head[0] = hash.high64;
        probe->head[1] = hash.low64;
    }
    return codec_probe(larger, (size_t)n, &probe->info, error);
}

/* Headers are mostly in the first 32 KiB; where a camera put more in front of them, read on. */
static winnow_status probe_open(int file, wn_probe *probe, winnow_error *error)
{
    uint8_t *bytes = NULL;
    winnow_status status;
    size_t size = WN_DATASET_HEAD;
    do {
        status = probe_beginning(file, size < probe->size ? size : (size_t)probe->size, &bytes, probe, error);
        size *= 8;
    } while (status == WINNOW_ERROR_FORMAT && size / 8 < probe->size);
    free(bytes);
    return status;
}

winnow_status wn_probe_file(const char *path, wn_probe *probe, winnow_error *error)
{
    struct stat info;
    winnow_status status;
    const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0 || fstat(file, &info))
        status = wn_fail(error, WINNOW_ERROR_IO, -1, "cannot read: %s", strerror(errno));
    else if (!S_ISREG(info.st_mode))
        status = wn_fail(error, WINNOW_ERROR_IO, -1, "is not a regular file");
    else if (info.st_size > CODEC_MAX_FILE)
        status = wn_fail(error, WINNOW_ERROR_UNSUPPORTED, -1, "is larger than %d MB", CODEC_MAX_FILE >> 20);
    else {
        probe->size = (uint64_t)info.st_size;
        status = probe_open(file, probe, error);
    }
    if (file >= 0)
        close(file);
    return wn_fail_prefix(error, status, path);
}
