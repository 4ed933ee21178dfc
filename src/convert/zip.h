/* SPDX-License-Identifier: Apache-2.0
 * The one kind of ZIP archive that torch.save writes: entries stored, not compressed. Everything else that an
 * archive can be (deflated, encrypted, split, above 4 GB, with bytes after it) is refused, so that no
 * decompressor has to be trusted. Format: PKWARE's APPNOTE.TXT 6.3, sections 4.3.7, 4.3.12 and 4.3.16. */
#ifndef WN_ZIP_H
#define WN_ZIP_H

#include "../runtime/error.h"
#include "arena.h"

#include <stdbool.h>

typedef struct wn_zip_entry {
    const char *name; /* not NUL-terminated */
    size_t name_length;
    const uint8_t *data;
    size_t size;
    uint32_t crc; /* of the data */
} wn_zip_entry;

typedef struct wn_zip {
    const uint8_t *bytes;
    wn_zip_entry *entry; /* sorted by name */
    size_t count;
} wn_zip;

/* The CRC-32 of ZIP (and PNG): of what gave `crc`, or of nothing (0), with bytes[size] after it. */
uint32_t wn_crc32(uint32_t crc, const void *bytes, size_t size);

/* Whether bytes[size] begins like an archive. */
bool wn_zip_recognise(const void *bytes, size_t size);

/* Lists the archive in bytes[size], which must outlive *zip; the list is the arena's. Checked: every entry
 * lies in the file and has its checksum, no two overlap and no two have one name. */
winnow_status wn_zip_open(const void *bytes, size_t size, wn_arena *arena, wn_zip *zip, winnow_error *error);

/* NULL if there is none of that name. */
const wn_zip_entry *wn_zip_find(const wn_zip *zip, const char *name, size_t name_length);

#endif
