/* SPDX-License-Identifier: Apache-2.0
 * PNG by libpng: every colour type and depth becomes 8-bit RGB, over grey where it is transparent. */
#include "formats.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

/* zlib packs at most 1032 bytes into one. */
enum { LARGEST_RATIO = 1032 };

typedef struct png_session {
    png_structp png;
    png_infop info;
    jmp_buf escape;
    winnow_error *error;
    winnow_status status;
    const uint8_t *in;
    size_t in_left;
    uint8_t *out;
    size_t out_size, out_capacity;
} png_session;

static void leave(png_session *s, winnow_status status)
{
    s->status = status;
    longjmp(s->escape, 1);
}

static void fail(png_structp png, png_const_charp text)
{
    png_session *s = png_get_error_ptr(png);
    leave(s, wn_fail(s->error, WINNOW_ERROR_FORMAT, -1, "damaged PNG: %s", text));
}

static void ignore_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static void read_bytes(png_structp png, png_bytep to, size_t count)
{
    png_session *s = png_get_io_ptr(png);
    if (count > s->in_left)
        leave(s, wn_fail(s->error, WINNOW_ERROR_FORMAT, -1,
                         "truncated PNG: the data end before the picture does"));
    memcpy(to, s->in, count);
    s->in += count;
    s->in_left -= count;
}

/* Looks for an eXIf chunk; it may stand before or after the pixels. */
static void find_exif(const uint8_t *bytes, size_t size, codec_info *info)
{
    size_t at = 8;
    while (at <= size && size - at >= 12) {
        const size_t length = codec_be32(bytes + at);
        if (length > size - at - 12)
            return;
        if (!memcmp(bytes + at + 4, "eXIf", 4)) {
            codec_read_exif(bytes + at + 8, length, info);
            return;
        }
        at += length + 12;
    }
}

static void read_header(png_session *s, codec_info *info)
{
    png_read_info(s->png, s->info);
    const png_uint_32 width = png_get_image_width(s->png, s->info);
    const png_uint_32 height = png_get_image_height(s->png, s->info);
    const winnow_status status = codec_check_size(width, height, s->error);
    if (status)
        leave(s, status);
    info->width = (int)width;
    info->height = (int)height;
}

/* Colour and depth conversion by libpng; returns whether there will be an alpha channel. */
static bool set_transforms(png_session *s)
{
    png_set_expand(s->png);   /* palette, 1 to 4 bits and tRNS */
    png_set_scale_16(s->png); /* rounded, not cut */
    png_set_gray_to_rgb(s->png);
    const bool alpha = (png_get_color_type(s->png, s->info) & PNG_COLOR_MASK_ALPHA) ||
                       png_get_valid(s->png, s->info, PNG_INFO_tRNS);
    return alpha;
}

static void read_pixels(png_session *s, codec_info *info, codec_picture *picture)
{
    if (png_get_rowbytes(s->png, s->info) * (size_t)info->height / LARGEST_RATIO > s->in_left)
        leave(s, wn_fail(s->error, WINNOW_ERROR_FORMAT, -1,
                         "truncated PNG: the data end before the picture does"));
    const int channels = set_transforms(s) ? 4 : 3;
    const int passes = png_set_interlace_handling(s->png);
    png_read_update_info(s->png, s->info);
    if (png_get_rowbytes(s->png, s->info) != (size_t)info->width * (size_t)channels)
        png_error(s->png, "unexpected row size");
    const winnow_status status = codec_allocate(picture, info->width, info->height, channels, s->error);
    if (status)
        leave(s, status);
    for (int pass = 0; pass < passes; pass++)
        for (int y = 0; y < info->height; y++)
            png_read_row(s->png, picture->rgb + (size_t)y * (size_t)info->width * (size_t)channels, NULL);
    png_read_end(s->png, NULL);
    if (channels == 4)
        codec_flatten_rgba(picture);
}

/* setjmp stands in functions of their own: what they change lives in their callers, and outlives a longjmp.
 */
static void decode(png_session *s, codec_info *info, codec_picture *picture)
{
    if (setjmp(s->escape))
        return;
    png_set_read_fn(s->png, s, read_bytes);
    png_set_user_limits(s->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX); /* codec_check_size says it better */
    /* Text, profiles and the like are not even unpacked. */
    png_set_keep_unknown_chunks(s->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    read_header(s, info);
    if (picture)
        read_pixels(s, info, picture);
}

winnow_status codec_read_png(const uint8_t *bytes, size_t size, int target, codec_info *info,
                             codec_picture *picture, winnow_error *error)
{
    (void)target;
    png_session s = {.error = error, .in = bytes, .in_left = size};
    s.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &s, fail, ignore_warning);
    s.info = s.png ? png_create_info_struct(s.png) : NULL;
    if (s.info)
        decode(&s, info, picture);
    else
        s.status = wn_fail_memory(error);
    png_destroy_read_struct(&s.png, &s.info, NULL);
    if (!s.status)
        find_exif(bytes, size, info);
    return s.status;
}

static void write_bytes(png_structp png, png_bytep from, size_t count)
{
    png_session *s = png_get_io_ptr(png);
    if (count > s->out_capacity - s->out_size) {
        const size_t capacity = (s->out_size + count) * 2;
        uint8_t *larger = realloc(s->out, capacity);
        if (!larger)
            leave(s, wn_fail_memory(s->error));
        s->out = larger;
        s->out_capacity = capacity;
    }
    memcpy(s->out + s->out_size, from, count);
    s->out_size += count;
}

static void flush_nothing(png_structp png)
{
    (void)png;
}

static void encode(png_session *s, const uint8_t *rgb, int width, int height)
{
    if (setjmp(s->escape))
        return;
    png_set_write_fn(s->png, s, write_bytes, flush_nothing);
    png_set_IHDR(s->png, s->info, (png_uint_32)width, (png_uint_32)height, 8, PNG_COLOR_TYPE_RGB,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(s->png, s->info);
    for (int y = 0; y < height; y++)
        png_write_row(s->png, rgb + (size_t)y * (size_t)width * 3);
    png_write_end(s->png, NULL);
}

winnow_status codec_encode_png(const uint8_t *rgb, int width, int height, void **bytes, size_t *size,
                               winnow_error *error)
{
    if (width < 1 || height < 1 || width > CODEC_MAX_SIDE || height > CODEC_MAX_SIDE)
        return wn_fail(error, WINNOW_ERROR_ARGUMENT, -1, "no PNG of %d x %d pixels", width, height);
    png_session s = {.error = error};
    s.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &s, fail, ignore_warning);
    s.info = s.png ? png_create_info_struct(s.png) : NULL;
    if (s.info)
        encode(&s, rgb, width, height);
    else
        s.status = wn_fail_memory(error);
    png_destroy_write_struct(&s.png, &s.info);
    if (s.status) {
        free(s.out);
        return s.status;
    }
    *bytes = s.out;
    *size = s.out_size;
    return WINNOW_OK;
}
