/* SPDX-License-Identifier: Apache-2.0
 * The part of Python's pickle protocol 2 that torch.save writes for dictionaries of tensors. A pickle is a
 * program; this reader has no call instruction: REDUCE knows three names, each of which makes plain data
 * here. Every other instruction and every other name is refused with its byte position, before anything
 * happens. Instructions: CPython's Lib/pickletools.py. */
#ifndef WN_PICKLE_H
#define WN_PICKLE_H

#include "../runtime/safetensors.h"
#include "arena.h"

typedef enum wn_pickle_kind {
    WN_PICKLE_NONE,
    WN_PICKLE_BOOL,
    WN_PICKLE_INTEGER,
    WN_PICKLE_REAL,
    WN_PICKLE_TEXT,
    WN_PICKLE_TUPLE,
    WN_PICKLE_LIST,
    WN_PICKLE_DICT,   /* key, value, key, value ...; of equal keys the last counts */
    WN_PICKLE_GLOBAL, /* a known name, not yet used */
    WN_PICKLE_STORAGE,
    WN_PICKLE_TENSOR,
    WN_PICKLE_MARK
} wn_pickle_kind;

/* Numbers of one type under a key, e.g. of the archive's entry NAME/data/KEY. */
typedef struct wn_pickle_storage {
    wn_dtype dtype;
    const char *key; /* not NUL-terminated */
    size_t key_length;
    uint64_t count;
    struct wn_pickle_storage *next;
    const uint8_t *data; /* for the caller to find: count numbers, */
    uint64_t where;      /* and their byte position in the file */
} wn_pickle_storage;

/* A view of a storage, unchecked: it may reach beyond it. Offset and strides are in elements. */
typedef struct wn_pickle_tensor {
    const wn_pickle_storage *storage;
    uint64_t offset;
    int rank;
    uint64_t shape[WN_MAX_RANK], stride[WN_MAX_RANK];
} wn_pickle_tensor;

typedef struct wn_pickle_value {
    wn_pickle_kind kind;
    union {
        int64_t integer; /* also BOOL, and the index of a GLOBAL */
        double real;
        struct {
            const char *bytes; /* not NUL-terminated */
            size_t length;
        } text;
        struct {
            const struct wn_pickle_value **item;
            size_t count, capacity;
        } items;
        const wn_pickle_storage *storage;
        const wn_pickle_tensor *tensor;
    };
} wn_pickle_value;

typedef struct wn_pickle {
    const wn_pickle_value *value;
    wn_pickle_storage *storages; /* all that the pickle speaks of, one a mention */
} wn_pickle;

/* Reads one pickle from bytes[size] at *at, and leaves *at behind it. bytes[0] is byte `base` of the file,
 * for messages. Values are the arena's, texts are borrowed from bytes. A value may contain itself. */
winnow_status wn_pickle_read(const void *bytes, size_t size, size_t *at, uint64_t base, wn_arena *arena,
                             wn_pickle *pickle, winnow_error *error);

bool wn_pickle_is_text(const wn_pickle_value *value, const char *text);

/* The value under a text key of a dictionary; NULL if there is none. */
const wn_pickle_value *wn_pickle_find(const wn_pickle_value *dict, const char *key);

#endif
