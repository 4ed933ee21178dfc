/* SPDX-License-Identifier: Apache-2.0 */
#include "pixel.h"

enum { LARGEST_SIDE = 65535 };

/* Bytes that a row of each plane holds; 0 for a plane that the format does not have. */
static void row_bytes(const winnow_image *image, ptrdiff_t bytes[3])
{
    const ptrdiff_t width = image->width, half = (width + 1) / 2;
    bytes[0] = width;
    bytes[1] = bytes[2] = 0;
    switch (image->format) {
    case WINNOW_RGB:
    case WINNOW_BGR:
        bytes[0] = width * 3;
        break;
    case WINNOW_RGBA:
    case WINNOW_BGRA:
        bytes[0] = width * 4;
        break;
    case WINNOW_GRAY:
        break;
    case WINNOW_NV12:
        bytes[1] = half * 2;
        break;
    case WINNOW_I420:
        bytes[1] = bytes[2] = half;
        break;
    }
}

winnow_status wn_image_check(const winnow_image *image, winnow_error *error)
{
    if (!image)
        return wn_fail(error, WINNOW_ERROR_ARGUMENT, -1, "image is NULL");
    if (image->width < 1 || image->height < 1 || image->width > LARGEST_SIDE || image->height > LARGEST_SIDE)
        return wn_fail(error, WINNOW_ERROR_ARGUMENT, -1, "image size %d x %d is outside 1 to %d",
                       image->width, image->height, LARGEST_SIDE);
    if ((unsigned)image->format > WINNOW_I420)
        return wn_fail(error, WINNOW_ERROR_ARGUMENT, -1, "unknown pixel format %d", (int)image->format);
    if ((unsigned)image->yuv > WINNOW_YUV_709_VIDEO)
        return wn_fail(error, WINNOW_ERROR_ARGUMENT, -1, "unknown kind of YUV %d", (int)image->yuv);
    if (image->orientation < 0 || image->orientation > 8)
        return wn_fail(error, WINNOW_ERROR_ARGUMENT, -1, "image orientation %d is outside 0 to 8",
                       image->orientation);
    ptrdiff_t bytes[3];
    row_bytes(image, bytes);
    for (int i = 0; i < 3; i++) {
        const ptrdiff_t stride = image->stride[i] < 0 ? -image->stride[i] : image->stride[i];
        if (bytes[i] && !image->plane[i])
            return wn_fail(error, WINNOW_ERROR_ARGUMENT, -1, "image plane %d is NULL", i);
        if (image->height > (i ? 2 : 1) && stride < bytes[i])
            return wn_fail(error, WINNOW_ERROR_ARGUMENT, -1,
                           "image stride %td of plane %d is below its row of %td bytes", image->stride[i], i,
                           bytes[i]);
    }
    return WINNOW_OK;
}

wn_turn wn_turn_of(int orientation)
{
    /* EXIF 2.3, tag 0x0112. */
    static const wn_turn turns[9] = {
        [2] = {.mirror_columns = true},
        [3] = {.mirror_columns = true, .mirror_rows = true},
        [4] = {.mirror_rows = true},
        [5] = {.transposed = true},
        [6] = {.transposed = true, .mirror_rows = true},
        [7] = {.transposed = true, .mirror_columns = true, .mirror_rows = true},
        [8] = {.transposed = true, .mirror_columns = true},
    };
    return turns[orientation];
}

static uint8_t clamp(int value)
{
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

void wn_yuv_to_rgb(winnow_yuv kind, int y, int u, int v, uint8_t rgb[3])
{
    /* ITU-R BT.601-7 and BT.709-6, times 65536; the shift rounds down, also below zero. */
    static const struct {
        int black, luma, red_v, green_u, green_v, blue_u;
    } factors[] = {
        [WINNOW_YUV_601_FULL] = {0, 65536, 91881, 22554, 46802, 116130},
        [WINNOW_YUV_601_VIDEO] = {16, 76309, 104597, 25675, 53279, 132201},
        [WINNOW_YUV_709_FULL] = {0, 65536, 103206, 12276, 30679, 121609},
        [WINNOW_YUV_709_VIDEO] = {16, 76309, 117489, 13975, 34925, 138438},
    };
    u -= 128;
    v -= 128;
    y = (y - factors[kind].black) * factors[kind].luma + 32768;
    rgb[0] = clamp((y + factors[kind].red_v * v) >> 16);
    rgb[1] = clamp((y - factors[kind].green_u * u - factors[kind].green_v * v) >> 16);
    rgb[2] = clamp((y + factors[kind].blue_u * u) >> 16);
}

void wn_pixel_rgb(const winnow_image *image, int column, int row, uint8_t rgb[3])
{
    const uint8_t *line = image->plane[0] + image->stride[0] * row;
    const ptrdiff_t half = row / 2;
    const bool blue_first = image->format == WINNOW_BGR || image->format == WINNOW_BGRA;
    switch (image->format) {
    case WINNOW_RGB:
    case WINNOW_BGR:
        for (int c = 0; c < 3; c++)
            rgb[c] = line[column * 3 + (blue_first ? 2 - c : c)];
        return;
    case WINNOW_RGBA:
    case WINNOW_BGRA:
        for (int c = 0; c < 3; c++)
            rgb[c] = wn_over_grey(line[column * 4 + (blue_first ? 2 - c : c)], line[column * 4 + 3]);
        return;
    case WINNOW_GRAY:
        rgb[0] = rgb[1] = rgb[2] = line[column];
        return;
    case WINNOW_NV12: {
        const uint8_t *uv = image->plane[1] + image->stride[1] * half + column / 2 * 2;
        wn_yuv_to_rgb(image->yuv, line[column], uv[0], uv[1], rgb);
        return;
    }
    case WINNOW_I420:
        wn_yuv_to_rgb(image->yuv, line[column], image->plane[1][image->stride[1] * half + column / 2],
                      image->plane[2][image->stride[2] * half + column / 2], rgb);
        return;
    }
}
