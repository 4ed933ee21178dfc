/* SPDX-License-Identifier: Apache-2.0
 * HEIC (and AVIF) by libheif, where the build has it. libheif turns and mirrors the picture as the container
 * says; the orientation in its EXIF block repeats that, and must not be applied again. */
#include "../library/library.h"
#include "formats.h"

#include <string.h>

bool codec_is_heif(const uint8_t *bytes, size_t size)
{
    static const char brands[][5] = {"heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1", "avif"};
    if (size < 12 || memcmp(bytes + 4, "ftyp", 4))
        return false;
    for (size_t i = 0; i < sizeof brands / sizeof *brands; i++)
        if (!memcmp(bytes + 8, brands[i], 4))
            return true;
    return false;
}

#ifdef WN_HAVE_HEIF

#include <stdlib.h>

#include <libheif/heif.h>

#define FUNCTIONS(X)                                                                                         \
    X(context_alloc)                                                                                         \
    X(context_free)                                                                                          \
    X(context_get_primary_image_handle)                                                                      \
    X(context_read_from_memory_without_copy)                                                                 \
    X(decode_image)                                                                                          \
    X(decoding_options_alloc)                                                                                \
    X(decoding_options_free)                                                                                 \
    X(image_get_height)                                                                                      \
    X(image_get_plane_readonly)                                                                              \
    X(image_get_width)                                                                                       \
    X(image_handle_get_height)                                                                               \
    X(image_handle_get_list_of_metadata_block_IDs)                                                           \
    X(image_handle_get_metadata)                                                                             \
    X(image_handle_get_metadata_size)                                                                        \
    X(image_handle_get_width)                                                                                \
    X(image_handle_has_alpha_channel)                                                                        \
    X(image_handle_release)                                                                                  \
    X(image_release)

#define POINTER(name) __typeof__(&heif_##name) name;
static struct {
    FUNCTIONS(POINTER)
} heif; /* heif_context_alloc() is called heif.context_alloc() */

static winnow_status fail(struct heif_error reason, winnow_error *error)
{
    /* Sizes beyond libheif's own limits are reported as if memory had run out. */
    if (reason.code == heif_error_Memory_allocation_error &&
        reason.subcode != heif_suberror_Security_limit_exceeded)
        return wn_fail_memory(error);
    const bool unsupported =
        reason.code == heif_error_Unsupported_feature || reason.code == heif_error_Unsupported_filetype;
    return wn_fail(error, unsupported ? WINNOW_ERROR_UNSUPPORTED : WINNOW_ERROR_FORMAT, -1, "%s HEIC: %s",
                   unsupported ? "cannot read this" : "damaged or truncated", reason.message);
}

static void find_exif(const struct heif_image_handle *handle, codec_info *info)
{
    heif_item_id id;
    if (heif.image_handle_get_list_of_metadata_block_IDs(handle, "Exif", &id, 1) < 1)
        return;
    const size_t size = heif.image_handle_get_metadata_size(handle, id);
    uint8_t *block = size > 4 ? malloc(size) : NULL;
    if (block && !heif.image_handle_get_metadata(handle, id, block).code) {
        const size_t skip = codec_be32(block); /* bytes between this number and the TIFF header */
        if (skip < size - 4)
            codec_read_exif(block + 4 + skip, size - 4 - skip, info);
    }
    free(block);
    info->orientation = 1;
}

static winnow_status copy_pixels(const struct heif_image *image, int channels, codec_picture *picture,
                                 winnow_error *error)
{
    int stride;
    const uint8_t *plane = heif.image_get_plane_readonly(image, heif_channel_interleaved, &stride);
    const int width = heif.image_get_width(image, heif_channel_interleaved);
    const int height = heif.image_get_height(image, heif_channel_interleaved);
    if (!plane || width < 1 || height < 1)
        return wn_fail(error, WINNOW_ERROR_FORMAT, -1, "damaged HEIC: no pixels in it");
    winnow_status status = codec_allocate(picture, width, height, channels, error);
    if (status)
        return status;
    const size_t row = (size_t)width * (size_t)channels;
    for (int y = 0; y < height; y++)
        memcpy(picture->rgb + (size_t)y * row, plane + (ptrdiff_t)y * stride, row);
    if (channels == 4)
        codec_flatten_rgba(picture);
    return WINNOW_OK;
}

static winnow_status decode(const struct heif_image_handle *handle, codec_info *info, codec_picture *picture,
                            winnow_error *error)
{
    const bool alpha = heif.image_handle_has_alpha_channel(handle);
    struct heif_decoding_options *options = heif.decoding_options_alloc();
    if (!options)
        return wn_fail_memory(error);
    options->convert_hdr_to_8bit = 1;
    struct heif_image *image = NULL;
    const struct heif_error reason =
        heif.decode_image(handle, &image, heif_colorspace_RGB,
                          alpha ? heif_chroma_interleaved_RGBA : heif_chroma_interleaved_RGB, options);
    heif.decoding_options_free(options);
    if (reason.code)
        return fail(reason, error);
    const winnow_status status = copy_pixels(image, alpha ? 4 : 3, picture, error);
    heif.image_release(image);
    info->width = picture->width;
    info->height = picture->height;
    return status;
}

static winnow_status read_primary(struct heif_context *context, const uint8_t *bytes, size_t size,
                                  codec_info *info, codec_picture *picture, winnow_error *error)
{
    struct heif_error reason = heif.context_read_from_memory_without_copy(context, bytes, size, NULL);
    struct heif_image_handle *handle = NULL;
    if (!reason.code)
        reason = heif.context_get_primary_image_handle(context, &handle);
    if (reason.code)
        return fail(reason, error);
    info->width = heif.image_handle_get_width(handle);
    info->height = heif.image_handle_get_height(handle);
    winnow_status status = codec_check_size((uint32_t)info->width, (uint32_t)info->height, error);
    if (!status) {
        find_exif(handle, info);
        status = picture ? decode(handle, info, picture, error) : WINNOW_OK;
    }
    heif.image_handle_release(handle);
    return status;
}

winnow_status codec_read_heif(const uint8_t *bytes, size_t size, int target, codec_info *info,
                              codec_picture *picture, winnow_error *error)
{
    (void)target;
    if (!WN_LIBRARY_LOAD(WN_HEIF_LIBRARY, "heif_", FUNCTIONS, &heif))
        return wn_fail(error, WINNOW_ERROR_UNSUPPORTED, -1,
                       "a HEIC photo, which cannot be read without libheif: install it, or save it as JPEG");
    struct heif_context *context = heif.context_alloc();
    if (!context)
        return wn_fail_memory(error);
    const winnow_status status = read_primary(context, bytes, size, info, picture, error);
    heif.context_free(context);
    return status;
}

#else

winnow_status codec_read_heif(const uint8_t *bytes, size_t size, int target, codec_info *info,
                              codec_picture *picture, winnow_error *error)
{
    (void)bytes, (void)size, (void)target, (void)info, (void)picture;
    return wn_fail(error, WINNOW_ERROR_UNSUPPORTED, -1,
                   "a HEIC photo, which this build of winnow cannot read (no libheif); save it as JPEG");
}

#endif
