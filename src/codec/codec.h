/* SPDX-License-Identifier: Apache-2.0
 * Photo files -> upright RGB. Recognises JPEG, PNG, WebP (and HEIC where built with libheif) by content, not
 * by name. */
#ifndef WN_CODEC_H
#define WN_CODEC_H

#include "winnow.h"

/* An upright 8-bit RGB picture, EXIF orientation applied, alpha composed over mid-grey (128). Rows are
 * width*3 bytes. */
typedef struct codec_picture {
    uint8_t *rgb; /* malloc'ed */
    int width, height;
    int full_width,
        full_height; /* upright size in the file; larger than width x height where decoded at reduced scale */
} codec_picture;

enum { CODEC_MAX_SIDE = 30000, CODEC_MAX_PIXELS = 200 * 1000 * 1000 };

/* Decodes the photo in bytes[size]. `target` > 0 allows a JPEG to be decoded at a reduced scale (1/2, 1/4,
 * 1/8 ...) as long as its shorter side stays at least 2*target (so that the later resize still antialiases);
 * 0 means full size. Truncated and corrupt files are errors, not half pictures. The message says what is
 * wrong, without the path. */
winnow_status codec_decode(const void *bytes, size_t size, int target, codec_picture *picture,
                           winnow_error *error);

/* The same from a file (a regular file, or a link to one). The message starts with the path. */
winnow_status codec_decode_file(const char *path, int target, codec_picture *picture, winnow_error *error);

void codec_picture_free(codec_picture *picture);

/* What a glance at the header tells, for dataset scanning. */
typedef struct codec_info {
    const char *format; /* "jpeg", "png", "webp", "heic"; static */
    int width, height;  /* upright */
    int orientation;    /* 1..8 */
    char camera[64];    /* EXIF make and model, or "" */
    int64_t taken;      /* EXIF DateTimeOriginal as seconds (no zone), or 0 */
} codec_info;
winnow_status codec_probe(const void *bytes, size_t size, codec_info *info, winnow_error *error);

/* Encoders for augmentation (a round trip through JPEG), synthetic pictures, contact sheets and thumbnails.
 * *bytes is malloc'ed. */
winnow_status codec_encode_jpeg(const uint8_t *rgb, int width, int height, int quality, void **bytes,
                                size_t *size, winnow_error *error);
winnow_status codec_encode_png(const uint8_t *rgb, int width, int height, void **bytes, size_t *size,
                               winnow_error *error);

/* Writes a whole file (temporary + rename). */
winnow_status codec_write_file(const char *path, const void *bytes, size_t size, winnow_error *error);

#endif
