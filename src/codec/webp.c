/* SPDX-License-Identifier: Apache-2.0
 * WebP, lossy and lossless, by libwebp. */
#include "formats.h"

#include <string.h>

#include <webp/decode.h>

/* The EXIF chunk stands behind the pixels; the extended header says whether there is one. */
static winnow_status find_exif(const uint8_t *bytes, size_t size, codec_info *info, winnow_error *error)
{
    enum { HEADER = 12, EXIF_FLAG = 0x08 };
    if (size < HEADER + 9 || memcmp(bytes + HEADER, "VP8X", 4) || !(bytes[HEADER + 8] & EXIF_FLAG))
        return WINNOW_OK;
    for (size_t at = HEADER; at <= size && size - at >= 8;) {
        const size_t length = codec_le32(bytes + at + 4);
        if (length > size - at - 8)
            break;
        if (!memcmp(bytes + at, "EXIF", 4)) {
            codec_read_exif(bytes + at + 8, length, info);
            return WINNOW_OK;
        }
        at += 8 + length + (length & 1);
    }
    return wn_fail(error, WINNOW_ERROR_FORMAT, -1, "truncated WebP: its EXIF block is missing");
}

static winnow_status fail(VP8StatusCode code, winnow_error *error)
{
    switch (code) {
    case VP8_STATUS_OUT_OF_MEMORY:
        return wn_fail_memory(error);
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
        return wn_fail(error, WINNOW_ERROR_FORMAT, -1,
                       "truncated WebP: the data end before the picture does");
    default:
        return wn_fail(error, WINNOW_ERROR_FORMAT, -1, "damaged WebP");
    }
}

static winnow_status decode(const uint8_t *bytes, size_t size, const WebPBitstreamFeatures *features,
                            codec_picture *picture, winnow_error *error)
{
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config))
        return wn_fail(error, WINNOW_ERROR_INTERNAL, -1, "libwebp is of another version than its header");
    const int channels = features->has_alpha ? 4 : 3;
    winnow_status status = codec_allocate(picture, features->width, features->height, channels, error);
    if (status)
        return status;
    config.output.colorspace = features->has_alpha ? MODE_RGBA : MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = picture->rgb;
    config.output.u.RGBA.stride = features->width * channels;
    config.output.u.RGBA.size = (size_t)features->width * (size_t)features->height * (size_t)channels;
    const VP8StatusCode code = WebPDecode(bytes, size, &config);
    WebPFreeDecBuffer(&config.output);
    if (code)
        return fail(code, error);
    if (channels == 4)
        codec_flatten_rgba(picture);
    return WINNOW_OK;
}

winnow_status codec_read_webp(const uint8_t *bytes, size_t size, int target, codec_info *info,
                              codec_picture *picture, winnow_error *error)
{
    (void)target;
    WebPBitstreamFeatures features;
    const VP8StatusCode code = WebPGetFeatures(bytes, size, &features);
    if (code)
        return fail(code, error);
    if (features.has_animation)
        return wn_fail(error, WINNOW_ERROR_UNSUPPORTED, -1, "an animation; save one picture of it");
    winnow_status status = codec_check_size((uint32_t)features.width, (uint32_t)features.height, error);
    if (!status)
        status = find_exif(bytes, size, info, error);
    if (status)
        return status;
    info->width = features.width;
    info->height = features.height;
    return picture ? decode(bytes, size, &features, picture, error) : WINNOW_OK;
}
