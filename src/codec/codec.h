/* SPDX-License-Identifier: Apache-2.0
 * Photo files -> upright RGB. Recognises JPEG, PNG, WebP (and HEIC where built with libheif) by content, not
 * by name. Bytes are as stored: colour profiles and gamma chunks are ignored, as a phone's camera preview
 * knows none. Every function may be called from several threads at once. */
#ifndef WN_CODEC_H
#define WN_CODEC_H

#include "winnow.h"

/* An upright 8-bit RGB picture, EXIF orientation applied, alpha composed over mid-grey (128). Rows are
 * width*3 bytes. */
typedef struct codec_picture {
    uint8_t *rgb; /* malloc'ed */
    int width, height;
    int full_width, full_height; /* upright size in the file; larger than width x height where decoded at
                                    reduced scale */
} codec_picture;

/* Pictures outside these limits are refused from their header, before memory is taken for them. */
enum {
    CODEC_MIN_SIDE = 8, /* smaller pictures show nothing that could be judged */
    CODEC_MAX_SIDE = 30000,
    CODEC_MAX_PIXELS = 200 * 1000 * 1000,
    CODEC_MAX_FILE = 1 << 30 /* bytes */
};

/* Decodes the photo in bytes[size]. `target` > 0 allows a JPEG to be decoded at a reduced scale (1/2, 1/4,
 * 1/8) as long as its shorter side stays at least 2*target (so that the later resize still antialiases);
 * 0 means full size. Truncated and corrupt files are errors, not half pictures. The message says what is
 * wrong, without the path. The picture is the caller's, to be freed with codec_picture_free; it is zeroed on
 * failure. */
winnow_status codec_decode(const void *bytes, size_t size, int target, codec_picture *picture,
                           winnow_error *error);

/* The same from a regular file, or a link to one. The message starts with the path. */
winnow_status codec_decode_file(const char *path, int target, codec_picture *picture, winnow_error *error);

/* Frees the pixels and zeroes the picture; NULL is allowed. */
void codec_picture_free(codec_picture *picture);

/* What a glance at the header tells, for dataset scanning. */
typedef struct codec_info {
    const char *format; /* "jpeg", "png", "webp", "heic"; static */
    int width, height;  /* upright */
    int orientation;    /* 1..8, already applied to width and height; always 1 for HEIC */
    char camera[64];    /* EXIF make and model, or "" */
    int64_t taken;      /* EXIF DateTimeOriginal as seconds since 1970 (no zone), or 0 */
} codec_info;

/* The pixels are not looked at: a photo that probes well may still turn out truncated when it is decoded.
 * bytes[size] may be the beginning of a file only: where it is too short, the error is WINNOW_ERROR_FORMAT,
 * and the caller may try again with more. What is no photo at all is WINNOW_ERROR_UNSUPPORTED. */
winnow_status codec_probe(const void *bytes, size_t size, codec_info *info, winnow_error *error);

/* Encoders for augmentation (a round trip through JPEG), synthetic pictures, contact sheets and thumbnails.
 * quality 1..100; chroma at half resolution. *bytes is malloc'ed, the caller's. */
winnow_status codec_encode_jpeg(const uint8_t *rgb, int width, int height, int quality, void **bytes,
                                size_t *size, winnow_error *error);
winnow_status codec_encode_png(const uint8_t *rgb, int width, int height, void **bytes, size_t *size,
                               winnow_error *error);

#endif
