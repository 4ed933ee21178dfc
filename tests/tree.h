/* SPDX-License-Identifier: Apache-2.0
 * Folders of small photos, made for a test and removed after it. */
#ifndef TESTS_TREE_H
#define TESTS_TREE_H

#include "codec/codec.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Made by tree_create; paths of the other functions are below it. */
static char tree[64];

static inline void tree_create(void)
{
    strcpy(tree, "/tmp/winnow-test-XXXXXX");
    if (!mkdtemp(tree))
        abort();
}

static inline void tree_remove(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", tree);
    if (system(command))
        abort();
}

/* The path of `name` below the tree; one of a few static buffers. */
static inline const char *tree_path(const char *name)
{
    static char path[8][512];
    static int next;
    next = (next + 1) % 8;
    snprintf(path[next], sizeof path[next], "%s%s%s", tree, *name ? "/" : "", name);
    return path[next];
}

/* Creates the folders that lead to `name`. */
static inline void tree_folder(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", tree, name);
    for (char *slash = path + strlen(tree) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = 0;
        mkdir(path, 0777);
    }
}

static inline void tree_write(const char *name, const void *bytes, size_t size)
{
    tree_folder(name);
    FILE *file = fopen(tree_path(name), "wb");
    if (!file || fwrite(bytes, 1, size, file) != size || fclose(file))
        abort();
}

/* A small JPEG whose pixels depend on `seed`; malloc'ed. */
static inline uint8_t *tree_jpeg(int seed, int width, int height, size_t *size)
{
    uint8_t *rgb = malloc((size_t)width * (size_t)height * 3);
    for (int i = 0; i < width * height * 3; i++)
        rgb[i] = (uint8_t)((i / 3 % width) * 255 / width ^ seed * 40503 >> i % 3 * 4);
    void *bytes;
    if (codec_encode_jpeg(rgb, width, height, 90, &bytes, size, NULL))
        abort();
    free(rgb);
    return bytes;
}

static inline void tree_photo(const char *name, int seed)
{
    size_t size;
    uint8_t *bytes = tree_jpeg(seed, 16, 16, &size);
    tree_write(name, bytes, size);
    free(bytes);
}

/* The same with `length` bytes of `marker` segments in front of everything else. */
static inline void tree_photo_with(const char *name, int seed, const uint8_t *segments, size_t length)
{
    size_t size;
    uint8_t *jpeg = tree_jpeg(seed, 16, 16, &size);
    uint8_t *bytes = malloc(size + length);
    memcpy(bytes, jpeg, 2);
    memcpy(bytes + 2, segments, length);
    memcpy(bytes + 2 + length, jpeg + 2, size - 2);
    tree_write(name, bytes, size + length);
    free(jpeg);
    free(bytes);
}

/* A photo whose EXIF names a camera model of at most 15 letters, and a time "2023:05:04 03:02:01". Either may
 * be NULL. */
static inline void tree_exif_photo(const char *name, int seed, const char *model, const char *time)
{
    uint8_t block[] = "\xff\xe1\0\x70"                                /* APP1, 112 bytes */
                      "Exif\0\0MM\0\x2a\0\0\0\x08"                    /* TIFF; the first directory follows */
                      "\0\x02"                                        /* two entries */
                      "\x01\x10\0\x02\0\0\0\x10\0\0\0\x38"            /* Model: 16 letters at 56 */
                      "\x87\x69\0\x04\0\0\0\x01\0\0\0\x26"            /* EXIF directory at 38 */
                      "\0\0\0\0\0\x01"                                /* no next one; one entry */
                      "\x90\x03\0\x02\0\0\0\x14\0\0\0\x48"            /* DateTimeOriginal: 20 letters at 72 */
                      "\0\0\0\0"                                      /* 52: no next one */
                      "................"                              /* 56 */
                      "....................\0\0\0\0\0\0\0\0\0\0\0\0"; /* 72 */
    uint8_t *tiff = block + 10;
    memset(tiff + 56, 0, 36);
    if (model)
        memcpy(tiff + 56, model, strlen(model));
    if (time)
        memcpy(tiff + 72, time, strlen(time));
    tree_photo_with(name, seed, block, 2 + 0x70);
}

#endif
