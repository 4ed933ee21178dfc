/* SPDX-License-Identifier: Apache-2.0
 * Any bytes are a photo or are refused with a reason; what the header promises is what is decoded. */
#include "codec/codec.h"
#include "fuzz.h"
#include "runtime/utf8.h"

#include <stdbool.h>
#include <string.h>

static void require_reason(winnow_status status, const winnow_error *error)
{
    REQUIRE(status == error->code);
    REQUIRE(status == WINNOW_ERROR_FORMAT || status == WINNOW_ERROR_UNSUPPORTED);
    REQUIRE(*error->message);
    for (const char *text = error->message; *text;) {
        const int length = wn_utf8_length(text, strlen(text));
        REQUIRE(length > 0 && (unsigned char)*text >= 0x20);
        text += length;
    }
}

static void require_limits(int width, int height)
{
    REQUIRE(width >= CODEC_MIN_SIDE && width <= CODEC_MAX_SIDE);
    REQUIRE(height >= CODEC_MIN_SIDE && height <= CODEC_MAX_SIDE);
    REQUIRE((int64_t)width * height <= CODEC_MAX_PIXELS);
}

static void require_whole(const codec_picture *picture, const codec_info *info)
{
    REQUIRE(picture->width > 0 && picture->width <= picture->full_width);
    REQUIRE(picture->height > 0 && picture->height <= picture->full_height);
    if (strcmp(info->format, "heic")) { /* its header may lie about the size */
        require_limits(picture->full_width, picture->full_height);
        REQUIRE(picture->full_width == info->width && picture->full_height == info->height);
    }
    static volatile uint8_t sink; /* a sanitizer sees each byte read */
    for (size_t i = 0; i < (size_t)picture->width * (size_t)picture->height * 3; i++)
        sink = picture->rgb[i];
    (void)sink;
}

static void read_once(const uint8_t *bytes, size_t size)
{
    codec_info info;
    codec_picture picture;
    winnow_error error;
    winnow_status status = codec_probe(bytes, size, &info, &error);
    const bool promised = !status;
    if (promised) {
        require_limits(info.width, info.height);
        REQUIRE(info.orientation >= 1 && info.orientation <= 8);
        REQUIRE(memchr(info.camera, 0, sizeof info.camera));
    } else {
        require_reason(status, &error);
    }
    status = codec_decode(bytes, size, size % 3 ? 0 : 4, &picture, &error);
    REQUIRE(promised || status);
    if (status) {
        REQUIRE(!picture.rgb);
        require_reason(status, &error);
    } else {
        require_whole(&picture, &info);
    }
    codec_picture_free(&picture);
}

static uint32_t crc(const uint8_t *bytes, size_t size)
{
    uint32_t sum = 0xffffffff;
    for (size_t i = 0; i < size; i++) {
        sum ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            sum = sum >> 1 ^ (sum & 1 ? 0xedb88320 : 0);
    }
    return ~sum;
}

/* Puts the checksums of a PNG right: few changes would get past them otherwise. */
static void repair_png(uint8_t *bytes, size_t size)
{
    for (size_t at = 8; size >= 12 && at <= size - 12;) {
        size_t length = 0;
        for (int i = 0; i < 4; i++)
            length = length << 8 | bytes[at + (size_t)i];
        if (length > size - at - 12)
            return;
        const uint32_t sum = crc(bytes + at + 4, length + 4);
        for (int i = 0; i < 4; i++)
            bytes[at + 8 + length + (size_t)i] = (uint8_t)(sum >> (24 - 8 * i));
        at += length + 12;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    read_once(bytes, size);
    if (size < 8 || memcmp(bytes, "\x89PNG", 4))
        return 0;
    uint8_t *repaired = malloc(size);
    REQUIRE(repaired != NULL);
    memcpy(repaired, bytes, size);
    repair_png(repaired, size);
    read_once(repaired, size);
    free(repaired);
    return 0;
}

bool wn_fuzz_accepts(const uint8_t *bytes, size_t size)
{
    codec_picture picture;
    winnow_error error;
    const winnow_status status = codec_decode(bytes, size, 0, &picture, &error);
    codec_picture_free(&picture);
    return !status || strstr(error.message, "no libheif");
}
