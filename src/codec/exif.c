/* SPDX-License-Identifier: Apache-2.0
 * The few EXIF tags that matter, by libexif. */
#include "formats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libexif/exif-data.h>

/* JPEG allows 64 KiB; other containers any size, but nothing that matters is that large. */
enum { LARGEST_BLOCK = 1 << 20 };

static void read_orientation(ExifData *data, codec_info *info)
{
    const ExifEntry *entry = exif_content_get_entry(data->ifd[EXIF_IFD_0], EXIF_TAG_ORIENTATION);
    if (!entry || entry->components < 1)
        return;
    const ExifByteOrder order = exif_data_get_byte_order(data);
    unsigned value = 0;
    if (entry->format == EXIF_FORMAT_SHORT && entry->size >= 2)
        value = exif_get_short(entry->data, order);
    else if (entry->format == EXIF_FORMAT_LONG && entry->size >= 4)
        value = exif_get_long(entry->data, order);
    if (value >= 1 && value <= 8)
        info->orientation = (int)value;
}

/* An ASCII tag without its padding; what is no ASCII becomes '?'. */
static void read_text(ExifContent *content, ExifTag tag, char *text, size_t size)
{
    const ExifEntry *entry = exif_content_get_entry(content, tag);
    size_t length = 0;
    if (entry && entry->format == EXIF_FORMAT_ASCII)
        for (; length < entry->size && length + 1 < size && entry->data[length]; length++) {
            const unsigned char c = entry->data[length];
            text[length] = c >= 0x20 && c < 0x7f ? (char)c : '?';
        }
    while (length > 0 && text[length - 1] == ' ')
        length--;
    text[length] = 0;
}

static void read_camera(ExifData *data, codec_info *info)
{
    char make[32], model[sizeof info->camera];
    read_text(data->ifd[EXIF_IFD_0], EXIF_TAG_MAKE, make, sizeof make);
    read_text(data->ifd[EXIF_IFD_0], EXIF_TAG_MODEL, model, sizeof model);
    const bool repeated = !strncmp(make, model, strlen(make)); /* "Canon" and "Canon EOS 5D" */
    char both[sizeof make + sizeof model];
    snprintf(both, sizeof both, "%s%s%s", repeated ? "" : make, !repeated && *make && *model ? " " : "",
             model);
    memcpy(info->camera, both, sizeof info->camera - 1);
    info->camera[sizeof info->camera - 1] = 0;
}

/* Days since 1970-01-01 in the Gregorian calendar (H. Hinnant, "chrono-compatible low-level date
 * algorithms"). */
static int64_t days_from_civil(int year, int month, int day)
{
    year -= month <= 2;
    const int era = year / 400, year_of_era = year % 400;
    const int day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return (int64_t)era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

static void read_time(ExifData *data, codec_info *info)
{
    char text[20];
    int year, month, day, hour, minute, second;
    read_text(data->ifd[EXIF_IFD_EXIF], EXIF_TAG_DATE_TIME_ORIGINAL, text, sizeof text);
    if (sscanf(text, "%4d:%2d:%2d %2d:%2d:%2d", &year, &month, &day, &hour, &minute, &second) != 6)
        return;
    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > 31 || hour < 0 || hour > 23 ||
        minute < 0 || minute > 59 || second < 0 || second > 60)
        return;
    info->taken = days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
}

void codec_read_exif(const uint8_t *bytes, size_t size, codec_info *info)
{
    static const uint8_t prefix[6] = "Exif\0";
    if (size < 8 || size > LARGEST_BLOCK)
        return;
    const size_t skip = memcmp(bytes, prefix, sizeof prefix) ? 0 : sizeof prefix;
    uint8_t *block = malloc(sizeof prefix + size - skip);
    ExifData *data = exif_data_new();
    if (block && data) {
        memcpy(block, prefix, sizeof prefix);
        memcpy(block + sizeof prefix, bytes + skip, size - skip);
        /* As stored: by default libexif "mends" the block by adding tags that are not there. */
        exif_data_unset_option(data, EXIF_DATA_OPTION_FOLLOW_SPECIFICATION);
        exif_data_load_data(data, block, (unsigned int)(sizeof prefix + size - skip));
        read_orientation(data, info);
        read_camera(data, info);
        read_time(data, info);
    }
    if (data)
        exif_data_unref(data);
    free(block);
}
