/* SPDX-License-Identifier: Apache-2.0 */
#include "zip.h"

#include <stdlib.h>
#include <string.h>

enum {
    LOCAL = 0x04034b50,
    CENTRAL = 0x02014b50,
    END = 0x06054b50,
    END64 = 0x06064b50,
    LOCATOR64 = 0x07064b50,
    LOCAL_SIZE = 30,
    CENTRAL_SIZE = 46,
    END_SIZE = 22,
    END64_SIZE = 56,
    LOCATOR64_SIZE = 20,
    ENCRYPTED = 1,
};

static uint32_t get16(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8;
}

static uint32_t get32(const uint8_t *at)
{
    return get16(at) | get16(at + 2) << 16;
}

static uint64_t get64(const uint8_t *at)
{
    return get32(at) | (uint64_t)get32(at + 4) << 32;
}

static winnow_status refuse(winnow_error *error, size_t where, const char *what)
{
    return wn_fail(error, WINNOW_ERROR_FORMAT, (int64_t)where, "byte %zu of the ZIP archive: %s", where,
                   what);
}

uint32_t wn_crc32(uint32_t crc, const void *bytes, size_t size)
{
    uint32_t table[256];
    const uint8_t *byte = bytes;
    for (uint32_t i = 0; i < 256; i++) {
        table[i] = i;
        for (int bit = 0; bit < 8; bit++)
            table[i] = table[i] & 1 ? table[i] >> 1 ^ 0xedb88320 : table[i] >> 1;
    }
    for (crc = ~crc; size--; byte++)
        crc = crc >> 8 ^ table[(crc ^ *byte) & 255];
    return ~crc;
}

bool wn_zip_recognise(const void *bytes, size_t size)
{
    return size >= 4 && get32(bytes) == LOCAL;
}

/* The order of names: by length, then by bytes. Any order would do. */
static int compare_names(const void *left, const void *right)
{
    const wn_zip_entry *a = left, *b = right;
    if (a->name_length != b->name_length)
        return a->name_length < b->name_length ? -1 : 1;
    return memcmp(a->name, b->name, a->name_length);
}

static int compare_places(const void *left, const void *right)
{
    const wn_zip_entry *a = left, *b = right;
    return a->data < b->data ? -1 : a->data > b->data;
}

/* Reads the central record at *at (and steps over it) and the local one that it points at. `end` is where the
 * central directory ends. */
static winnow_status read_entry(const uint8_t *bytes, size_t directory, size_t end, size_t *at,
                                wn_zip_entry *entry, winnow_error *error)
{
    const uint8_t *record = bytes + *at;
    if (end - *at < CENTRAL_SIZE || get32(record) != CENTRAL)
        return refuse(error, *at, "no entry of the directory, where one is promised");
    const size_t name = get16(record + 28), extra = get16(record + 30), comment = get16(record + 32);
    const size_t record_size = CENTRAL_SIZE + name + extra + comment;
    const size_t size = get32(record + 24), local = get32(record + 42);
    if (end - *at < record_size)
        return refuse(error, *at, "the directory is cut off");
    if (get16(record + 8) & ENCRYPTED)
        return refuse(error, *at + 8, "an encrypted entry");
    if (get16(record + 10) != 0 || get32(record + 20) != size)
        return refuse(error, *at + 10, "a compressed entry; torch.save writes stored ones");
    if (directory < LOCAL_SIZE || local > directory - LOCAL_SIZE)
        return refuse(error, *at + 42, "an entry outside the file, or a ZIP64 archive");
    const uint8_t *header = bytes + local;
    if (get32(header) != LOCAL || get16(header + 26) != name)
        return refuse(error, local, "no entry, where the directory says there is one");
    const size_t start = local + LOCAL_SIZE + name + get16(header + 28);
    if (start > directory || size > directory - start)
        return refuse(error, local, "an entry that reaches beyond the file");
    if (memcmp(record + CENTRAL_SIZE, header + LOCAL_SIZE, name) != 0)
        return refuse(error, local, "an entry with another name than in the directory");
    *entry =
        (wn_zip_entry){(const char *)record + CENTRAL_SIZE, name, bytes + start, size, get32(record + 16)};
    *at += record_size;
    return WINNOW_OK;
}

static winnow_status check_places(const wn_zip *zip, winnow_error *error)
{
    qsort(zip->entry, zip->count, sizeof *zip->entry, compare_places);
    for (size_t i = 1; i < zip->count; i++)
        if (zip->entry[i].data < zip->entry[i - 1].data + zip->entry[i - 1].size)
            return refuse(error, (size_t)(zip->entry[i].data - zip->bytes), "two entries overlap");
    qsort(zip->entry, zip->count, sizeof *zip->entry, compare_names);
    for (size_t i = 1; i < zip->count; i++)
        if (!compare_names(&zip->entry[i], &zip->entry[i - 1]))
            return refuse(error, (size_t)((const uint8_t *)zip->entry[i].name - zip->bytes),
                          "two entries of one name");
    return WINNOW_OK;
}

/* After check_places: of entries that overlap, a small file could have any number to sum up. */
static winnow_status check_sums(const wn_zip *zip, winnow_error *error)
{
    for (const wn_zip_entry *e = zip->entry; e < zip->entry + zip->count; e++)
        if (wn_crc32(0, e->data, e->size) != e->crc)
            return refuse(
                error, (size_t)(e->data - zip->bytes),
                "an entry whose CRC-32 is not the one in the directory; the file is damaged, or was "
                "saved after torch.serialization.set_crc32_options(False)");
    return WINNOW_OK;
}

/* torch.save always adds the end records of ZIP64, even where the plain one says everything. They may repeat
 * it, in the 76 bytes before `end`. */
static bool repeated_in_zip64(const uint8_t *bytes, size_t end, size_t count, size_t length, size_t directory)
{
    const size_t at = directory + length;
    if (end - at != END64_SIZE + LOCATOR64_SIZE)
        return false;
    const uint8_t *record = bytes + at, *locator = record + END64_SIZE;
    return get32(record) == END64 && get64(record + 4) == END64_SIZE - 12 && get64(record + 16) == 0 &&
           get64(record + 24) == count && get64(record + 32) == count && get64(record + 40) == length &&
           get64(record + 48) == directory && get32(locator) == LOCATOR64 && get32(locator + 4) == 0 &&
           get64(locator + 8) == at && get32(locator + 16) == 1;
}

winnow_status wn_zip_open(const void *bytes, size_t size, wn_arena *arena, wn_zip *zip, winnow_error *error)
{
    *zip = (wn_zip){.bytes = bytes};
    const size_t end = size < END_SIZE ? 0 : size - END_SIZE;
    const uint8_t *record = zip->bytes + end;
    if (size < END_SIZE || get32(record) != END)
        return refuse(error, end, "no end of an archive; the file is cut off, or more follows");
    const size_t count = get16(record + 10), length = get32(record + 12), directory = get32(record + 16);
    if (get32(record + 4) != 0 || get16(record + 8) != count || get16(record + 20) != 0)
        return refuse(error, end, "an archive in several parts, or with a comment");
    if (directory > end || length > end - directory ||
        (directory + length != end && !repeated_in_zip64(zip->bytes, end, count, length, directory)))
        return refuse(error, end, "a directory that does not fill the end of the file, or a ZIP64 archive");
    zip->entry = wn_arena_alloc(arena, count * sizeof *zip->entry);
    if (!zip->entry)
        return wn_fail_memory(error);
    size_t at = directory;
    for (; zip->count < count; zip->count++) {
        winnow_status status =
            read_entry(zip->bytes, directory, directory + length, &at, &zip->entry[zip->count], error);
        if (status)
            return status;
    }
    if (at != directory + length)
        return refuse(error, at, "more in the directory than is promised");
    winnow_status status = check_places(zip, error);
    return status ? status : check_sums(zip, error);
}

const wn_zip_entry *wn_zip_find(const wn_zip *zip, const char *name, size_t name_length)
{
    const wn_zip_entry wanted = {.name = name, .name_length = name_length};
    return bsearch(&wanted, zip->entry, zip->count, sizeof wanted, compare_names);
}
