/* SPDX-License-Identifier: Apache-2.0
 * What the parts of the codec share: one reader a file format, and what all of them need. */
#ifndef WN_CODEC_FORMATS_H
#define WN_CODEC_FORMATS_H

#include "../runtime/error.h"
#include "codec.h"

#include <stdbool.h>

/* Reads a file of one format: fills info->width and height (as stored), orientation, camera and taken, checks
 * the size with codec_check_size, and, where picture is not NULL, decodes into picture->rgb, width and height
 * (as stored, at reduced scale where the format can and target allows). On failure picture->rgb is to be
 * freed by the caller where it is not NULL. `info` comes in with orientation 1 and the rest zero. */
typedef winnow_status codec_reader(const uint8_t *bytes, size_t size, int target, codec_info *info,
                                   codec_picture *picture, winnow_error *error);
codec_reader codec_read_jpeg, codec_read_png, codec_read_webp, codec_read_heif;

/* True where bytes[size] begin like a HEIF file (HEIC, AVIF). */
bool codec_is_heif(const uint8_t *bytes, size_t size);

/* Limits of codec.h; for sides as stored, before anything is allocated for them. */
winnow_status codec_check_size(uint32_t width, uint32_t height, winnow_error *error);

/* picture->rgb for width x height pixels of `channels` bytes. */
winnow_status codec_allocate(codec_picture *picture, int width, int height, int channels,
                             winnow_error *error);

/* Pixels of 4 bytes in picture->rgb -> 3 bytes, composed over mid-grey (128), in place. */
void codec_flatten_rgba(codec_picture *picture);

/* Turns a stored picture upright. orientation 1..8 as in EXIF. */
winnow_status codec_orient(codec_picture *picture, int orientation, winnow_error *error);

/* Orientation, camera and time from an EXIF block, with or without its "Exif\0\0" prefix; leaves alone what
 * is missing or makes no sense. Running out of memory counts as missing. */
void codec_read_exif(const uint8_t *bytes, size_t size, codec_info *info);

static inline uint32_t codec_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint32_t codec_le32(const uint8_t *p)
{
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

#endif
