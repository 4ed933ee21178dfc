/* SPDX-License-Identifier: Apache-2.0
 * Finds the reader for a file by its first bytes, and does what all formats have in common: limits, alpha,
 * orientation, files. */
#include "formats.h"

#include "../runtime/file.h"

#include <stdlib.h>
#include <string.h>

typedef struct format {
    const char *name;
    codec_reader *read; /* NULL: not a photo, but it helps to say what it is */
    size_t offset, length;
    const char *magic;
} format;

static const format formats[] = {
    {"jpeg", codec_read_jpeg, 0, 3, "\xff\xd8\xff"},
    {"png", codec_read_png, 0, 8, "\x89PNG\r\n\x1a\n"},
    {"webp", codec_read_webp, 8, 4, "WEBP"},
    {"a GIF", NULL, 0, 4, "GIF8"},
    {"a TIFF or raw camera file", NULL, 0, 4, "II*\0"},
    {"a TIFF or raw camera file", NULL, 0, 4, "MM\0*"},
    {"a BMP", NULL, 0, 2, "BM"},
    {"a JPEG 2000", NULL, 4, 4, "jP  "},
    {"a JPEG XL", NULL, 4, 4, "JXL "},
    {"a film", NULL, 4, 4, "ftyp"},
    {"a PDF", NULL, 0, 5, "%PDF-"},
    {"an archive", NULL, 0, 4, "PK\3\4"},
    {"a web page", NULL, 0, 9, "<!DOCTYPE"},
    {"a web page", NULL, 0, 5, "<html"},
    {"a Git LFS pointer, not the file itself", NULL, 0, 15, "version https:/"},
};

static const format heif = {"heic", codec_read_heif, 4, 4, "ftyp"};

static const format *recognise(const uint8_t *bytes, size_t size)
{
    if (codec_is_heif(bytes, size))
        return &heif;
    for (const format *f = formats; f < formats + sizeof formats / sizeof *formats; f++)
        if (size >= f->offset + f->length && !memcmp(bytes + f->offset, f->magic, f->length))
            return f;
    return NULL;
}

static winnow_status read_any(const uint8_t *bytes, size_t size, int target, codec_info *info,
                              codec_picture *picture, winnow_error *error)
{
    *info = (codec_info){.orientation = 1};
    if (size == 0)
        return wn_fail(error, WINNOW_ERROR_UNSUPPORTED, 0, "the file is empty");
    const format *f = recognise(bytes, size);
    if (!f)
        return wn_fail(error, WINNOW_ERROR_UNSUPPORTED, 0, "not a photo that can be read (JPEG, PNG, WebP%s)",
#ifdef WN_HAVE_HEIF
                       ", HEIC"
#else
                       ""
#endif
        );
    if (!f->read)
        return wn_fail(error, WINNOW_ERROR_UNSUPPORTED, 0, "looks like %s; save it as JPEG or PNG", f->name);
    info->format = f->name;
    return f->read(bytes, size, target, info, picture, error);
}

static void swap_sides(int *width, int *height, int orientation)
{
    if (orientation < 5)
        return;
    const int swap = *width;
    *width = *height;
    *height = swap;
}

winnow_status codec_decode(const void *bytes, size_t size, int target, codec_picture *picture,
                           winnow_error *error)
{
    codec_info info;
    *picture = (codec_picture){0};
    winnow_status status = read_any(bytes, size, target, &info, picture, error);
    if (!status)
        status = codec_orient(picture, info.orientation, error);
    if (status) {
        codec_picture_free(picture);
        return status;
    }
    swap_sides(&info.width, &info.height, info.orientation);
    picture->full_width = info.width;
    picture->full_height = info.height;
    return WINNOW_OK;
}

winnow_status codec_decode_file(const char *path, int target, codec_picture *picture, winnow_error *error)
{
    void *bytes = NULL;
    size_t size = 0;
    *picture = (codec_picture){0};
    winnow_status status = wn_read_file(path, CODEC_MAX_FILE, &bytes, &size, error);
    if (status)
        return status;
    status = codec_decode(bytes, size, target, picture, error);
    free(bytes);
    return wn_fail_prefix(error, status, path);
}

void codec_picture_free(codec_picture *picture)
{
    if (!picture)
        return;
    free(picture->rgb);
    *picture = (codec_picture){0};
}

winnow_status codec_probe(const void *bytes, size_t size, codec_info *info, winnow_error *error)
{
    winnow_status status = read_any(bytes, size, 0, info, NULL, error);
    if (!status)
        swap_sides(&info->width, &info->height, info->orientation);
    return status;
}

winnow_status codec_check_size(uint32_t width, uint32_t height, winnow_error *error)
{
    if (width < CODEC_MIN_SIDE || height < CODEC_MIN_SIDE)
        return wn_fail(error, WINNOW_ERROR_UNSUPPORTED, -1,
                       "%u x %u pixels are too few to judge (%d on the shorter side are needed)", width,
                       height, CODEC_MIN_SIDE);
    if (width > CODEC_MAX_SIDE || height > CODEC_MAX_SIDE ||
        (uint64_t)width * height > (uint64_t)CODEC_MAX_PIXELS)
        return wn_fail(error, WINNOW_ERROR_UNSUPPORTED, -1,
                       "%u x %u pixels are too many (%d on a side and %d million in all are read)", width,
                       height, CODEC_MAX_SIDE, CODEC_MAX_PIXELS / 1000000);
    return WINNOW_OK;
}

winnow_status codec_allocate(codec_picture *picture, int width, int height, int channels, winnow_error *error)
{
    picture->width = width;
    picture->height = height;
    picture->rgb = malloc((size_t)width * (size_t)height * (size_t)channels);
    return picture->rgb ? WINNOW_OK : wn_fail_memory(error);
}
